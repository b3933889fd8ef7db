//! Networks, found by the addresses in them: a table for each length of prefix.

use std::{collections::BTreeSet, net::IpAddr};

use ahash::AHashMap;
use ipnet::IpNet;

/// What is known of networks.
#[derive(Clone, Debug, Default)]
pub(super) struct Networks<V> {
    known: AHashMap<IpNet, V>,
    /// The lengths that occur, of IPv4 and of IPv6.
    four: BTreeSet<u8>,
    six: BTreeSet<u8>,
}

impl<V> Networks<V> {
    pub(super) fn new() -> Self {
        Self { known: AHashMap::new(), four: BTreeSet::new(), six: BTreeSet::new() }
    }

    pub(super) fn entry(&mut self, network: IpNet, fresh: impl FnOnce() -> V) -> &mut V {
        let network = network.trunc();
        match network {
            IpNet::V4(_) => self.four.insert(network.prefix_len()),
            IpNet::V6(_) => self.six.insert(network.prefix_len()),
        };
        self.known.entry(network).or_insert_with(fresh)
    }

    pub(super) fn has(&self, network: &IpNet) -> bool {
        self.known.contains_key(&network.trunc())
    }

    /// The narrowest network around an address.
    pub(super) fn around(&self, address: IpAddr) -> Option<(IpNet, &V)> {
        let lengths = if address.is_ipv4() { &self.four } else { &self.six };
        lengths.iter().rev().find_map(|length| {
            let network = IpNet::new(address, *length).ok()?.trunc();
            self.known.get(&network).map(|known| (network, known))
        })
    }

    pub(super) fn get_mut(&mut self, network: &IpNet) -> Option<&mut V> {
        self.known.get_mut(network)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&IpNet, &V)> {
        self.known.iter()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.known.retain(|_, known| keep(known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_network_is_found() {
        let mut networks = Networks::new();
        for text in ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32"] {
            networks.entry(text.parse().unwrap(), || text);
        }
        let around =
            |address: &str| networks.around(address.parse().unwrap()).map(|(_, text)| *text);
        assert_eq!(around("10.1.2.3"), Some("10.1.2.0/24"));
        assert_eq!(around("10.1.3.3"), Some("10.1.0.0/16"));
        assert_eq!(around("10.9.9.9"), Some("10.0.0.0/8"));
        assert_eq!(around("2001:db8::9"), Some("2001:db8::/32"));
        assert_eq!(around("11.0.0.1"), None);
    }
}

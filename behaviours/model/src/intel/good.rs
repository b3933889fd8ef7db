//! Who is known to be good: addresses, networks and domains that win over every indicator.

use std::net::IpAddr;

use ahash::AHashSet;

use super::{What, networks::Networks};

/// A list of the good.
#[derive(Clone, Debug, Default)]
pub struct Good {
    addresses: AHashSet<IpAddr>,
    networks: Networks<()>,
    domains: AHashSet<String>,
}

impl Good {
    /// The most entries; further ones are refused, and counted by who loads them.
    pub const MOST: usize = 1_000_000;

    /// Adds an entry. Says whether it was taken: fingerprints, hashes and paths are nobody's, and a
    /// full list takes nothing new.
    pub fn add(&mut self, what: What) -> bool {
        if self.len() >= Self::MOST {
            return false;
        }
        match what {
            What::Address(address) => {
                self.addresses.insert(address);
            }
            What::Network(network) => *self.networks.entry(network, || ()) = (),
            What::Domain(name) => {
                self.domains.insert(name);
            }
            What::Url(_) | What::Ja3(_) | What::Ja4(_) | What::Hash(_) => return false,
        }
        true
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.addresses.len() + self.networks.len() + self.domains.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an address is on it.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.networks.around(address).is_some()
    }

    /// Whether a name, or a domain above it, is on it.
    pub fn has_name(&self, name: &str) -> bool {
        !self.domains.is_empty() && above(name).any(|domain| self.domains.contains(domain))
    }
}

/// A name and the domains above it: `a.b.c`, `b.c`, `c`; at most 16.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(name);
    std::iter::from_fn(move || {
        let name = rest?;
        rest = name.split_once('.').map(|(_, rest)| rest);
        Some(name)
    })
    .take(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_stands_for_all_below_it_and_not_for_its_neighbours() {
        let mut good = Good::default();
        assert!(good.add(What::domain("example.com").unwrap()));
        assert!(good.add(What::address("192.0.2.0/24").unwrap()));
        assert!(!good.add(What::hash(&"a".repeat(64)).unwrap()));
        assert!(good.has_name("example.com") && good.has_name("a.b.example.com"));
        assert!(!good.has_name("notexample.com") && !good.has_name("com"));
        assert!(good.has_address("192.0.2.9".parse().unwrap()));
        assert!(!good.has_address("192.0.3.9".parse().unwrap()));
    }
}

//! Whether an address is one of the public internet, or of many.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anywhere in the internet.
    Public,
    /// Of a network of one's own, or of no network at all (IANA's special-purpose registries).
    Local,
    /// Multicast, or a broadcast: an IPv4 address that ends in 255.
    Many,
}

pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) if address.is_multicast() || address.octets()[3] == 255 => Reach::Many,
        IpAddr::V4(address) if is_local(address) => Reach::Local,
        IpAddr::V6(address) if address.is_multicast() => Reach::Many,
        IpAddr::V6(address) if is_local_v6(address) => Reach::Local,
        IpAddr::V4(_) | IpAddr::V6(_) => Reach::Public,
    }
}

fn is_local(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || first == 0
        || first >= 240
        || (first == 198 && (18..20).contains(&second))
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.segments().starts_with(&[0x2001, 0xdb8])
        || address.to_ipv4_mapped().is_some()
}

/// An address as a number, to look things up by: those of IPv4 as IPv6 maps them.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) | (0xffff << 32),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_where_they_reach() {
        let table = [
            ("8.8.8.8", Reach::Public),
            ("100.64.0.1", Reach::Public),
            ("2606:4700::1", Reach::Public),
            ("10.1.2.3", Reach::Local),
            ("0.0.0.0", Reach::Local),
            ("198.19.0.1", Reach::Local),
            ("fe80::1", Reach::Local),
            ("fd00::1", Reach::Local),
            ("::ffff:8.8.8.8", Reach::Local),
            ("239.255.255.250", Reach::Many),
            ("192.168.1.255", Reach::Many),
            ("255.255.255.255", Reach::Many),
            ("ff02::fb", Reach::Many),
        ];
        for (address, wanted) in table {
            assert_eq!(reach(address.parse().unwrap()), wanted, "{address}");
        }
    }
}

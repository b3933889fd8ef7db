//! Who has an address: ARP (RFC 826), and the neighbours of IPv6 (RFC 4861).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Arp, ArpKind, Moment, Protocol, bytes::Bytes, packet::Packet};

/// Reads an ARP message of Ethernet and IPv4.
pub(crate) fn arp(message: &[u8], from: Option<[u8; 6]>, at: Moment) -> Option<Arp> {
    let mut bytes = Bytes(message);
    let kinds = (bytes.u16()?, bytes.u16()?, bytes.u8()?, bytes.u8()?);
    if kinds != (1, 0x0800, 6, 4) {
        return None;
    }
    let kind = match bytes.u16()? {
        1 => ArpKind::Request,
        2 => ArpKind::Reply,
        _ => return None,
    };
    let sender = bytes.array::<6>()?;
    let sender_address = IpAddr::V4(Ipv4Addr::from(bytes.array::<4>()?));
    bytes.take(6)?;
    let target_address = IpAddr::V4(Ipv4Addr::from(bytes.array::<4>()?));
    Some(Arp { at, kind, from, sender, sender_address, target_address })
}

/// Reads a neighbour's solicitation or advertisement.
pub(crate) fn neighbour(packet: &Packet<'_>) -> Option<Arp> {
    if packet.protocol != Protocol::ICMP6 {
        return None;
    }
    let kind = match packet.source.port {
        135 => ArpKind::Request,
        136 => ArpKind::Reply,
        _ => return None,
    };
    // After ICMP's first eight bytes: the address that it is about, and options.
    let mut bytes = Bytes(packet.payload);
    let target = IpAddr::V6(Ipv6Addr::from(bytes.array::<16>()?));
    let mut claimed = None;
    for _ in 0..8 {
        let (Some(option), Some(words)) = (bytes.u8(), bytes.u8()) else { break };
        let Some(rest) = (usize::from(words) * 8).checked_sub(2) else { break };
        let Some(value) = bytes.take(rest) else { break };
        let wanted = if kind == ArpKind::Request { 1 } else { 2 };
        if option == wanted {
            claimed = value.first_chunk::<6>().copied();
        }
    }
    let from = packet.outer.link.map(|[source, _]| source);
    let source = packet.source.endpoint().address;
    Some(Arp {
        at: packet.at,
        kind,
        from,
        sender: claimed.or(from)?,
        sender_address: if kind == ArpKind::Reply { target } else { source },
        target_address: target,
    })
}

//! Packets in packets: IP in IP, GRE, VXLAN, Geneve, Teredo, GTP-U.

use crate::{bytes::Bytes, packet::Tunnel};

/// What is inside, and how it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inner<'a> {
    Ip(&'a [u8]),
    Ethernet(&'a [u8]),
    /// What follows an Ethernet type.
    Typed(u16, &'a [u8]),
    Ppp(&'a [u8]),
}

/// Tunnels that are IP protocols themselves.
#[inline]
pub(crate) fn in_ip(protocol: u8, payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    match protocol {
        4 | 41 => Some((Tunnel::Ip, Inner::Ip(payload))),
        47 => gre(payload).map(|inner| (Tunnel::Gre, inner)),
        _ => None,
    }
}

/// Tunnels over UDP, by the port that IANA gave them and by how they start.
#[inline]
pub(crate) fn in_udp(ports: [u16; 2], payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    let [_, to] = ports;
    let has = |port| ports.contains(&port);
    if has(53) || has(443) {
        return None;
    }
    match to {
        4789 | 8472 => vxlan(payload),
        6081 => geneve(payload),
        4754 => gre(payload).map(|inner| (Tunnel::Gre, inner)),
        _ if has(3544) => teredo(payload),
        _ if has(2152) => gtp(payload),
        _ => None,
    }
}

/// GRE (RFC 2784, RFC 2890), PPTP's (RFC 2637), ERSPAN in it.
fn gre(payload: &[u8]) -> Option<Inner<'_>> {
    let mut bytes = Bytes(payload);
    let flags = bytes.u16()?;
    let kind = bytes.u16()?;
    let version = flags & 0x7;
    if version > 1 {
        return None;
    }
    for (flag, length) in [(0xc000, 4), (0x2000, 4), (0x1000, 4)] {
        if flags & flag != 0 {
            bytes.take(length)?;
        }
    }
    if version == 1 && flags & 0x0080 != 0 {
        bytes.take(4)?;
    }
    match kind {
        0x6558 => Some(Inner::Ethernet(bytes.0)),
        0x880b => Some(Inner::Ppp(bytes.0)),
        // ERSPAN: without sequence numbers type I, which has no header of its own.
        0x88be if flags & 0x1000 == 0 => Some(Inner::Ethernet(bytes.0)),
        0x88be => bytes.take(8).map(|_| Inner::Ethernet(bytes.0)),
        0x22eb => {
            let header = bytes.take(12)?;
            if header.last()? & 1 != 0 {
                bytes.take(8)?;
            }
            Some(Inner::Ethernet(bytes.0))
        }
        0x0800 | 0x86dd | 0x8847 | 0x8848 | 0x8100 | 0x88a8 => Some(Inner::Typed(kind, bytes.0)),
        _ => None,
    }
}

/// VXLAN (RFC 7348, 5).
fn vxlan(payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    let mut bytes = Bytes(payload);
    let flags = bytes.u32()?;
    if flags & 0x0800_0000 == 0 {
        return None;
    }
    let network = bytes.u32()? >> 8;
    Some((Tunnel::Vxlan(network), Inner::Ethernet(bytes.0)))
}

/// Geneve (RFC 8926, 3.4).
fn geneve(payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    let mut bytes = Bytes(payload);
    let first = bytes.u8()?;
    if first >> 6 != 0 {
        return None;
    }
    bytes.u8()?;
    let kind = bytes.u16()?;
    let network = bytes.u32()? >> 8;
    bytes.take(usize::from(first & 0x3f) * 4)?;
    let inner = match kind {
        0x6558 => Inner::Ethernet(bytes.0),
        _ => Inner::Typed(kind, bytes.0),
    };
    Some((Tunnel::Geneve(network), inner))
}

/// Teredo (RFC 4380, 5.1.1): IPv6, after an authentication and an origin that may be left out.
fn teredo(payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    let mut bytes = Bytes(payload);
    if bytes.0.starts_with(&[0, 1]) {
        bytes.take(2)?;
        let (identifier, secret) = (bytes.u8()?, bytes.u8()?);
        bytes.take(usize::from(identifier) + usize::from(secret) + 9)?;
    }
    if bytes.0.starts_with(&[0, 0]) {
        bytes.take(8)?;
    }
    let version = bytes.0.first()? >> 4;
    (version == 6 && bytes.len() >= 40).then_some((Tunnel::Teredo, Inner::Ip(bytes.0)))
}

/// GTP-U, version 1 (3GPP TS 29.281, 5.1), packets of users.
fn gtp(payload: &[u8]) -> Option<(Tunnel, Inner<'_>)> {
    let mut bytes = Bytes(payload);
    let flags = bytes.u8()?;
    let kind = bytes.u8()?;
    if flags >> 5 != 1 || flags & 0x10 == 0 || kind != 0xff {
        return None;
    }
    let length = bytes.u16()?;
    let endpoint = bytes.u32()?;
    if usize::from(length) > bytes.len() {
        return None;
    }
    if flags & 0x07 != 0 {
        bytes.take(3)?;
        let mut next = bytes.u8()?;
        for _ in 0..8 {
            if next == 0 || flags & 0x04 == 0 {
                break;
            }
            let words = usize::from(bytes.u8()?);
            let extension = bytes.take((words * 4).checked_sub(1)?)?;
            next = *extension.last()?;
        }
    }
    let version = bytes.0.first()? >> 4;
    matches!(version, 4 | 6).then_some((Tunnel::Gtp(endpoint), Inner::Ip(bytes.0)))
}

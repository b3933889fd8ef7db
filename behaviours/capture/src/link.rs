//! From a frame to what it carries: link types, tags, labels.

use crate::{
    bytes::{Bytes, u16_at},
    packet::Outer,
};

/// What is in a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// An IP packet, of version 4 or 6.
    Ip(&'a [u8]),
    /// An ARP message.
    Arp(&'a [u8]),
    /// Something else.
    Other,
    /// Nothing that makes sense.
    Malformed,
    /// A link type that is not read.
    Unread,
}

/// How many tags, labels and headers there may be before the IP packet.
const DEPTH: usize = 16;

/// Opens a frame of that link type.
#[inline]
pub(crate) fn open<'a>(link: i32, frame: &'a [u8], outer: &mut Outer) -> Content<'a> {
    if link == 1 {
        return ethernet(frame, outer);
    }
    other(link, frame, outer).unwrap_or(Content::Malformed)
}

fn other<'a>(link: i32, frame: &'a [u8], outer: &mut Outer) -> Option<Content<'a>> {
    Some(match link {
        // The family of addresses, in the byte order of who captured: the packet itself says more.
        0 | 108 => ip(frame.get(4..)?),
        9 => ppp(frame),
        50 => ppp(frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame)),
        51 => pppoe(frame),
        12 | 14 | 101 | 228 | 229 => ip(frame),
        104 => ether_type(u16_at(frame, 2)?, frame.get(4..)?, outer),
        105 => wireless(frame, outer)?,
        113 => ether_type(u16_at(frame, 14)?, frame.get(16..)?, outer),
        127 => {
            let [low, high] = *frame.get(2..)?.first_chunk::<2>()?;
            wireless(frame.get(usize::from(u16::from_le_bytes([low, high]))..)?, outer)?
        }
        239 => nflog(frame)?,
        276 => ether_type(u16_at(frame, 0)?, frame.get(20..)?, outer),
        _ => Content::Unread,
    })
}

/// Opens an Ethernet frame.
#[inline]
pub(crate) fn ethernet<'a>(frame: &'a [u8], outer: &mut Outer) -> Content<'a> {
    let mut bytes = Bytes(frame);
    let (Some(destination), Some(source), Some(kind)) =
        (bytes.array::<6>(), bytes.array::<6>(), bytes.u16())
    else {
        return Content::Malformed;
    };
    outer.link = Some([source, destination]);
    // Cisco's fabric path puts a header of 16 bytes before the real frame.
    if kind == 0x8903 {
        return frame.get(16..).map_or(Content::Malformed, |inner| ethernet_once(inner, outer));
    }
    ether_type(kind, bytes.0, outer)
}

fn ethernet_once<'a>(frame: &'a [u8], outer: &mut Outer) -> Content<'a> {
    let mut bytes = Bytes(frame);
    let (Some(destination), Some(source), Some(kind)) =
        (bytes.array::<6>(), bytes.array::<6>(), bytes.u16())
    else {
        return Content::Malformed;
    };
    outer.link = Some([source, destination]);
    ether_type(kind, bytes.0, outer)
}

/// Opens what follows an Ethernet type.
#[inline]
pub(crate) fn ether_type<'a>(kind: u16, rest: &'a [u8], outer: &mut Outer) -> Content<'a> {
    let mut kind = kind;
    let mut bytes = Bytes(rest);
    for _ in 0..DEPTH {
        match kind {
            0x0800 | 0x86dd => return ip(bytes.0),
            0x0806 => return Content::Arp(bytes.0),
            // A VLAN's tag (802.1Q, 802.1ad and the numbers used before it); the first is the outer.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let (Some(tag), Some(next)) = (bytes.u16(), bytes.u16()) else {
                    return Content::Malformed;
                };
                outer.vlan = outer.vlan.or(Some(tag & 0x0fff));
                kind = next;
            }
            // VN-Tag: four bytes and the next type.
            0x8926 => {
                let (Some(_), Some(next)) = (bytes.u32(), bytes.u16()) else {
                    return Content::Malformed;
                };
                kind = next;
            }
            // MPLS: labels until the one that says that it is the last.
            0x8847 | 0x8848 => return mpls(bytes, outer),
            0x8864 => return pppoe(bytes.0),
            // Provider backbone: a tag of four bytes, and a whole frame.
            0x88e7 => {
                let Some(_) = bytes.u32() else { return Content::Malformed };
                return ethernet_once(bytes.0, outer);
            }
            // A length: LLC, and with SNAP the type after it.
            0..=0x05dc => {
                let snap = bytes.0.strip_prefix(&[0xaa, 0xaa, 0x03]);
                let Some(snap) = snap else { return Content::Other };
                bytes = Bytes(snap);
                let (Some(_), Some(next)) = (bytes.array::<3>(), bytes.u16()) else {
                    return Content::Malformed;
                };
                if next <= 0x05dc {
                    return Content::Other;
                }
                kind = next;
            }
            _ => return Content::Other,
        }
    }
    Content::Malformed
}

fn mpls<'a>(mut bytes: Bytes<'a>, outer: &mut Outer) -> Content<'a> {
    for _ in 0..DEPTH {
        let Some(label) = bytes.u32() else { return Content::Malformed };
        if label & 0x100 == 0 {
            continue;
        }
        return match bytes.0.first().map(|byte| byte >> 4) {
            Some(4 | 6) => ip(bytes.0),
            // A pseudo-wire's control word (RFC 4385), and an Ethernet frame.
            Some(0) => bytes.0.get(4..).map_or(Content::Malformed, |f| ethernet_once(f, outer)),
            _ => ethernet_once(bytes.0, outer),
        };
    }
    Content::Malformed
}

fn pppoe(bytes: &[u8]) -> Content<'_> {
    bytes.get(6..).map_or(Content::Malformed, ppp)
}

/// Opens what PPP carries; its protocol number may be one byte long (RFC 1661, 2).
pub(crate) fn ppp(bytes: &[u8]) -> Content<'_> {
    let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    match bytes {
        [0x00, 0x21 | 0x57, rest @ ..] | [0x21 | 0x57, rest @ ..] => ip(rest),
        [_, _, ..] => Content::Other,
        _ => Content::Malformed,
    }
}

#[inline]
fn ip(bytes: &[u8]) -> Content<'_> {
    match bytes.first().map(|byte| byte >> 4) {
        Some(4 | 6) => Content::Ip(bytes),
        _ => Content::Malformed,
    }
}

/// A data frame of 802.11 that is not encrypted.
fn wireless<'a>(frame: &'a [u8], outer: &mut Outer) -> Option<Content<'a>> {
    let control = *frame.first()?;
    let flags = *frame.get(1)?;
    // Type 2 is data; subtypes with bit 2 set carry none.
    if control >> 2 & 0x03 != 2 || control & 0x40 != 0 || flags & 0x40 != 0 {
        return Some(Content::Other);
    }
    let four_addresses = flags & 0x03 == 0x03;
    let with_quality = control & 0x80 != 0;
    let header = 24 + if four_addresses { 6 } else { 0 } + if with_quality { 2 } else { 0 };
    let rest = frame.get(header..)?;
    let Some(snap) = rest.strip_prefix(&[0xaa, 0xaa, 0x03]) else { return aggregate(rest, outer) };
    Some(ether_type(u16_at(snap, 3)?, snap.get(5..)?, outer))
}

/// The first of the frames that 802.11n puts together into one.
fn aggregate<'a>(bytes: &'a [u8], outer: &mut Outer) -> Option<Content<'a>> {
    let snap = bytes.get(14..)?.strip_prefix(&[0xaa, 0xaa, 0x03])?;
    Some(ether_type(u16_at(snap, 3)?, snap.get(5..)?, outer))
}

/// The payload among what the kernel's log of packets tells.
fn nflog(frame: &[u8]) -> Option<Content<'_>> {
    let mut rest = frame.get(4..)?;
    for _ in 0..64 {
        let [length_low, length_high, kind_low, kind_high] = *rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_le_bytes([length_low, length_high]));
        let kind = u16::from_le_bytes([kind_low, kind_high]);
        if kind == 9 {
            return Some(ip(rest.get(4..length)?));
        }
        // Each starts at a multiple of four.
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
    None
}

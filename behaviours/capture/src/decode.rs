//! From frames to packets: links, IP, fragments, tunnels, transport.

use etherparse::{LaxIpSlice, LenSource};

use crate::{
    Counters, Moment, Protocol, Settings,
    bytes::{Bytes, u16_at},
    checksum,
    fragments::{Added, Fragment, Fragments, Whole},
    icmp,
    link::{self, Content},
    packet::{Outer, Packet, Side, Tcp, Tunnel},
    tunnel,
};

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decoded<'a> {
    Packet(Packet<'a>),
    Arp(&'a [u8], Option<[u8; 6]>),
}

/// Takes frames apart.
#[derive(Debug)]
pub(crate) struct Decoder {
    fragments: Fragments,
    verify: bool,
    deepest: u8,
}

/// An IP packet's header, and what it carries.
#[derive(Clone, Copy)]
struct Carried<'a> {
    source: u128,
    destination: u128,
    protocol: u8,
    /// Bytes of header and extensions.
    header: u32,
    payload: &'a [u8],
    /// Bytes of payload, as the header says.
    claimed: u32,
}

impl Decoder {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            fragments: Fragments::new(settings.max_fragmented),
            verify: settings.verify_checksums,
            deepest: settings.max_tunnels,
        }
    }

    /// Takes a frame apart, and says what is in it, the outermost first.
    #[inline]
    pub(crate) fn decode(
        &mut self,
        link: i32,
        at: Moment,
        frame: &[u8],
        counters: &mut Counters,
        tell: &mut impl FnMut(Decoded<'_>, &mut Counters),
    ) {
        let mut outer = Outer::default();
        let content = link::open(link, frame, &mut outer);
        self.content(content, at, outer, counters, tell);
    }

    #[inline]
    fn content(
        &mut self,
        content: Content<'_>,
        at: Moment,
        outer: Outer,
        counters: &mut Counters,
        tell: &mut impl FnMut(Decoded<'_>, &mut Counters),
    ) {
        match content {
            Content::Ip(bytes) => self.ip(bytes, at, outer, counters, tell),
            Content::Arp(bytes) => {
                counters.arp += 1;
                tell(Decoded::Arp(bytes, outer.link.map(|[source, _]| source)), counters);
            }
            Content::Other => counters.other += 1,
            Content::Malformed => counters.malformed += 1,
            Content::Unread => counters.unread += 1,
        }
    }

    fn ip(
        &mut self,
        bytes: &[u8],
        at: Moment,
        outer: Outer,
        counters: &mut Counters,
        tell: &mut impl FnMut(Decoded<'_>, &mut Counters),
    ) {
        let Ok((slice, _)) = LaxIpSlice::from_slice(bytes) else {
            counters.malformed += 1;
            return;
        };
        let Some((carried, fragment)) = open(&slice, bytes, self.verify) else {
            counters.malformed += 1;
            return;
        };
        let Some((whole, offset, more)) = fragment else {
            self.carried(carried, at, outer, counters, tell);
            return;
        };
        counters.fragments += 1;
        if slice.payload().incomplete {
            counters.fragments_lost += 1;
            return;
        }
        let fragment = Fragment { at, offset, more, payload: carried.payload };
        let (added, given_up) = self.fragments.add(whole, fragment);
        counters.fragments_lost += given_up;
        match added {
            Added::Waiting => {}
            Added::Lost(count) => counters.fragments_lost += count,
            Added::Complete(payload) => {
                counters.reassembled += 1;
                let claimed = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                let carried = Carried { payload: &payload, claimed, ..carried };
                self.carried(carried, at, outer, counters, tell);
            }
        }
    }

    /// What IP carries: another packet, or the packet of a conversation.
    #[inline]
    fn carried(
        &mut self,
        carried: Carried<'_>,
        at: Moment,
        outer: Outer,
        counters: &mut Counters,
        tell: &mut impl FnMut(Decoded<'_>, &mut Counters),
    ) {
        if let Some((kind, inner)) = tunnel::in_ip(carried.protocol, carried.payload) {
            self.inside(kind, inner, at, outer, counters, tell);
            return;
        }
        if self.verify && !has_right_checksum(&carried) {
            counters.bad_checksums += 1;
            return;
        }
        let Some(packet) = transport(&carried, at, outer) else {
            counters.malformed += 1;
            return;
        };
        counters.packets += 1;
        tell(Decoded::Packet(packet), counters);
        if packet.protocol == Protocol::UDP
            && let ports = [packet.source.port, packet.destination.port]
            && let Some((kind, inner)) = tunnel::in_udp(ports, packet.payload)
        {
            self.inside(kind, inner, at, outer, counters, tell);
        }
    }

    fn inside(
        &mut self,
        kind: Tunnel,
        inner: tunnel::Inner<'_>,
        at: Moment,
        outer: Outer,
        counters: &mut Counters,
        tell: &mut impl FnMut(Decoded<'_>, &mut Counters),
    ) {
        if outer.depth >= self.deepest {
            counters.too_deep += 1;
            return;
        }
        let mut outer = Outer {
            tunnel: Some(kind),
            depth: outer.depth + 1,
            link: outer.link,
            vlan: outer.vlan,
        };
        let content = match inner {
            tunnel::Inner::Ip(bytes) => Content::Ip(bytes),
            tunnel::Inner::Ethernet(bytes) => link::ethernet(bytes, &mut outer),
            tunnel::Inner::Typed(kind, bytes) => link::ether_type(kind, bytes, &mut outer),
            tunnel::Inner::Ppp(bytes) => link::ppp(bytes),
        };
        self.content(content, at, outer, counters, tell);
    }
}

type Piece = Option<(Whole, usize, bool)>;

/// The parts of an IP packet, and which fragment it is; `None` where its checksum is wrong.
#[inline]
fn open<'a>(slice: &LaxIpSlice<'a>, bytes: &[u8], verify: bool) -> Option<(Carried<'a>, Piece)> {
    let payload = slice.payload();
    match slice {
        LaxIpSlice::Ipv4(v4) => {
            let head = v4.header();
            if verify && checksum::sum(&[head.slice()]) != 0xffff {
                return None;
            }
            let source = 0xffff_0000_0000 | u128::from(u32::from_be_bytes(head.source()));
            let destination = 0xffff_0000_0000 | u128::from(u32::from_be_bytes(head.destination()));
            let extension = v4.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len());
            let header = u32::try_from(head.slice().len() + extension).ok()?;
            let claimed =
                claimed(payload, u32::from(head.total_len()).checked_sub(header), header, bytes);
            let protocol = payload.ip_number.0;
            let carried = Carried {
                source,
                destination,
                protocol,
                header,
                payload: payload.payload,
                claimed,
            };
            let whole = Whole {
                source,
                destination,
                identification: head.identification().into(),
                protocol,
            };
            let offset = usize::from(head.fragments_offset().value()) * 8;
            let piece = payload.fragmented.then_some((whole, offset, head.more_fragments()));
            Some((carried, piece))
        }
        LaxIpSlice::Ipv6(v6) => {
            let head = v6.header();
            let source = u128::from_be_bytes(head.source());
            let destination = u128::from_be_bytes(head.destination());
            let extensions = v6.extensions();
            let header = 40 + u32::try_from(extensions.slice().len()).ok()?;
            let said = (40 + u32::from(head.payload_length())).checked_sub(header);
            let claimed = claimed(payload, said, header, bytes);
            let protocol = payload.ip_number.0;
            let carried = Carried {
                source,
                destination,
                protocol,
                header,
                payload: payload.payload,
                claimed,
            };
            let piece = payload.fragmented.then(|| {
                extensions.clone().into_iter().find_map(|extension| match extension {
                    etherparse::Ipv6ExtensionSlice::Fragment(fragment) => Some((
                        Whole {
                            source,
                            destination,
                            identification: fragment.identification(),
                            protocol,
                        },
                        usize::from(fragment.fragment_offset().value()) * 8,
                        fragment.more_fragments(),
                    )),
                    _ => None,
                })
            });
            Some((carried, piece.flatten()))
        }
    }
}

/// How much payload there was on the wire. A length of nothing is what a card leaves that cuts
/// large packets up itself: then what was captured counts.
#[inline]
fn claimed(
    payload: &etherparse::LaxIpPayloadSlice<'_>,
    said: Option<u32>,
    header: u32,
    bytes: &[u8],
) -> u32 {
    let captured = || u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_sub(header);
    match payload.len_source {
        LenSource::Slice if !payload.incomplete => captured(),
        _ => said.unwrap_or_else(captured),
    }
}

/// The checksums of TCP, UDP and ICMP, of packets that were captured whole.
fn has_right_checksum(carried: &Carried<'_>) -> bool {
    let Ok(claimed) = usize::try_from(carried.claimed) else { return true };
    let Some(mut segment) = carried.payload.get(..claimed) else { return true };
    match carried.protocol {
        1 => checksum::sum(&[segment]) == 0xffff,
        17 => {
            // None was computed.
            if u16_at(segment, 6) == Some(0) {
                return true;
            }
            if let Some(length) = u16_at(segment, 4)
                && let Some(datagram) = segment.get(..usize::from(length).max(8))
            {
                segment = datagram;
            }
            checksum::is_right(carried.source, carried.destination, 17, segment)
        }
        6 | 58 => {
            checksum::is_right(carried.source, carried.destination, carried.protocol, segment)
        }
        _ => true,
    }
}

/// Reads TCP's, UDP's, SCTP's or ICMP's header.
#[inline]
fn transport<'a>(carried: &Carried<'a>, at: Moment, outer: Outer) -> Option<Packet<'a>> {
    let segment = carried.payload;
    let mut bytes = Bytes(segment);
    let (ports, tcp, header) = match carried.protocol {
        6 => {
            let ports = (bytes.u16()?, bytes.u16()?);
            let (sequence, acknowledged) = (bytes.u32()?, bytes.u32()?);
            let (offset, flags, window) = (bytes.u8()?, bytes.u8()?, bytes.u16()?);
            let header = usize::from(offset >> 4) * 4;
            if header < 20 {
                return None;
            }
            (ports, Some(Tcp { sequence, acknowledged, flags, window }), header)
        }
        17 => ((bytes.u16()?, bytes.u16()?), None, 8),
        132 => ((bytes.u16()?, bytes.u16()?), None, 12),
        1 | 58 => {
            let (kind, code) = (bytes.u8()?, bytes.u8()?);
            ((kind.into(), icmp::counterpart(carried.protocol, kind, code)), None, 8)
        }
        _ => ((0, 0), None, 0),
    };
    let claimed = match (carried.protocol, u16_at(segment, 4)) {
        // What UDP itself says, where that is possible.
        (17, Some(said @ 8..)) if u32::from(said) <= carried.claimed => said.into(),
        _ => carried.claimed,
    };
    let length = claimed.saturating_sub(u32::try_from(header).ok()?);
    let payload = segment.get(header..).unwrap_or_default();
    let payload = payload.get(..usize::try_from(length).ok()?).unwrap_or(payload);
    Some(Packet {
        at,
        source: Side { address: carried.source, port: ports.0 },
        destination: Side { address: carried.destination, port: ports.1 },
        protocol: Protocol(carried.protocol),
        tcp,
        bytes: carried.header.saturating_add(carried.claimed),
        length,
        payload,
        outer,
    })
}

//! The domain name system (RFC 1035), multicast DNS and LLMNR too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    Dns, DnsAnswer,
    bytes::Bytes,
    packet::{Packet, Side},
};

/// How many records of an answer are kept.
const ANSWERS: usize = 16;
/// How many records are looked through.
const RECORDS: usize = 64;
/// How long a name may be (RFC 1035, 2.3.4).
const LONGEST: usize = 255;
/// How many times a name may point elsewhere.
const JUMPS: usize = 32;

pub(super) fn is_port(ports: [u16; 2]) -> bool {
    ports.iter().any(|port| matches!(port, 53 | 5353 | 5355))
}

/// Reads a message; `None` where it is none.
pub(super) fn read(
    packet: &Packet<'_>,
    sides: [Side; 2],
    way: usize,
    message: &[u8],
) -> Option<Dns> {
    let mut bytes = Bytes(message);
    bytes.u16()?;
    let flags = bytes.u16()?;
    let (questions, answers) = (bytes.u16()?, bytes.u16()?);
    bytes.take(4)?;
    let is_answer = flags & 0x8000 != 0;
    // Other operations ask for no name.
    if flags & 0x7800 != 0 || questions > 16 {
        return None;
    }
    let mut at = message.len() - bytes.len();
    let (mut name, mut kind) = (String::new(), 0);
    for question in 0..questions {
        let (asked, next) = read_name(message, at)?;
        let mut rest = Bytes(message.get(next..)?);
        let asked_kind = rest.u16()?;
        rest.u16()?;
        at = message.len() - rest.len();
        if question == 0 {
            (name, kind) = (asked, asked_kind);
        }
    }
    let mut told = Vec::new();
    if is_answer {
        for _ in 0..usize::from(answers).min(RECORDS) {
            let Some((owner, record_kind, answer, next)) = record(message, at) else { break };
            at = next;
            if questions == 0 && name.is_empty() {
                (name, kind) = (owner, record_kind);
            }
            if told.len() < ANSWERS {
                told.push(answer);
            }
        }
    }
    let [originator, responder] = sides;
    // Who answers is the server, whoever was seen first.
    let asks = (way == 0) != is_answer;
    let (client, server) = if asks { (originator, responder) } else { (responder, originator) };
    Some(Dns {
        at: packet.at,
        client: client.endpoint(),
        server: server.endpoint(),
        name,
        kind,
        code: is_answer.then(|| flags.to_be_bytes()[1] & 0x0f),
        answers: told,
        bytes: u16::try_from(message.len()).unwrap_or(u16::MAX),
    })
}

fn record(message: &[u8], at: usize) -> Option<(String, u16, DnsAnswer, usize)> {
    let (owner, next) = read_name(message, at)?;
    let mut bytes = Bytes(message.get(next..)?);
    let kind = bytes.u16()?;
    bytes.take(6)?;
    let length = bytes.u16()?;
    let start = message.len() - bytes.len();
    let data = bytes.take(length.into())?;
    let name_at = |skip: usize| read_name(message, start + skip).map(|(name, _)| name);
    let other = DnsAnswer::Other(kind, length);
    let answer = match (kind, data) {
        (1, data) => <[u8; 4]>::try_from(data)
            .map_or(other, |octets| DnsAnswer::Address(IpAddr::V4(Ipv4Addr::from(octets)))),
        (28, data) => <[u8; 16]>::try_from(data)
            .map_or(other, |octets| DnsAnswer::Address(IpAddr::V6(Ipv6Addr::from(octets)))),
        (2 | 5 | 12, _) => name_at(0).map_or(other, DnsAnswer::Name),
        (15, _) => name_at(2).map_or(other, DnsAnswer::Name),
        (33, _) => name_at(6).map_or(other, DnsAnswer::Name),
        _ => other,
    };
    Some((owner, kind, answer, start + data.len()))
}

/// Reads a name; where its first part ends, too.
fn read_name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = start;
    let mut end = None;
    let mut jumps = 0;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => {
                let end = end.unwrap_or(at + 1);
                return Some((name, end));
            }
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                if name.len() + length + 1 > LONGEST {
                    return None;
                }
                if !name.is_empty() {
                    name.push('.');
                }
                for byte in label {
                    match byte {
                        b'.' | b'\\' | 0..=0x20 | 0x7f..=0xff => {
                            // Signs that no host name has stand as their number (RFC 4343, 2.1).
                            name.push('\\');
                            let digits = [byte / 100, byte / 10 % 10, byte % 10];
                            name.extend(digits.map(|digit| char::from(b'0' + digit)));
                        }
                        _ => name.push(char::from(byte.to_ascii_lowercase())),
                    }
                }
                at += 1 + length;
            }
            192.. => {
                let low = usize::from(*message.get(at + 1)?);
                end = end.or(Some(at + 2));
                jumps += 1;
                let target = (length & 0x3f) << 8 | low;
                // A name may only point to what came before.
                if jumps > JUMPS || target >= at {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
        if name.len() > LONGEST * 4 {
            return None;
        }
    }
}

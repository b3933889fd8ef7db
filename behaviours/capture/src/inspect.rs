//! What the first bytes of a conversation say.

use crate::{Counters, Metadata, Protocol, Seen, packet::Packet, record::Record, tcp::Step};

mod arp;
mod dhcp;
mod dns;
mod fingerprint;
mod http;
mod login;
mod quic;
mod recognise;
mod ssh;
mod text;
mod tls;

pub(crate) use arp::{arp, neighbour};
pub(crate) use text::is_request;

/// How many first bytes each way are put together, at most.
const MOST: usize = 8192;
/// How many packets with payload may pass until it is clear what is spoken.
const PATIENCE: u8 = 8;

/// What is read of a conversation while it starts.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) metadata: Option<Box<Metadata>>,
    streams: [Stream; 2],
    reader: Reader,
    packets: u8,
    quic: Option<Box<quic::Initial>>,
    login: login::Login,
    /// It is one of those whose first bytes are put together.
    counted: bool,
}

/// What is read, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reader {
    /// Not known yet.
    #[default]
    Open,
    /// Handshakes that are put together.
    Tls,
    Ssh,
    Quic,
    /// Lines, packet by packet.
    Http,
    Login,
}

/// The first bytes one way, in order.
#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Where it starts, counted from the first byte of the conversation.
    base: i64,
    /// It starts with the first handshake.
    waits: bool,
    done: bool,
}

impl Stream {
    /// Adds what comes next; what comes out of order ends the reading.
    fn add(&mut self, offset: i64, payload: &[u8]) -> bool {
        if self.waits {
            if !recognise::is_hello(payload) {
                return false;
            }
            (self.base, self.waits) = (offset, false);
        }
        let Ok(offset) = usize::try_from(offset.saturating_sub(self.base)) else { return false };
        let Some(known) = self.bytes.len().checked_sub(offset) else {
            self.done = true;
            return false;
        };
        let Some(new) = payload.get(known..) else { return false };
        let room = MOST - self.bytes.len();
        self.bytes.extend(new.iter().take(room));
        !new.is_empty()
    }

    fn end(&mut self) {
        self.done = true;
        self.bytes = Vec::new();
    }
}

/// How many conversations are being read at once, and may be.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) open: usize,
    pub(crate) most: usize,
}

/// Reads a packet with payload.
#[inline]
pub(crate) fn look(
    record: &mut Record,
    packet: &Packet<'_>,
    way: usize,
    step: Step,
    reading: &mut Reading,
    counters: &mut Counters,
    tell: &mut impl FnMut(Seen),
) {
    match packet.protocol {
        Protocol::TCP => tcp(record, packet, way, step, reading, counters, tell),
        Protocol::UDP => udp(record, packet, way, reading, counters, tell),
        _ => record.deaf = true,
    }
}

fn udp(
    record: &mut Record,
    packet: &Packet<'_>,
    way: usize,
    reading: &mut Reading,
    counters: &mut Counters,
    tell: &mut impl FnMut(Seen),
) {
    let ports = record.ports();
    if dns::is_port(ports) {
        if let Some(dns) = dns::read(packet, record.sides(), way, packet.payload) {
            record.service = record.service.or(Some(crate::Service::Dns));
            tell(Seen::Dns(dns));
        }
        return;
    }
    if let [67 | 68, 67] | [67, 68] = ports {
        if let Some(dhcp) = dhcp::read(packet) {
            record.service = Some(crate::Service::Dhcp);
            tell(Seen::Dhcp(dhcp));
        }
        return;
    }
    if record.service.is_none() {
        record.service = recognise::udp(ports, packet.payload);
        if record.service == Some(crate::Service::Quic) {
            open(record, reading, counters);
            if let Some(head) = &mut record.head {
                head.reader = Reader::Quic;
            }
        } else {
            record.deaf = true;
        }
    }
    let Some(head) = &mut record.head else { return };
    if way == 0 && head.reader == Reader::Quic {
        let initial = head.quic.get_or_insert_default();
        if let Some(hello) = initial.read(packet.payload) {
            head.metadata.get_or_insert_default().tls = tls::client_hello(&hello, true);
            record.shut(reading);
            return;
        }
    }
    count(record, reading);
}

fn tcp(
    record: &mut Record,
    packet: &Packet<'_>,
    way: usize,
    step: Step,
    reading: &mut Reading,
    counters: &mut Counters,
    tell: &mut impl FnMut(Seen),
) {
    if step.repeated {
        return;
    }
    let payload = packet.payload;
    let ports = record.ports();
    if ports.contains(&53) {
        // A length of two bytes, and the message, where it is whole.
        if let Some((_, message)) = payload.split_at_checked(2)
            && let Some(dns) = dns::read(packet, record.sides(), way, message)
        {
            record.service = Some(crate::Service::Dns);
            tell(Seen::Dns(dns));
        }
        return;
    }
    if record.head.is_none() {
        open(record, reading, counters);
    }
    let Some(head) = &mut record.head else { return };
    if head.turns_to_tls(record.service) && recognise::is_hello(payload) {
        if !head.listen(reading) {
            counters.unread_heads += 1;
            record.deaf = true;
            return;
        }
    } else if head.reader == Reader::Open {
        let service = recognise::tcp(ports, way, payload);
        record.service = service.or(record.service);
        head.reader = reader(record.service);
        if matches!(head.reader, Reader::Http | Reader::Login) {
            head.release(reading);
        }
    }
    match head.reader {
        Reader::Open | Reader::Quic => {}
        Reader::Tls | Reader::Ssh => {
            let Some(stream) = head.streams.get_mut(way) else { return };
            if !stream.done && stream.add(step.offset, payload) {
                let read = match head.reader {
                    Reader::Tls => tls::read(&stream.bytes, way, &mut head.metadata),
                    _ => ssh::read(&stream.bytes, way, &mut head.metadata),
                };
                if read || stream.bytes.len() >= MOST {
                    stream.end();
                }
            }
            if head.streams.iter().all(|stream| stream.done) {
                record.shut(reading);
                return;
            }
        }
        Reader::Http => {
            http::read(payload, way, &mut head.metadata);
            return;
        }
        Reader::Login => {
            head.login.read(record.service, payload, way, &mut head.metadata);
            return;
        }
    }
    count(record, reading);
}

fn reader(service: Option<crate::Service>) -> Reader {
    use crate::Service::{Ftp, Http, Imap, Pop3, Smtp, Ssh, Telnet, Tls};
    match service {
        Some(Tls) => Reader::Tls,
        Some(Ssh) => Reader::Ssh,
        Some(Http) => Reader::Http,
        Some(Ftp | Smtp | Pop3 | Imap | Telnet) => Reader::Login,
        _ => Reader::Open,
    }
}

/// Starts to read, where there is room.
fn open(record: &mut Record, reading: &mut Reading, counters: &mut Counters) {
    if reading.open >= reading.most {
        counters.unread_heads += 1;
        record.deaf = true;
        return;
    }
    reading.open += 1;
    record.head = Some(Box::new(Head { counted: true, ..Head::default() }));
}

impl Head {
    /// Whether a handshake may come after something else: STARTTLS, or a proxy that was asked.
    fn turns_to_tls(&self, service: Option<crate::Service>) -> bool {
        match self.reader {
            Reader::Login => true,
            Reader::Open => service.is_some(),
            Reader::Http => {
                let http = self.metadata.as_ref().and_then(|metadata| metadata.http.as_ref());
                http.is_some_and(|http| http.requests.iter().any(|it| it.method == "CONNECT"))
            }
            Reader::Tls | Reader::Ssh | Reader::Quic => false,
        }
    }

    /// Puts together the handshakes that begin now, where there is room.
    fn listen(&mut self, reading: &mut Reading) -> bool {
        if !self.counted {
            if reading.open >= reading.most {
                return false;
            }
            reading.open += 1;
            self.counted = true;
        }
        self.reader = Reader::Tls;
        self.packets = 0;
        self.streams = [(); 2].map(|()| Stream { waits: true, ..Stream::default() });
        true
    }

    /// Leaves its place to another.
    fn release(&mut self, reading: &mut Reading) {
        if std::mem::take(&mut self.counted) {
            reading.open = reading.open.saturating_sub(1);
        }
        self.streams = Default::default();
        self.quic = None;
    }
}

/// Gives up after some packets.
fn count(record: &mut Record, reading: &mut Reading) {
    let Some(head) = &mut record.head else { return };
    head.packets = head.packets.saturating_add(1);
    let most = if head.reader == Reader::Open { PATIENCE } else { PATIENCE * 8 };
    if head.packets >= most {
        record.shut(reading);
    }
}

impl Record {
    /// Reads no further; what was read is kept.
    pub(crate) fn shut(&mut self, reading: &mut Reading) {
        self.deaf = true;
        if let Some(head) = &mut self.head {
            head.release(reading);
            if head.metadata.is_none() {
                self.head = None;
            }
        }
    }
}

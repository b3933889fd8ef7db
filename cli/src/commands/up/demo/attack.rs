//! A capture of an attack, made up: nobody's packets are in it.
//!
//! A host of an office works as usual. A stranger looks for open ports, tries passwords at one of
//! them until one fits, and then a host calls on a place outside once a minute.

use std::{fs, io, path::Path};

const OFFICE: [u8; 4] = [192, 168, 7, 20];
const SERVER: [u8; 4] = [192, 168, 7, 5];
const ROUTER: [u8; 4] = [192, 168, 7, 1];
const STRANGER: [u8; 4] = [203, 0, 113, 66];
const MASTER: [u8; 4] = [198, 51, 100, 23];

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PUSH: u8 = 8;
const ACK: u8 = 16;

/// Writes the capture, of the two hours before `now` (seconds since 1970).
pub(super) fn write(path: &Path, now: u64) -> io::Result<()> {
    let mut capture = Capture { frames: Vec::new(), port: 40_000 };
    let start = now.saturating_sub(7200) * 1000 * MS;
    usual(&mut capture, start);
    scan(&mut capture, start + 600_000 * MS);
    guess(&mut capture, start + 900_000 * MS);
    call(&mut capture, start + 1_200_000 * MS);
    fs::write(path, capture.pcap())
}

/// An office at work: names are asked for, pages are looked at.
fn usual(capture: &mut Capture, start: u64) {
    for round in 0..240_u64 {
        let at = start + round * 29_000 * MS + round % 7 * 731 * MS;
        let port = capture.next_port();
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01";
        let answer = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01\
            \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x50";
        capture.udp(at, (OFFICE, port), (ROUTER, 53), question);
        capture.udp(at + 8 * MS, (ROUTER, 53), (OFFICE, port), answer);
        let page = vec![b'.'; usize::try_from(900 + round * 37 % 4000).unwrap_or(900)];
        let answer = [b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n", page.as_slice()].concat();
        let request =
            b"GET /news HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0\r\n\r\n";
        capture.talk(
            at + 20 * MS,
            OFFICE,
            ([192, 0, 2, 80], 80),
            &[(true, request), (false, &answer)],
        );
    }
}

/// Every port below 200 is tried once; two are open.
fn scan(capture: &mut Capture, start: u64) {
    for port in 1..200_u16 {
        let at = start + u64::from(port) * 40 * MS;
        let from = (STRANGER, capture.next_port());
        let to = (SERVER, port);
        capture.tcp(at, from, to, (100, 0), SYN, b"");
        if matches!(port, 22 | 80) {
            capture.tcp(at + MS, to, from, (900, 101), SYN | ACK, b"");
            capture.tcp(at + 2 * MS, from, to, (101, 0), RST, b"");
        } else {
            capture.tcp(at + MS, to, from, (0, 101), RST | ACK, b"");
        }
    }
}

/// Forty logins that are refused, and one that is not.
fn guess(capture: &mut Capture, start: u64) {
    let banner = b"SSH-2.0-OpenSSH_9.6\r\n";
    for round in 0..41_u64 {
        let at = start + round * 4000 * MS;
        let last = round == 40;
        let key = vec![0x14; if last { 6000 } else { 1400 }];
        let answer = [0x14; 1100];
        let hello = b"SSH-2.0-libssh2_1.10.0\r\n";
        let words: Vec<(bool, &[u8])> =
            vec![(true, hello), (false, banner), (true, &key), (false, &answer)];
        capture.talk(at, STRANGER, (SERVER, 22), &words);
    }
}

/// Once a minute, to the second, a few bytes each way.
fn call(capture: &mut Capture, start: u64) {
    for round in 0..95_u64 {
        let at = start + round * 60_000 * MS;
        capture.talk(at, SERVER, (MASTER, 4444), &[(true, b"\x01ready"), (false, b"\x01wait")]);
    }
}

struct Capture {
    frames: Vec<(u64, Vec<u8>)>,
    port: u16,
}

type End = ([u8; 4], u16);

impl Capture {
    fn next_port(&mut self) -> u16 {
        self.port = if self.port >= 60_000 { 40_000 } else { self.port + 1 };
        self.port
    }

    /// A conversation from its start to its end; `true` is who started it.
    fn talk(&mut self, at: u64, from: [u8; 4], to: End, said: &[(bool, &[u8])]) {
        let from = (from, self.next_port());
        let (mut ours, mut theirs) = (1001_u32, 5001_u32);
        let mut at = at;
        let mut step = || {
            at += 3 * MS;
            at
        };
        self.tcp(step(), from, to, (1000, 0), SYN, b"");
        self.tcp(step(), to, from, (5000, ours), SYN | ACK, b"");
        self.tcp(step(), from, to, (ours, theirs), ACK, b"");
        for (asks, payload) in said {
            for piece in payload.chunks(1400) {
                let length = u32::try_from(piece.len()).unwrap_or(0);
                if *asks {
                    self.tcp(step(), from, to, (ours, theirs), ACK | PUSH, piece);
                    ours += length;
                } else {
                    self.tcp(step(), to, from, (theirs, ours), ACK | PUSH, piece);
                    theirs += length;
                }
            }
        }
        self.tcp(step(), from, to, (ours, theirs), FIN | ACK, b"");
        self.tcp(step(), to, from, (theirs, ours + 1), FIN | ACK, b"");
        self.tcp(step(), from, to, (ours + 1, theirs + 1), ACK, b"");
    }

    fn tcp(
        &mut self,
        at: u64,
        from: End,
        to: End,
        (sequence, acknowledged): (u32, u32),
        flags: u8,
        payload: &[u8],
    ) {
        let mut segment = ports(from, to);
        segment.extend(sequence.to_be_bytes());
        segment.extend(acknowledged.to_be_bytes());
        segment.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        segment.extend(payload);
        self.ip(at, from.0, to.0, 6, segment, 16);
    }

    fn udp(&mut self, at: u64, from: End, to: End, payload: &[u8]) {
        let mut segment = ports(from, to);
        segment.extend(u16::try_from(8 + payload.len()).unwrap_or(8).to_be_bytes());
        segment.extend([0, 0]);
        segment.extend(payload);
        self.ip(at, from.0, to.0, 17, segment, 6);
    }

    /// Puts a segment into a packet, and its checksum to its place.
    fn ip(
        &mut self,
        at: u64,
        from: [u8; 4],
        to: [u8; 4],
        protocol: u8,
        mut segment: Vec<u8>,
        place: usize,
    ) {
        let length = u16::try_from(segment.len()).unwrap_or(0);
        let pseudo = [&from[..], &to, &[0, protocol], &length.to_be_bytes(), &segment].concat();
        put(&mut segment, place, checksum(&pseudo));
        let mut head = vec![0x45, 0];
        head.extend((20 + length).to_be_bytes());
        head.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        head.extend(from);
        head.extend(to);
        let sum = checksum(&head);
        put(&mut head, 10, sum);
        let card = |address: [u8; 4]| [2, 0, address[0], address[1], address[2], address[3]];
        let frame = [&card(to)[..], &card(from), &[8, 0], &head, &segment].concat();
        self.frames.push((at, frame));
    }

    /// All of it in order of time, as pcap with nanoseconds.
    fn pcap(mut self) -> Vec<u8> {
        self.frames.sort_by_key(|(at, _)| *at);
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_3c4d_u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(65_535_u32.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        for (at, frame) in &self.frames {
            let second = u32::try_from(at / 1_000_000_000).unwrap_or(u32::MAX);
            let rest = u32::try_from(at % 1_000_000_000).unwrap_or(0);
            let length = u32::try_from(frame.len()).unwrap_or(0);
            for word in [second, rest, length, length] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend(frame);
        }
        bytes
    }
}

fn ports(from: End, to: End) -> Vec<u8> {
    [from.1.to_be_bytes(), to.1.to_be_bytes()].concat()
}

fn put(bytes: &mut [u8], place: usize, sum: u16) {
    if let Some(target) = bytes.get_mut(place..place + 2) {
        target.copy_from_slice(&sum.to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}

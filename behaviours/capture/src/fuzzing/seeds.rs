//! Frames and captures that are right, for a fuzzer to begin with.

use etherparse::PacketBuilder;

use super::LINKS;

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [192, 0, 2, 9];

/// An Initial of QUIC 1 whose hello asks for `a.example`, in two pieces, the later first. Its keys
/// are those of RFC 9001, A.1.
const QUIC: &str = "c400000001088394c8f03e5157080000406d0679d1afc950d16f9852e8153ebd4b752fa1e002e17c97eb\
     d5c2ff67bfc8b22f1e2b464b1fb5e3364ef0abd5192609d5af2d14b41fc4f7147bb30c118fa144a4b059\
     4ac7103b6e84dc8f5d7488b05599c3d99750ea1dee02c8bdfbb97c3943cef6e9ab67a7f426ab36a1c2cd\
     2b";

/// What goes into the target `frame`: conversations of each kind, all over each link type.
pub(super) fn frames() -> Vec<Vec<u8>> {
    let conversations =
        [dns(), lease(), web(), mail(), secure(), tunnel(), pieces(), arp(), quic()];
    let over_ethernet = conversations.iter().map(|frames| written(1, frames));
    let packets = dns().into_iter().map(|frame| frame.get(14..).unwrap_or_default().to_vec());
    let packets: Vec<Vec<u8>> = packets.collect();
    let others = LINKS.iter().map(|link| written(*link, &dressed(*link, &packets)));
    over_ethernet.chain(others).collect()
}

/// As the target reads them: the place of the link type, tenths of a second, the length, the frame.
fn written(link: i32, frames: &[Vec<u8>]) -> Vec<u8> {
    let place = LINKS.iter().position(|it| *it == link).unwrap_or(0);
    let place = u8::try_from(place).unwrap_or(0);
    let mut bytes = Vec::new();
    for frame in frames {
        let length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
        bytes.extend([place, 1]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(frame);
    }
    bytes
}

/// Packets as they go over a link.
fn dressed(link: i32, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let before: &[u8] = match link {
        0 | 108 => &[0, 0, 0, 2],
        9 => &[0, 0x21],
        50 => &[0xff, 3, 0, 0x21],
        51 => &[0x11, 0, 0, 1, 0, 40, 0, 0x21],
        104 => &[0x0f, 0, 8, 0],
        113 => &[0, 0, 0, 1, 0, 6, 1, 1, 1, 1, 1, 1, 0, 0, 8, 0],
        105 => WIRELESS,
        127 => &[&[0, 0, 8, 0, 0, 0, 0, 0], WIRELESS].concat(),
        276 => &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 1, 1, 1, 1, 1, 0, 0],
        239 => return packets.iter().map(|packet| logged(packet)).collect(),
        1 => &[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0, 7, 8, 0],
        _ => &[],
    };
    packets.iter().map(|packet| [before, packet].concat()).collect()
}

/// A packet as NFLOG has it: its length, little end first, and what it is.
fn logged(packet: &[u8]) -> Vec<u8> {
    let [low, high] = u16::try_from(packet.len() + 4).unwrap_or(0).to_le_bytes();
    [&[2, 0, 0, 0, low, high, 9, 0][..], packet].concat()
}

/// A data frame of 802.11 with LLC and SNAP.
const WIRELESS: &[u8] = &[
    8, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0, 0, 0xaa, 0xaa, 3, 0, 0, 0,
    8, 0,
];

fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from.0, to.0, 64);
    // Writing to memory cannot fail.
    drop(builder.udp(from.1, to.1).write(&mut bytes, payload));
    bytes
}

/// A conversation over TCP: who says what, `true` for the client.
fn tcp(port: u16, said: &[(bool, &[u8])]) -> Vec<Vec<u8>> {
    let (mut client, mut server, mut frames) = (1000_u32, 5000_u32, Vec::new());
    let begin: [(bool, &[u8]); 2] = [(true, b""), (false, b"")];
    for (place, (asks, payload)) in begin.iter().chain(said).enumerate() {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let (from, to) = if *asks { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (sequence, other) = if *asks { (client, server) } else { (server, client) };
        let ports = if *asks { (40_000, port) } else { (port, 40_000) };
        let builder = builder.ipv4(from, to, 64).tcp(ports.0, ports.1, sequence, 60_000);
        let builder = if place < 2 { builder.syn() } else { builder };
        let builder = if place > 0 { builder.ack(other) } else { builder };
        let mut bytes = Vec::new();
        drop(builder.write(&mut bytes, payload));
        frames.push(bytes);
        let length = u32::try_from(payload.len()).unwrap_or(0) + u32::from(place < 2);
        *(if *asks { &mut client } else { &mut server }) += length;
    }
    frames
}

fn dns() -> Vec<Vec<u8>> {
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
    let answer = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x03www\x07example\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03web\xc0\x10\
        \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    vec![udp((CLIENT, 5000), (SERVER, 53), question), udp((SERVER, 53), (CLIENT, 5000), answer)]
}

fn lease() -> Vec<Vec<u8>> {
    let mut message = vec![1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0];
    message.extend([0; 16]);
    message.extend([2; 6]);
    message.resize(236, 0);
    message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 3, 50, 4, 10, 0, 0, 7, 12, 2, b'p', b'c', 255]);
    vec![udp(([0; 4], 68), ([255; 4], 67), &message)]
}

fn web() -> Vec<Vec<u8>> {
    tcp(
        80,
        &[
            (
                true,
                b"GET /x?key=1 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic YTpi\r\n\r\n",
            ),
            (false, b"HTTP/1.1 401 No\r\nServer: x\r\nContent-Type: text/html\r\n\r\n"),
        ],
    )
}

fn mail() -> Vec<Vec<u8>> {
    let hello = hello();
    tcp(
        587,
        &[
            (false, b"220 x ESMTP\r\n"),
            (true, b"AUTH PLAIN YTpi\r\n"),
            (false, b"535 no\r\n"),
            (true, b"STARTTLS\r\n"),
            (false, b"220 go\r\n"),
            (true, &hello),
        ],
    )
}

/// A hello of TLS 1.2 that asks for `a`.
fn hello() -> Vec<u8> {
    let extensions = b"\0\0\0\x06\0\x04\0\0\x01a\0\x0a\0\x04\0\x02\0\x1d\0\x10\0\x05\0\x03\x02h2";
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 1, 1, 0, 0, u8::try_from(extensions.len()).unwrap_or(0)],
        extensions,
    ]
    .concat();
    let length = u8::try_from(body.len()).unwrap_or(0);
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

fn secure() -> Vec<Vec<u8>> {
    let hello = hello();
    let (first, rest) = hello.split_at(20);
    let answer = [&[0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3][..], &[9; 32], &[0, 0x13, 1, 0]].concat();
    let mut all = tcp(443, &[(true, first), (true, rest), (false, &answer)]);
    all.extend(tcp(22, &[(true, b"SSH-2.0-x\r\n"), (false, b"SSH-2.0-y\r\n")]));
    all.extend(tcp(21, &[(false, b"220 x\r\n"), (true, b"USER somebody\r\nPASS x\r\n")]));
    all.extend(tcp(23, &[(false, b"login: "), (true, b"root\r"), (false, b"Password: ")]));
    all
}

/// In a VLAN, VXLAN, GRE and IP in IP.
fn tunnel() -> Vec<Vec<u8>> {
    let inner = dns().into_iter().next().unwrap_or_default();
    let packet = inner.get(14..).unwrap_or_default();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat();
    let over = |protocol: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 20).unwrap_or(0).to_be_bytes();
        let [high, low] = length;
        let header = [0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0];
        let ethernet = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0];
        [&ethernet[..], &header, &CLIENT, &SERVER, body].concat()
    };
    vec![
        udp((CLIENT, 9), (SERVER, 4789), &vxlan),
        over(47, &[&[0, 0, 8, 0][..], packet].concat()),
        over(4, packet),
        over(1, &[8, 0, 0, 0, 0, 1, 0, 1]),
    ]
}

/// A packet in two fragments, the later first.
fn pieces() -> Vec<Vec<u8>> {
    let whole = dns().into_iter().next_back().unwrap_or_default();
    let (ethernet, packet) = whole.split_at(14);
    let (header, body) = packet.split_at(20);
    let piece = |start: u8, more: u8, body: &[u8]| {
        let mut header = header.to_vec();
        let length = u8::try_from(20 + body.len()).unwrap_or(0);
        for (place, value) in [(3, length), (6, more), (7, start / 8)] {
            if let Some(byte) = header.get_mut(place) {
                *byte = value;
            }
        }
        [ethernet, &header, body].concat()
    };
    let (first, rest) = body.split_at(24);
    vec![piece(24, 0, rest), piece(0, 0x20, first)]
}

/// A claim of ARP, and one of a neighbour of IPv6.
fn arp() -> Vec<Vec<u8>> {
    let message = b"\0\x01\x08\0\x06\x04\0\x02\x02\x02\x02\x02\x02\x02\x0a\0\0\x01\
        \x01\x01\x01\x01\x01\x01\x0a\0\0\x02";
    let address = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).octets();
    let advertised = [&address[..], &[2, 1, 2, 2, 2, 2, 2, 2]].concat();
    let mut neighbour = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(address, address, 255);
    drop(builder.icmpv6_raw(136, 0, [0x20, 0, 0, 0]).write(&mut neighbour, &advertised));
    vec![[&[1; 6][..], &[3; 6], &[8, 6], message].concat(), neighbour]
}

fn quic() -> Vec<Vec<u8>> {
    let digits: Vec<char> = QUIC.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(&pair, 16).ok()).collect();
    vec![udp((CLIENT, 5000), (SERVER, 443), &bytes)]
}

/// A pcap, a pcapng, and a packed pcap.
pub(super) fn files() -> Vec<Vec<u8>> {
    let frames: Vec<Vec<u8>> = [dns(), web()].concat();
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    pcap.extend([0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    let mut next =
        block(0x0a0d_0d0a, b"\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    next.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
    for frame in &frames {
        let length = u32::try_from(frame.len()).unwrap_or(0).to_le_bytes();
        pcap.extend([[1, 0, 0, 0], [5, 0, 0, 0], length, length].concat());
        pcap.extend(frame);
        let packet = [&[0; 12][..], &length, &length, frame].concat();
        next.extend(block(6, &packet));
    }
    next.extend(block(3, &[&[4, 0, 0, 0][..], b"abcd"].concat()));
    next.extend(block(6, &[&[7, 0, 0, 0][..], &[0; 16]].concat()));
    let mut reader = flate2::read::GzEncoder::new(pcap.as_slice(), flate2::Compression::fast());
    let mut packed = Vec::new();
    drop(std::io::Read::read_to_end(&mut reader, &mut packed));
    vec![pcap, next, packed]
}

/// A block of pcapng.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(12 + padded).unwrap_or(0).to_le_bytes();
    let mut bytes = [kind.to_le_bytes(), length].concat();
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(length);
    bytes
}

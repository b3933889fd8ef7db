//! What is around an IP packet.

use capture::{Settings, State};

use crate::cable::{CLIENT, Cable, SERVER, udp};

/// The IP packet of a question, without its Ethernet.
fn packet() -> Vec<u8> {
    udp((CLIENT, 5000), (SERVER, 6000), b"question").split_off(14)
}

fn framed(kind: [u8; 2], between: &[u8], packet: &[u8]) -> Vec<u8> {
    [&[2; 6][..], &[1; 6], &kind, between, packet].concat()
}

/// What is seen of one frame: how many conversations, the VLAN and the tunnel of the last.
fn seen(link: i32, frame: &[u8]) -> (usize, Option<u16>, Option<String>) {
    let mut cable = Cable::new(Settings::default());
    cable.frame(link, frame);
    let flows = cable.flows();
    let last = flows.last();
    let is_ours = last.is_some_and(|flow| flow.responder.port == 6000 && flow.state == State::S0);
    let count = if is_ours { flows.len() } else { 0 };
    (count, last.and_then(|flow| flow.vlan), last.and_then(|flow| flow.tunnel.clone()))
}

#[test]
fn a_packet_is_found_behind_whatever_the_link_puts_before_it() {
    let packet = packet();
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &packet].concat();
    let cases: Vec<(&str, i32, Vec<u8>, Option<u16>)> = vec![
        ("ethernet", 1, framed([8, 0], &[], &packet), None),
        ("vlan", 1, framed([0x81, 0], &[0, 42, 8, 0], &packet), Some(42)),
        ("qinq", 1, framed([0x88, 0xa8], &[0, 7, 0x81, 0, 0, 42, 8, 0], &packet), Some(7)),
        ("mpls", 1, framed([0x88, 0x47], &[0, 1, 0, 64, 0, 2, 1, 64], &packet), None),
        ("pppoe", 1, framed([0x88, 0x64], &[0x11, 0, 0, 1, 0, 38, 0, 0x21], &packet), None),
        ("snap", 1, framed([0, 44], &[], &snap), None),
        ("raw", 101, packet.clone(), None),
        ("null", 0, [&[2, 0, 0, 0][..], &packet].concat(), None),
        ("sll", 113, [&[0; 14][..], &[8, 0], &packet].concat(), None),
        ("sll2", 276, [&[8, 0][..], &[0; 18], &packet].concat(), None),
        ("ppp", 9, [&[0xff, 3, 0, 0x21][..], &packet].concat(), None),
        ("802.11", 105, [&[0x08, 0][..], &[0; 22], &snap].concat(), None),
    ];
    for (name, link, frame, vlan) in cases {
        assert_eq!(seen(link, &frame), (1, vlan, None), "{name}");
    }
}

#[test]
fn a_packet_is_found_in_a_tunnel_and_so_is_the_tunnel() {
    let inner = packet();
    let ethernet = framed([8, 0], &[], &inner);
    let carried = |port, header: &[u8], content: &[u8]| {
        udp((CLIENT, 999), (SERVER, port), &[header, content].concat())
    };
    let ip = |protocol: u8, content: &[u8]| {
        let total = (20 + content.len()) as u16;
        let mut head =
            vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 9, 9, 9, 10, 8, 8, 8];
        head[2..4].copy_from_slice(&total.to_be_bytes());
        framed([8, 0], &head, content)
    };
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("ip", ip(4, &inner), 1),
        ("gre", ip(47, &[&[0, 0, 8, 0][..], &inner].concat()), 1),
        ("gre", ip(47, &[&[0x20, 0, 0x65, 0x58, 0, 0, 0, 9][..], &ethernet].concat()), 1),
        ("vxlan:66051", carried(4789, &[8, 0, 0, 0, 1, 2, 3, 0], &ethernet), 2),
        ("geneve:5", carried(6081, &[0, 0, 0x65, 0x58, 0, 0, 5, 0], &ethernet), 2),
        ("gtp", carried(2152, &[0x30, 0xff, 0, inner.len() as u8, 0, 0, 0, 1], &inner), 2),
    ];
    for (name, frame, count) in cases {
        assert_eq!(seen(1, &frame), (count, None, Some(name.to_owned())), "{name}");
    }
}

#[test]
fn tunnels_are_followed_only_so_deep() {
    let mut bytes = packet();
    for _ in 0..10 {
        let total = (20 + bytes.len()) as u16;
        let mut head = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 10, 9, 9, 9, 10, 8, 8, 8];
        head[2..4].copy_from_slice(&total.to_be_bytes());
        bytes = [head, bytes].concat();
    }
    let mut cable = Cable::new(Settings::default());
    cable.frame(101, &bytes);
    assert_eq!((cable.engine.counters().too_deep, cable.flows().len()), (1, 0));
}

#[test]
fn what_is_no_ip_is_counted_and_not_more() {
    let mut cable = Cable::new(Settings::default());
    cable.frame(1, &framed([0x88, 0xcc], &[], b"lldp"));
    cable.frame(1, b"short");
    cable.frame(999, b"what is this");
    let counters = cable.engine.counters();
    assert_eq!((counters.other, counters.malformed, counters.unread), (1, 1, 1));
    assert!(cable.flows().is_empty());
}

#[test]
fn fragments_are_one_packet() {
    let payload: Vec<u8> = (0..100).collect();
    let whole = udp((CLIENT, 5000), (SERVER, 6000), &payload).split_off(34);
    let mut cable = Cable::new(Settings::default());
    for (offset, more) in [(64_usize, false), (0, true)] {
        let part = if more { &whole[..64] } else { &whole[64..] };
        let mut head = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, 17, 0, 0];
        head.extend_from_slice(&CLIENT);
        head.extend_from_slice(&SERVER);
        head[2..4].copy_from_slice(&((20 + part.len()) as u16).to_be_bytes());
        let place = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        head[6..8].copy_from_slice(&place.to_be_bytes());
        cable.frame(101, &[&head[..], part].concat());
    }
    assert_eq!(cable.engine.counters().reassembled, 1);
    let flows = cable.flows();
    assert_eq!((flows.len(), flows[0].forward.payload), (1, 100));
}

#[test]
fn a_wrong_checksum_is_left_out_where_that_is_said() {
    let mut frame = udp((CLIENT, 5000), (SERVER, 6000), b"question");
    let last = frame.len() - 1;
    frame[last] ^= 1;
    for (verify_checksums, expected) in [(false, 1), (true, 0)] {
        let mut cable = Cable::new(Settings { verify_checksums, ..Settings::default() });
        cable.frame(1, &frame);
        assert_eq!(cable.engine.counters().bad_checksums, u64::from(verify_checksums));
        assert_eq!(cable.flows().len(), expected);
    }
    let mut cable = Cable::new(Settings { verify_checksums: true, ..Settings::default() });
    cable.udp((CLIENT, 5000), (SERVER, 6000), b"question");
    assert_eq!(cable.flows().len(), 1);
}

//! Bytes of an enemy.

use capture::Settings;

use crate::cable::{CLIENT, Cable, SERVER, talk, udp};

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

#[test]
fn no_byte_makes_it_panic() {
    let mut chance = Chance(7);
    let seeds = [
        udp(
            (CLIENT, 5000),
            (SERVER, 53),
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01",
        ),
        udp((CLIENT, 68), (SERVER, 67), &[1; 300]),
        udp((CLIENT, 5000), (SERVER, 443), &[0xc3; 1200]),
        udp((CLIENT, 5000), (SERVER, 4789), &udp((CLIENT, 1), (SERVER, 2), b"inner")),
    ];
    let links = [0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276];
    let mut cable = Cable::new(Settings { verify_checksums: false, ..Settings::default() });
    for round in 0..40_000_usize {
        let mut frame = seeds[round % seeds.len()].clone();
        for _ in 0..=chance.next() % 6 {
            let place = chance.next() as usize % frame.len();
            frame[place] = chance.next() as u8;
        }
        frame.truncate(chance.next() as usize % (frame.len() + 1));
        cable.frame(links[chance.next() as usize % links.len()], &frame);
    }
    let counters = cable.engine.counters().clone();
    assert_eq!(counters.frames, 40_000);
    assert!(counters.malformed > 0 && counters.packets > 0, "{counters:?}");
}

#[test]
fn segments_that_overlap_out_of_order_are_told_within_what_was_sent() {
    let mut cable = Cable::new(Settings::default());
    let mut chance = Chance(11);
    let (mut client, mut server) = crate::cable::peers(443);
    cable.tcp(&mut client, &server, "S", b"");
    cable.tcp(&mut server, &client, "SA", b"");
    let base = client.next;
    for _ in 0..2000 {
        client.next = base.wrapping_add((chance.next() % 5000) as u32);
        let length = chance.next() as usize % 1400;
        cable.tcp(&mut client, &server, "A", &vec![0x16; length]);
    }
    let flow = &cable.flows()[0];
    assert!(flow.forward.payload <= 5000 + 1400, "{}", flow.forward.payload);
    assert!(flow.history.len() <= 28, "{}", flow.history);
}

#[test]
fn conversations_that_never_say_what_they_are_do_not_fill_the_memory() {
    let mut cable = Cable::new(Settings { max_heads: 10, ..Settings::default() });
    for number in 0..100_u16 {
        let mut client = crate::cable::Peer { address: CLIENT, port: 1000 + number, next: 1 };
        let server = crate::cable::Peer { address: SERVER, port: 443, next: 1 };
        cable.tcp(&mut client, &server, "S", b"");
        // The start of a handshake that claims to be long, and never goes on.
        cable.tcp(&mut client, &server, "A", &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]);
    }
    assert_eq!(cable.engine.counters().unread_heads, 90);
}

#[test]
fn a_place_that_is_left_is_free_for_another() {
    let mut cable = Cable::new(Settings { max_heads: 1, ..Settings::default() });
    for _ in 0..20 {
        talk(
            &mut cable,
            80,
            &[(true, b"GET / HTTP/1.1\r\n\r\n"), (false, b"HTTP/1.1 200 OK\r\n\r\n")],
        );
        cable.wait(10.0);
    }
    assert_eq!(cable.engine.counters().unread_heads, 0);
    assert!(cable.flows().iter().all(|flow| flow.metadata.is_some()));
}

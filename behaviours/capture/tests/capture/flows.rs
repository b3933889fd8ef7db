//! What conversations are told as.

use capture::{Ended, Protocol, Service, Settings, State};

use crate::cable::{CLIENT, Cable, Peer, SERVER, peers, talk};

#[test]
fn a_conversation_in_order_is_told_once_with_both_its_ways() {
    let mut cable = Cable::new(Settings::default());
    talk(&mut cable, 80, &[(true, b"GET / HTTP/1.1\r\n\r\n"), (false, &[b'x'; 500])]);
    let flows = cable.flows();
    assert_eq!(flows.len(), 1);
    let flow = &flows[0];
    assert_eq!(
        (flow.state, flow.history.as_str()),
        (State::Sf, "ShADdFfa".replace('a', "").as_str())
    );
    assert_eq!((flow.forward.packets, flow.reverse.packets), (5, 3));
    assert_eq!((flow.forward.payload, flow.reverse.payload), (18, 500));
    assert_eq!(flow.forward.bytes, 5 * 40 + 18);
    assert_eq!((flow.service, flow.ended), (Some(Service::Http), Ended::Closed));
    assert_eq!(flow.originator.address.to_string(), "10.0.0.1");
    assert_eq!(flow.gaps.count, 7);
}

#[test]
fn tries_that_come_to_nothing_are_told_apart() {
    for (replies, state) in
        [("", State::S0), ("RA", State::Rej), ("SA", State::S1), ("SA,then R", State::Rsto)]
    {
        let mut cable = Cable::new(Settings::default());
        let (mut client, mut server) = peers(443);
        cable.tcp(&mut client, &server, "S", b"");
        if let Some(flags) = replies.split(',').next().filter(|flags| !flags.is_empty()) {
            cable.tcp(&mut server, &client, flags, b"");
        }
        if replies.ends_with("then R") {
            cable.tcp(&mut client, &server, "R", b"");
        }
        assert_eq!(cable.flows()[0].state, state, "{replies}");
    }
}

#[test]
fn a_try_that_nobody_answers_is_told_after_five_seconds() {
    let mut cable = Cable::new(Settings::default());
    let (mut client, server) = peers(443);
    cable.tcp(&mut client, &server, "S", b"");
    cable.wait(4.0);
    cable.udp((CLIENT, 5), (SERVER, 6), b"time passes");
    assert!(cable.seen.is_empty());
    cable.wait(3.0);
    cable.udp((CLIENT, 5), (SERVER, 6), b"time passes");
    assert_eq!(cable.seen.len(), 1);
}

#[test]
fn an_answer_that_comes_first_does_not_make_its_sender_the_originator() {
    let mut cable = Cable::new(Settings::default());
    let (client, mut server) = peers(443);
    cable.tcp(&mut server, &client, "SA", b"");
    let flow = &cable.flows()[0];
    assert_eq!((flow.originator.port, flow.history.as_str()), (40_000, "^h"));
}

#[test]
fn ports_that_are_used_again_make_another_conversation() {
    let mut cable = Cable::new(Settings::default());
    talk(&mut cable, 80, &[]);
    talk(&mut cable, 80, &[]);
    assert_eq!(cable.flows().len(), 2);
}

#[test]
fn what_is_sent_again_counts_as_a_packet_and_not_as_payload() {
    let mut cable = Cable::new(Settings::default());
    let (mut client, mut server) = peers(80);
    cable.tcp(&mut client, &server, "S", b"");
    cable.tcp(&mut server, &client, "SA", b"");
    for _ in 0..3 {
        let mut again = client;
        cable.tcp(&mut again, &server, "A", b"0123456789");
    }
    let flow = &cable.flows()[0];
    assert_eq!((flow.forward.packets, flow.forward.payload, flow.forward.repeated), (4, 10, 2));
    assert_eq!(flow.history, "ShDT");
}

#[test]
fn a_conversation_that_goes_on_is_told_in_parts_that_add_up() {
    let mut cable = Cable::new(Settings { active: 60.0, ..Settings::default() });
    let (mut client, mut server) = peers(80);
    cable.tcp(&mut client, &server, "S", b"");
    cable.tcp(&mut server, &client, "SA", b"");
    for _ in 0..30 {
        cable.wait(10.0);
        cable.tcp(&mut client, &server, "A", b"0123456789");
    }
    let flows = cable.flows();
    assert!(flows.len() >= 4, "{}", flows.len());
    let parts: Vec<u32> = flows.iter().map(|flow| flow.part).collect();
    assert_eq!(parts, (0..flows.len() as u32).collect::<Vec<_>>());
    assert_eq!(flows.iter().map(|flow| flow.forward.payload).sum::<u64>(), 300);
    assert_eq!(flows.iter().map(|flow| flow.forward.packets).sum::<u64>(), 31);
    assert!(flows.iter().rev().skip(1).all(|flow| flow.ended == Ended::Active));
}

#[test]
fn a_datagram_and_its_answer_are_one_conversation_until_a_minute_is_quiet() {
    let mut cable = Cable::new(Settings::default());
    cable.udp((CLIENT, 5000), (SERVER, 6000), b"question");
    cable.udp((SERVER, 6000), (CLIENT, 5000), b"answer");
    cable.wait(61.0);
    cable.udp((CLIENT, 5000), (SERVER, 6000), b"question");
    let flows = cable.flows();
    let states: Vec<State> = flows.iter().map(|flow| flow.state).collect();
    assert_eq!(states, [State::Sf, State::S0]);
    assert_eq!(flows[0].protocol, Protocol::UDP);
    assert_eq!((flows[0].forward.payload, flows[0].reverse.payload), (8, 6));
}

#[test]
fn a_flood_leaves_room_for_the_conversation_that_was_there() {
    let mut cable = Cable::new(Settings { max_flows: 100, ..Settings::default() });
    let (mut client, mut server) = peers(80);
    cable.tcp(&mut client, &server, "S", b"");
    cable.tcp(&mut server, &client, "SA", b"");
    cable.tcp(&mut client, &server, "A", b"");
    let target = server;
    for number in 0..5000_u16 {
        let [high, low] = number.to_be_bytes();
        let mut attacker = Peer { address: [172, 16, high, low], port: 1024, next: 1 };
        cable.tcp(&mut attacker, &target, "S", b"");
        assert!(cable.engine.open_flows() <= 100);
    }
    cable.tcp(&mut client, &server, "A", b"still here");
    assert!(cable.engine.counters().evicted >= 4800, "{:?}", cable.engine.counters());
    let flows = cable.flows();
    assert_eq!(flows.len(), 5001);
    let ours: Vec<_> = flows.iter().filter(|flow| flow.originator.port == 40_000).collect();
    assert_eq!((ours.len(), ours[0].history.as_str()), (1, "ShAD"));
}

#[test]
fn a_clock_that_goes_backwards_is_counted_and_breaks_nothing() {
    let mut cable = Cable::new(Settings::default());
    cable.udp((CLIENT, 5000), (SERVER, 6000), b"one");
    cable.now = -100_000.0;
    cable.udp((CLIENT, 5000), (SERVER, 6000), b"two");
    cable.now = f64::from(i32::MAX);
    cable.udp((CLIENT, 5001), (SERVER, 6000), b"three");
    assert_eq!(cable.engine.counters().backwards, 1);
    let flows = cable.flows();
    assert_eq!(flows.len(), 2);
    assert!(flows.iter().all(|flow| flow.duration() >= 0.0));
}

#[test]
fn the_same_packets_make_the_same_flows_in_the_same_order() {
    let run = || {
        let mut cable = Cable::new(Settings { max_flows: 50, ..Settings::default() });
        for number in 0..2000_u16 {
            cable.wait(f64::from(number % 7) / 10.0);
            cable.udp((CLIENT, number % 300 + 1), (SERVER, 7), b"x");
        }
        cable.flows()
    };
    assert_eq!(run(), run());
}

#[test]
fn the_first_bytes_are_kept_only_where_that_is_said() {
    for (payload_bytes, expected) in [(0, &b""[..]), (12, b"GET / HTTP/1")] {
        let mut cable = Cable::new(Settings { payload_bytes, ..Settings::default() });
        talk(&mut cable, 80, &[(true, b"GET / HTTP/1.1\r\n\r\n")]);
        assert_eq!(cable.flows()[0].forward.first, expected);
    }
}

#[test]
fn the_community_id_is_that_of_the_specification() {
    let mut cable = Cable::new(Settings::default());
    let mut client = Peer { address: [128, 232, 110, 120], port: 34_855, next: 1 };
    let server = Peer { address: [66, 35, 250, 204], port: 80, next: 1 };
    cable.tcp(&mut client, &server, "S", b"");
    assert_eq!(cable.flows()[0].community_id(0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

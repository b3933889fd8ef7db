//! Packets to order.

use capture::{Engine, Flow, Frame, Moment, Seen, Settings};
use etherparse::PacketBuilder;

pub(crate) const CLIENT: [u8; 4] = [10, 0, 0, 1];
pub(crate) const SERVER: [u8; 4] = [192, 0, 2, 9];

/// A capture under way.
pub(crate) struct Cable {
    pub(crate) engine: Engine,
    pub(crate) seen: Vec<Seen>,
    /// Seconds since its start.
    pub(crate) now: f64,
}

/// One side of a conversation over TCP.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: [u8; 4],
    pub(crate) port: u16,
    pub(crate) next: u32,
}

impl Cable {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { engine: Engine::new(settings), seen: Vec::new(), now: 0.0 }
    }

    pub(crate) fn frame(&mut self, link: i32, bytes: &[u8]) {
        self.now += 0.001;
        let at = Moment::from_secs(1_700_000_000.0 + self.now);
        let frame = Frame { at, link, bytes, length: bytes.len() as u32 };
        self.engine.frame(frame, &mut |seen| self.seen.push(seen));
    }

    pub(crate) fn wait(&mut self, seconds: f64) {
        self.now += seconds;
    }

    /// A segment with flags in Zeek's letters: `S`, `A`, `F`, `R`.
    pub(crate) fn tcp(&mut self, from: &mut Peer, to: &Peer, flags: &str, payload: &[u8]) {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from.address, to.address, 64);
        let mut step = builder.tcp(from.port, to.port, from.next, 65_000);
        for flag in flags.chars() {
            step = match flag {
                'S' => step.syn(),
                'A' => step.ack(to.next),
                'F' => step.fin(),
                'R' => step.rst(),
                other => panic!("no flag `{other}`"),
            };
        }
        let mut bytes = Vec::new();
        step.write(&mut bytes, payload).unwrap();
        let ends = flags.chars().filter(|flag| matches!(flag, 'S' | 'F')).count();
        from.next = from.next.wrapping_add((payload.len() + ends) as u32);
        self.frame(1, &bytes);
    }

    pub(crate) fn udp(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) {
        let bytes = udp(from, to, payload);
        self.frame(1, &bytes);
    }

    /// Everything that was seen, the capture being over.
    pub(crate) fn end(mut self) -> Vec<Seen> {
        self.engine.finish(&mut |seen| self.seen.push(seen));
        self.seen
    }

    /// The conversations, the capture being over.
    pub(crate) fn flows(self) -> Vec<Flow> {
        let flow = |seen| if let Seen::Flow(flow) = seen { Some(*flow) } else { None };
        self.end().into_iter().filter_map(flow).collect()
    }
}

pub(crate) fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(from.0, to.0, 64)
        .udp(from.1, to.1)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// Two that speak with each other over TCP.
pub(crate) fn peers(port: u16) -> (Peer, Peer) {
    let client = Peer { address: CLIENT, port: 40_000, next: 1000 };
    let server = Peer { address: SERVER, port, next: 9_000_000 };
    (client, server)
}

/// A conversation from its start to its end in order.
pub(crate) fn talk(cable: &mut Cable, port: u16, said: &[(bool, &[u8])]) {
    let (mut client, mut server) = peers(port);
    cable.tcp(&mut client, &server, "S", b"");
    cable.tcp(&mut server, &client, "SA", b"");
    cable.tcp(&mut client, &server, "A", b"");
    for (asks, payload) in said {
        if *asks {
            cable.tcp(&mut client, &server, "A", payload);
        } else {
            cable.tcp(&mut server, &client, "A", payload);
        }
    }
    cable.tcp(&mut client, &server, "FA", b"");
    cable.tcp(&mut server, &client, "FA", b"");
    cable.tcp(&mut client, &server, "A", b"");
}

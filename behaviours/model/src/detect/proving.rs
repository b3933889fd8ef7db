//! What the tests of detectors stand on: flows written in a line, and a bench that feeds them.

use std::net::{IpAddr, Ipv4Addr};

use capture::{
    Dns, Ended, Endpoint, Flow, Metadata, Moment, Protocol, Seen, Service, Spread, State, Way,
};

use super::{Around, Detector, Evidence, Home};
use crate::intel::Match;

/// A TCP attempt that was not answered, `from > to`, so many seconds after the start.
pub(crate) fn flow(line: &str, seconds: u32) -> Made {
    let (from, to) = line.split_once(" > ").unwrap();
    let end = |text: &str| {
        let end: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: end.ip(), port: end.port() }
    };
    let at = Moment::from_secs(1_700_000_000.0 + f64::from(seconds));
    let way = |packets: u64| Way { packets, bytes: packets * 60, ..Way::default() };
    Made(Flow {
        start: at,
        end: at,
        originator: end(from),
        responder: end(to),
        protocol: Protocol::TCP,
        service: None,
        state: State::S0,
        history: "S".to_owned(),
        forward: way(1),
        reverse: way(0),
        gaps: Spread::default(),
        ended: Ended::Idle,
        part: 0,
        merged: 0,
        vlan: None,
        tunnel: None,
        link: None,
        metadata: None,
    })
}

pub(crate) struct Made(pub(crate) Flow);

impl Made {
    pub(crate) fn port(mut self, port: u32) -> Self {
        self.0.responder.port = u16::try_from(port).unwrap();
        self
    }

    pub(crate) fn by(mut self, number: u32) -> Self {
        self.0.originator.address = host(number);
        self
    }

    pub(crate) fn towards(mut self, number: u32) -> Self {
        self.0.responder.address = host(number);
        self
    }

    pub(crate) fn udp(mut self) -> Self {
        self.0.protocol = Protocol::UDP;
        self.0.history = "D".to_owned();
        self
    }

    pub(crate) fn ping(mut self) -> Self {
        self.0.protocol = Protocol::ICMP;
        self.0.originator.port = 8;
        self.0.responder.port = 0;
        self.0.state = State::Oth;
        self
    }

    pub(crate) fn state(mut self, state: State) -> Self {
        self.0.state = state;
        if !state.failed() && self.0.reverse.packets == 0 {
            return self.talk(100, 100, 4);
        }
        self
    }

    pub(crate) fn talk(mut self, sent: u64, received: u64, packets: u64) -> Self {
        if self.0.state == State::S0 {
            self.0.state = State::Sf;
        }
        for (way, payload) in [(&mut self.0.forward, sent), (&mut self.0.reverse, received)] {
            *way = Way { packets, payload, bytes: payload + packets * 40, ..Way::default() };
        }
        self
    }

    pub(crate) fn lasting(mut self, seconds: f64) -> Self {
        self.0.end = self.0.start.after(seconds);
        self
    }

    pub(crate) fn service(mut self, service: Service) -> Self {
        self.0.service = Some(service);
        self
    }

    pub(crate) fn says(mut self, metadata: Metadata) -> Self {
        self.0.metadata = Some(Box::new(metadata));
        self
    }
}

fn host(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0A01_0000 + number))
}

impl From<Made> for Seen {
    fn from(made: Made) -> Self {
        Self::Flow(Box::new(made.0))
    }
}

/// A question about `name`, or with a code its answer.
pub(crate) fn question(name: &str, milliseconds: u32, code: Option<u8>) -> Seen {
    Seen::Dns(Dns {
        at: Moment::from_secs(1_700_000_000.0 + f64::from(milliseconds) / 1000.0),
        client: Endpoint { address: host(1), port: 40_000 },
        server: Endpoint { address: host(53), port: 53 },
        name: name.to_owned(),
        kind: 1,
        code,
        answers: Vec::new(),
        bytes: 60,
    })
}

/// A message of ARP from card `card` that speaks for host `sender` about host `target`.
pub(crate) fn arp(
    kind: capture::ArpKind,
    card: u32,
    sender: u32,
    target: u32,
    seconds: u32,
) -> Seen {
    let card = mac(card);
    Seen::Arp(capture::Arp {
        at: Moment::from_secs(1_700_000_000.0 + f64::from(seconds)),
        kind,
        from: Some(card),
        sender: card,
        sender_address: host(sender),
        target_address: host(target),
    })
}

/// The card of that number.
pub(crate) fn mac(card: u32) -> [u8; 6] {
    let [a, b, c, d] = card.to_be_bytes();
    [0x02, 0x11, a, b, c, d]
}

/// A lease of DHCP for card and host of that number, with its router.
pub(crate) fn lease(card: u32, router: Option<u32>, seconds: u32) -> Seen {
    Seen::Dhcp(capture::Dhcp {
        at: Moment::from_secs(1_700_000_000.0 + f64::from(seconds)),
        client: mac(card),
        kind: 5,
        host_name: None,
        address: Some(host(card)),
        vendor: None,
        routers: router.map(host).into_iter().collect(),
    })
}

/// Feeds a detector alone.
pub(crate) struct Bench<D> {
    pub(crate) detect: D,
    pub(crate) home: Home,
    pub(crate) matches: Vec<Match>,
    pub(crate) known_good: bool,
}

impl<D: Detector> Bench<D> {
    pub(crate) fn new(detect: D) -> Self {
        Self { detect, home: Home::default(), matches: Vec::new(), known_good: false }
    }

    pub(crate) fn see<S: Into<Seen>>(
        &mut self,
        seen: impl IntoIterator<Item = S>,
    ) -> Vec<Evidence> {
        let mut out = Vec::new();
        let around =
            Around { home: &self.home, matches: &self.matches, known_good: self.known_good };
        for seen in seen {
            self.detect.see(&seen.into(), &around, &mut out);
        }
        out
    }

    pub(crate) fn covers(&self, made: &Made) -> bool {
        let around = Around { home: &self.home, matches: &[], known_good: false };
        self.detect.covers(&made.0, &around).is_some()
    }
}

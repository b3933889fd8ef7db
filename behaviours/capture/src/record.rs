//! A conversation while it goes on.

use crate::{
    Ended, Flow, Metadata, Moment, Protocol, Service, Settings, Spread, State, Way,
    history::History,
    inspect::Head,
    packet::{Outer, Packet, Side},
    redact::redact,
    tcp::{Conversation, Step},
};

/// What is the same for all packets of a conversation: the lesser side first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    lesser: Side,
    greater: Side,
    protocol: u8,
    scope: u32,
}

impl Key {
    #[inline]
    pub(crate) fn of(packet: &Packet<'_>) -> Self {
        let (one, other) = (packet.source, packet.destination);
        let (lesser, greater) = if one <= other { (one, other) } else { (other, one) };
        let scope = packet.outer.tunnel.map_or(0, crate::packet::Tunnel::scope);
        Self { lesser, greater, protocol: packet.protocol.0, scope }
    }
}

/// What is known of a conversation so far.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) generation: u32,
    pub(crate) start: Moment,
    pub(crate) last: Moment,
    originator: Side,
    responder: Side,
    tcp: Option<Conversation>,
    history: History,
    ways: [Way; 2],
    last_of: [Moment; 2],
    gaps: Spread,
    /// Payload of parts that were told.
    told: [u64; 2],
    part: u32,
    outer: Outer,
    pub(crate) service: Option<Service>,
    /// When it came to its end.
    over: Option<Moment>,
    pub(crate) head: Option<Box<Head>>,
    /// Nothing more is to be read of it.
    pub(crate) deaf: bool,
}

impl Record {
    pub(crate) fn new(packet: &Packet<'_>, key: Key, generation: u32, flip: bool) -> Self {
        let (originator, responder) = if flip {
            (packet.destination, packet.source)
        } else {
            (packet.source, packet.destination)
        };
        let mut outer = packet.outer;
        if flip && let Some(link) = &mut outer.link {
            link.reverse();
        }
        let mut history = History::default();
        if flip {
            history.add(0, b'^');
        }
        Self {
            key,
            generation,
            start: packet.at,
            last: packet.at,
            originator,
            responder,
            tcp: packet.tcp.map(|_| Conversation::default()),
            history,
            ways: [Way::default(), Way::default()],
            last_of: [packet.at; 2],
            gaps: Spread::default(),
            told: [0; 2],
            part: 0,
            outer,
            service: None,
            over: None,
            head: None,
            deaf: false,
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        Protocol(self.key.protocol)
    }

    pub(crate) fn ports(&self) -> [u16; 2] {
        [self.originator.port, self.responder.port]
    }

    pub(crate) fn sides(&self) -> [Side; 2] {
        [self.originator, self.responder]
    }

    /// 0 from the originator, 1 from the responder.
    #[inline]
    pub(crate) fn way(&self, packet: &Packet<'_>) -> usize {
        usize::from(packet.source != self.originator)
    }

    /// Whether this packet begins another conversation.
    #[inline]
    pub(crate) fn is_reused(&self, packet: &Packet<'_>) -> bool {
        match (&self.tcp, packet.tcp) {
            (Some(conversation), Some(tcp)) => conversation.is_reused(tcp),
            _ => false,
        }
    }

    /// Takes in a packet.
    #[inline]
    pub(crate) fn add(&mut self, packet: &Packet<'_>, keep: usize) -> (usize, Step) {
        let mut way = self.way(packet);
        let mut step = Step::default();
        let over = self.tcp.as_ref().is_some_and(Conversation::is_over);
        let first = self.ways.iter().all(|way| way.packets == 0);
        if !first {
            self.gaps.add(seconds(packet.at, self.last));
        }
        if let (Some(conversation), Some(tcp)) = (&mut self.tcp, packet.tcp) {
            step = conversation.segment(way, tcp, packet.length, &mut self.history);
            if step.flip {
                self.flip();
                way = 1 - way;
            }
        } else {
            if self.protocol() == Protocol::UDP {
                self.history.once(way, b'D');
            }
            step.offset = 0;
        }
        if step.over {
            self.over = Some(packet.at);
        }
        let last_of = self.last_of;
        if let (Some(side), Some(last)) = (self.ways.get_mut(way), last_of.get(way)) {
            if side.packets > 0 {
                side.gaps.add(seconds(packet.at, *last));
            }
            side.packets += 1;
            side.bytes += u64::from(packet.bytes);
            side.payload += u64::from(packet.length);
            side.flags |= packet.tcp.map_or(0, |tcp| tcp.flags);
            side.repeated = side.repeated.saturating_add(step.repeated.into());
            #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a length")]
            side.lengths.add(packet.bytes as f32);
            let place = usize::try_from(step.offset).unwrap_or(usize::MAX);
            if keep > 0 && side.first.len() < keep && !packet.payload.is_empty() {
                let next = packet.tcp.is_none() || place == side.first.len();
                if next {
                    let room = keep - side.first.len();
                    side.first.extend(packet.payload.iter().take(room));
                }
            }
        }
        if let Some(last) = self.last_of.get_mut(way) {
            *last = packet.at;
        }
        // What comes after the end does not make it longer.
        if !over {
            self.last = self.last.max(packet.at);
        }
        (way, step)
    }

    fn flip(&mut self) {
        std::mem::swap(&mut self.originator, &mut self.responder);
        self.ways.swap(0, 1);
        self.last_of.swap(0, 1);
        self.told.swap(0, 1);
        if let Some(link) = &mut self.outer.link {
            link.reverse();
        }
        self.history.add(0, b'^');
    }

    /// When it is to be told unless something comes.
    #[inline]
    pub(crate) fn deadline(&self, settings: &Settings) -> Moment {
        if let Some(over) = self.over {
            return over.after(settings.linger);
        }
        if let Some(conversation) = &self.tcp {
            if conversation.is_attempt() {
                return self.start.after(settings.attempt);
            }
            let patient = matches!(self.service, Some(Service::Ssh | Service::Ftp));
            return self.last.after(if patient { 3600.0 } else { settings.tcp_idle });
        }
        self.last.after(settings.idle)
    }

    /// Why it is told when its time has come.
    pub(crate) fn reason(&self) -> Ended {
        if self.over.is_some() { Ended::Closed } else { Ended::Idle }
    }

    fn state(&self) -> State {
        if let Some(conversation) = &self.tcp {
            return conversation.state();
        }
        if self.protocol() != Protocol::UDP {
            return State::Oth;
        }
        let [forward, reverse] = &self.ways;
        match (forward.packets + self.told_any(0), reverse.packets + self.told_any(1)) {
            (0, 0) => State::Oth,
            (_, 0) => State::S0,
            (0, _) => State::Shr,
            _ => State::Sf,
        }
    }

    fn told_any(&self, way: usize) -> u64 {
        u64::from(self.history.has(way, b'D'))
    }

    /// Tells it, and goes on with the next part.
    pub(crate) fn part(&mut self) -> Flow {
        let metadata = self.head.as_ref().and_then(|head| head.metadata.clone());
        let flow = self.flow(Ended::Active, metadata);
        for way in 0..2 {
            let payload = self.tcp.as_ref().map(|conversation| conversation.payload(way));
            if let (Some(told), Some(payload)) = (self.told.get_mut(way), payload) {
                *told = payload;
            }
        }
        self.ways = [Way::default(), Way::default()];
        self.gaps = Spread::default();
        self.start = self.last;
        self.part += 1;
        flow
    }

    /// Tells it for the last time.
    pub(crate) fn end(mut self, ended: Ended) -> Flow {
        let metadata = self.head.take().and_then(|head| head.metadata);
        self.flow(ended, metadata)
    }

    fn flow(&mut self, ended: Ended, metadata: Option<Box<Metadata>>) -> Flow {
        let state = self.state();
        let [mut forward, mut reverse] = std::mem::take(&mut self.ways);
        redact(self.service, 0, &mut forward.first);
        redact(self.service, 1, &mut reverse.first);
        if let Some(conversation) = &self.tcp {
            let [told_forward, told_reverse] = self.told;
            forward.payload = conversation.payload(0).saturating_sub(told_forward);
            reverse.payload = conversation.payload(1).saturating_sub(told_reverse);
        }
        Flow {
            start: self.start,
            end: self.last.max(self.start),
            originator: self.originator.endpoint(),
            responder: self.responder.endpoint(),
            protocol: self.protocol(),
            service: self.service,
            state,
            history: self.history.text(),
            forward,
            reverse,
            gaps: self.gaps,
            ended,
            part: self.part,
            merged: 0,
            vlan: self.outer.vlan,
            tunnel: self.outer.tunnel.map(crate::packet::Tunnel::name),
            link: self.outer.link,
            metadata,
        }
    }
}

fn seconds(later: Moment, earlier: Moment) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "to a millionth")]
    let seconds = later.since(earlier).max(0.0) as f32;
    seconds
}

//! How a conversation over TCP goes, as who listens sees it.
//!
//! The states of each side and their moves are those that Zeek tells of, so that `conn_state`,
//! `history` and payload bytes mean the same. Positions are counted from each side's first number.

use crate::{
    State,
    history::History,
    packet::{Tcp, flag},
};

/// How one side stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Not heard yet.
    #[default]
    Inactive,
    SynSent,
    /// It answered a SYN that was not seen.
    SynAckSent,
    /// Heard, but not its start.
    Partial,
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent an RST.
    Reset,
}

/// A jump so large is no sequence number to believe.
const TOO_FAR: i64 = 1 << 20;

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    stand: Stand,
    before: Stand,
    /// Its first sequence number.
    start: u32,
    /// How far it has sent, counted from `start`.
    sent: i64,
    /// How far the other has acknowledged, counted from `start`.
    acknowledged: i64,
    /// How far there are no holes in what was seen.
    whole: i64,
    /// What was seen beyond a hole.
    beyond: Option<(i64, i64)>,
    finished: bool,
    closed: bool,
    last_syn: i64,
    last_fin: i64,
    last_rst: i64,
    repeats: u32,
    zero_windows: u32,
    holes: u32,
}

/// Both sides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conversation {
    peers: [Peer; 2],
}

/// What a segment did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    /// The conversation came to its end with it.
    pub(crate) over: bool,
    /// The two turned out to be the other way round.
    pub(crate) flip: bool,
    /// It brought what had been there.
    pub(crate) repeated: bool,
    /// Where its payload starts, counted from the first byte.
    pub(crate) offset: i64,
}

fn difference(left: u32, right: u32) -> i64 {
    i64::from(left.wrapping_sub(right).cast_signed())
}

impl Peer {
    fn number(&self, position: i64) -> u32 {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sequence numbers wrap"
        )]
        let offset = position as u32;
        self.start.wrapping_add(offset)
    }

    /// The position of a number, taken to be near `near`.
    fn position(&self, number: u32, near: i64) -> i64 {
        near + difference(number, self.number(near))
    }

    fn begin(&mut self, start: u32, sent: i64) {
        self.start = start;
        self.acknowledged = 0;
        self.sent = sent;
        self.whole = 1;
        self.beyond = None;
    }

    fn stands(&mut self, stand: Stand) {
        if self.stand != stand {
            self.before = self.stand;
            self.stand = stand;
        }
    }

    /// What it sent, without SYN and FIN.
    fn payload(&self, other: &Self) -> u64 {
        let aborted = self.before == Stand::SynSent
            && self.stand == Stand::Reset
            && other.stand == Stand::Inactive;
        if aborted && self.acknowledged != 0 {
            return 0;
        }
        let bytes = self.sent.max(self.acknowledged) - 1;
        let bytes = if self.finished && bytes > 0 { bytes - 1 } else { bytes };
        u64::try_from(bytes).unwrap_or(0)
    }
}

impl Conversation {
    /// How it stands.
    pub(crate) fn state(&self) -> State {
        let [originator, responder] = &self.peers;
        let unheard = |peer: &Peer| matches!(peer.stand, Stand::Inactive | Stand::Partial);
        match (originator.stand, responder.stand) {
            (Stand::SynSent | Stand::SynAckSent, Stand::Reset) => State::Rej,
            (Stand::Reset, Stand::Reset) if self.payload(0) == 0 && self.payload(1) == 0 => {
                State::Rej
            }
            (_, Stand::Reset) if unheard(originator) => State::Rstrh,
            (_, Stand::Reset) => State::Rstr,
            (Stand::Reset, _) if unheard(responder) => State::Rstos0,
            (Stand::Reset, _) => State::Rsto,
            (Stand::Closed, Stand::Closed) => State::Sf,
            (Stand::Closed, _) if unheard(responder) => State::Sh,
            (Stand::Closed, _) => State::S2,
            (_, Stand::Closed) if unheard(originator) => State::Shr,
            (_, Stand::Closed) => State::S3,
            (Stand::SynSent, Stand::Inactive) => State::S0,
            (Stand::Established, Stand::Established) => State::S1,
            _ => State::Oth,
        }
    }

    /// Bytes of payload that a side sent, as its sequence numbers say.
    pub(crate) fn payload(&self, way: usize) -> u64 {
        let [originator, responder] = &self.peers;
        if way == 0 { originator.payload(responder) } else { responder.payload(originator) }
    }

    /// Whether it is a try that nobody answered.
    pub(crate) fn is_attempt(&self) -> bool {
        let [originator, responder] = &self.peers;
        matches!(originator.stand, Stand::SynSent | Stand::SynAckSent)
            && responder.stand == Stand::Inactive
    }

    /// Whether both sides came to their end.
    pub(crate) fn is_over(&self) -> bool {
        self.peers.iter().all(|peer| peer.closed)
    }

    /// Whether this segment starts another conversation between the same ports.
    pub(crate) fn is_reused(&self, tcp: Tcp) -> bool {
        let done = |peer: &Peer| matches!(peer.stand, Stand::Closed | Stand::Reset);
        let [originator, responder] = &self.peers;
        let starts = tcp.has(flag::SYN) && !tcp.has(flag::ACK) && !tcp.has(flag::RST);
        let over = (done(originator) && done(responder))
            || originator.stand == Stand::Reset
            || responder.stand == Stand::Reset;
        starts && over
    }

    /// Takes in a segment of the side `way`.
    pub(crate) fn segment(
        &mut self,
        way: usize,
        tcp: Tcp,
        length: u32,
        history: &mut History,
    ) -> Step {
        let mut step = Step::default();
        let [originator, responder] = &mut self.peers;
        let (from, to) = if way == 0 { (originator, responder) } else { (responder, originator) };
        let length = i64::from(length);
        let space = i64::from(tcp.has(flag::SYN)) + i64::from(tcp.has(flag::FIN));
        let space = space + if tcp.has(flag::RST) { 0 } else { length };
        from.starts(tcp, space);
        let position = from.position(tcp.sequence, from.sent);
        note(way, tcp, position, length, from, history);
        let quiet = tcp.has(flag::RST) || to.stand == Stand::Closed || from.stand == Stand::Reset;
        if tcp.window == 0 && !quiet {
            history.scaled(way, b'W', &mut from.zero_windows);
        }
        from.finished |= tcp.has(flag::FIN);
        let mut acknowledged = None;
        if tcp.has(flag::ACK) {
            if to.stand == Stand::Inactive {
                to.begin(tcp.acknowledged.wrapping_sub(1), 0);
            } else {
                let at = to.position(tcp.acknowledged, to.acknowledged);
                let further = at - to.acknowledged;
                let broken = tcp.acknowledged == 0 && further > TOO_FAR;
                if at >= 0 && !tcp.has(flag::RST) && !broken && further > 0 {
                    to.acknowledged = at;
                }
                acknowledged = (at >= 0).then_some(at);
            }
        }
        step.repeated = from.sends(tcp, position + space, length);
        if step.repeated {
            history.scaled(way, b'T', &mut from.repeats);
        }
        let closes = moves(way, tcp, length, from, to, &mut step);
        if let Some(at) = acknowledged
            && from.stand == Stand::Established
            && matches!(to.stand, Stand::Established | Stand::Closed)
            && at - i64::from(to.finished) > to.whole
            && at > 2
        {
            history.scaled(1 - way, b'G', &mut to.holes);
            to.whole = at;
        }
        let start = position + i64::from(tcp.has(flag::SYN));
        step.offset = start - 1;
        if length > 0 && !tcp.has(flag::RST) {
            from.fills(start, start + length);
        }
        if closes && !from.closed {
            from.closed = true;
            step.over = from.stand == Stand::Reset || to.closed || to.stand == Stand::Inactive;
        }
        if step.flip {
            self.peers.swap(0, 1);
        }
        step
    }
}

impl Peer {
    /// Sets its first number, where this segment tells it.
    fn starts(&mut self, tcp: Tcp, space: i64) {
        let syn = tcp.has(flag::SYN);
        match self.stand {
            // Of one that is established already: perhaps the SYN that really sets it up.
            Stand::Inactive | Stand::Established | Stand::Partial if syn => {
                self.begin(tcp.sequence, space);
            }
            Stand::Inactive => self.begin(tcp.sequence.wrapping_sub(1), 1),
            Stand::SynSent | Stand::SynAckSent if syn && tcp.sequence != self.start => {
                self.begin(tcp.sequence, space);
            }
            Stand::Reset if syn && self.before == Stand::Inactive => {
                self.begin(tcp.sequence, space);
            }
            _ => {}
        }
    }

    /// Takes note of how far it has sent; says whether that was there before.
    fn sends(&mut self, tcp: Tcp, end: i64, length: i64) -> bool {
        let further = end - self.sent;
        let doubtful = tcp.has(flag::SYN) || tcp.has(flag::RST);
        if doubtful && further.abs() > TOO_FAR {
            return false;
        }
        if tcp.has(flag::FIN) && self.sent == 1 {
            // Only SYN and FIN were seen: however far apart they are, that is what was sent.
            self.sent = if further < 0 { end + (1 << 32) } else { end };
            return false;
        }
        if self.stand == Stand::Reset {
            return false;
        }
        if further > 0 {
            self.sent = end;
            return false;
        }
        length > 0
    }

    /// Takes note of what was seen.
    fn fills(&mut self, start: i64, end: i64) {
        if start > self.whole {
            self.beyond = Some(match self.beyond {
                Some((from, to)) if start <= to && end >= from => (from.min(start), to.max(end)),
                _ => (start, end),
            });
            return;
        }
        self.whole = self.whole.max(end);
        if let Some((from, to)) = self.beyond
            && from <= self.whole
        {
            self.whole = self.whole.max(to);
            self.beyond = None;
        }
    }
}

/// Writes down what a segment is.
fn note(way: usize, tcp: Tcp, position: i64, length: i64, from: &mut Peer, history: &mut History) {
    let (syn, fin, rst) = (tcp.has(flag::SYN), tcp.has(flag::FIN), tcp.has(flag::RST));
    let mut again = |letter: u8, last: &mut i64, at: i64| {
        if history.once(way, letter) && at != *last {
            history.add(way, letter);
        }
        *last = at;
    };
    match (syn, fin, rst) {
        (_, true, true) => {
            history.once(way, b'I');
        }
        (true, true, _) | (true, _, true) => {
            history.once(way, b'Q');
        }
        (true, false, false) => {
            let letter = if tcp.has(flag::ACK) { b'H' } else { b'S' };
            again(letter, &mut from.last_syn, position);
        }
        (false, true, false) => again(b'F', &mut from.last_fin, position + length),
        (false, false, true) => again(b'R', &mut from.last_rst, position),
        (false, false, false) if length > 0 => {
            history.once(way, b'D');
        }
        (false, false, false) if tcp.has(flag::ACK) => {
            history.once(way, b'A');
        }
        (false, false, false) => {}
    }
}

/// Moves the sides on; says whether this side came to its end.
fn moves(
    way: usize,
    tcp: Tcp,
    length: i64,
    from: &mut Peer,
    to: &mut Peer,
    step: &mut Step,
) -> bool {
    let (syn, fin, rst) = (tcp.has(flag::SYN), tcp.has(flag::FIN), tcp.has(flag::RST));
    match from.stand {
        Stand::Inactive => return awakes(way, tcp, length, from, to, step),
        Stand::SynSent | Stand::SynAckSent => {
            if fin {
                from.stands(Stand::Closed);
            }
            if rst {
                from.stands(Stand::Reset);
            }
            return fin || rst;
        }
        Stand::Established | Stand::Partial => {
            let lonely = from.stand == Stand::Partial && to.stand == Stand::Inactive;
            if syn && lonely && !tcp.has(flag::ACK) {
                from.stands(Stand::SynSent);
            }
            if fin && !rst {
                from.stands(Stand::Closed);
                if to.stand == Stand::Reset && to.before == Stand::Closed {
                    // It sent a FIN, and an RST for good measure: an end in order.
                    to.stands(Stand::Closed);
                }
            }
            if rst {
                from.stands(Stand::Reset);
            }
            return fin || rst;
        }
        Stand::Closed => {
            if rst && to.stand != Stand::Closed {
                from.stands(Stand::Reset);
                return true;
            }
        }
        Stand::Reset => {}
    }
    false
}

/// The first segment of a side.
fn awakes(
    way: usize,
    tcp: Tcp,
    length: i64,
    from: &mut Peer,
    to: &mut Peer,
    step: &mut Step,
) -> bool {
    let acknowledges = tcp.has(flag::ACK);
    if tcp.has(flag::SYN) {
        if way == 0 {
            from.stands(if acknowledges { Stand::SynAckSent } else { Stand::SynSent });
        } else {
            if !acknowledges && to.stand == Stand::SynAckSent && tcp.sequence == from.start {
                // The answer came before the question.
                step.flip = true;
                to.stands(Stand::Established);
            }
            if to.stand == Stand::SynSent {
                to.stands(Stand::Established);
            }
            from.stands(Stand::Established);
        }
    }
    if tcp.has(flag::FIN) {
        from.stands(Stand::Closed);
    }
    if tcp.has(flag::RST) {
        from.stands(Stand::Reset);
    }
    if from.stand == Stand::Inactive {
        let early = way == 1 && length == 0 && to.stand == Stand::SynSent;
        if early {
            // Some answer a SYN with an ACK before they answer with a SYN.
        } else if acknowledges && to.stand == Stand::Established {
            from.stands(Stand::Established);
        } else {
            from.stands(Stand::Partial);
        }
    }
    tcp.has(flag::FIN) || tcp.has(flag::RST)
}

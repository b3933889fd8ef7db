//! What waits to be sent, and what becomes of it when the road is slower than the traffic.
//!
//! First attempts that came to nothing are put together by who, whom and which port; then, above half
//! of the room, one in eight of what is left is kept; when there is no room at all, what comes is
//! counted and let go.

use std::collections::{HashMap, VecDeque};

use capture::{Flow, Seen};
use std::net::IpAddr;

/// How many things may wait.
const MOST: usize = 16_384;
/// One in how many is kept under pressure.
const SAMPLE: u64 = 8;

type Attempt = (IpAddr, IpAddr, u16, u8);

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    things: VecDeque<Seen>,
    /// How many things left at the front, so that places stay.
    gone: u64,
    /// Where the attempts stand that others are added to.
    attempts: HashMap<Attempt, u64>,
    count: u64,
    /// What became of the rest.
    pub(crate) fate: Fate,
}

/// What became of what was not sent as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Fate {
    /// Added to others of their kind.
    pub(crate) aggregated: u64,
    /// Left out because one in eight was kept.
    pub(crate) sampled: u64,
    /// Let go because there was no room.
    pub(crate) dropped: u64,
}

impl Fate {
    /// How many were not sent at all.
    pub(crate) fn unsent(self) -> u64 {
        self.sampled + self.dropped
    }
}

impl Waiting {
    /// Adds one thing.
    pub(crate) fn push(&mut self, seen: Seen) {
        self.count += 1;
        let waiting = self.things.len();
        if waiting >= MOST {
            self.fate.dropped += 1;
            return;
        }
        // Little waits: everything goes as it is.
        if waiting < MOST / 8 {
            self.things.push_back(seen);
            return;
        }
        if let Seen::Flow(flow) = &seen
            && let Some(attempt) = attempt(flow)
        {
            let there = self.attempts.get(&attempt).copied();
            if let Some(place) = there.and_then(|it| it.checked_sub(self.gone))
                && let Some(Seen::Flow(other)) =
                    usize::try_from(place).ok().and_then(|place| self.things.get_mut(place))
            {
                add(other, flow);
                self.fate.aggregated += 1;
                return;
            }
        }
        if waiting >= MOST / 2 && !self.count.is_multiple_of(SAMPLE) {
            self.fate.sampled += 1;
            return;
        }
        if let Seen::Flow(flow) = &seen
            && let Some(attempt) = attempt(flow)
        {
            let place = self.gone + u64::try_from(waiting).unwrap_or(u64::MAX);
            self.attempts.insert(attempt, place);
        }
        self.things.push_back(seen);
    }

    /// Takes out the first.
    pub(crate) fn pop(&mut self) -> Option<Seen> {
        let first = self.things.pop_front()?;
        self.gone += 1;
        if self.things.is_empty() {
            self.attempts.clear();
        }
        Some(first)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

/// Who tried to reach whom at which port, where nothing came of it.
fn attempt(flow: &Flow) -> Option<Attempt> {
    let (from, to) = (flow.originator.address, flow.responder);
    flow.state.failed().then_some((from, to.address, to.port, flow.protocol.0))
}

fn add(sum: &mut Flow, flow: &Flow) {
    sum.start = sum.start.min(flow.start);
    sum.end = sum.end.max(flow.end);
    sum.merged = sum.merged.saturating_add(1 + flow.merged);
    for (sum, way) in [(&mut sum.forward, &flow.forward), (&mut sum.reverse, &flow.reverse)] {
        sum.packets += way.packets;
        sum.bytes += way.bytes;
        sum.payload += way.payload;
        sum.flags |= way.flags;
    }
}

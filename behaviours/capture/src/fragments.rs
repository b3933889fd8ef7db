//! Packets put together out of fragments (RFC 791, RFC 8200 4.5), within bounds.
//!
//! What came first is believed where fragments overlap. A packet is at most 65,535 bytes; what claims
//! to go beyond is given up, and so is what is not complete after 30 seconds.

use std::collections::{HashMap, VecDeque};

use crate::Moment;

/// How long the fragments of a packet are waited for, in seconds.
const PATIENCE: f64 = 30.0;
/// How long a packet can be.
const LARGEST: usize = 65_535;
/// How many holes a packet may have while it comes in.
const HOLES: usize = 512;

/// Which packet a fragment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whole {
    pub(crate) source: u128,
    pub(crate) destination: u128,
    pub(crate) identification: u32,
    pub(crate) protocol: u8,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) at: Moment,
    /// Where it starts, in bytes.
    pub(crate) offset: usize,
    pub(crate) more: bool,
    pub(crate) payload: &'a [u8],
}

/// What became of a fragment.
#[derive(Debug)]
pub(crate) enum Added {
    Waiting,
    Complete(Vec<u8>),
    /// It was no use, and so much of what came before with it.
    Lost(u64),
}

#[derive(Debug)]
struct Parts {
    first_at: Moment,
    payload: Vec<u8>,
    /// What came, as ranges in order that do not touch.
    ranges: Vec<(usize, usize)>,
    total: Option<usize>,
    count: u64,
}

/// The packets that are not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    waiting: HashMap<Whole, Parts>,
    /// In the order in which they began.
    order: VecDeque<Whole>,
    most: usize,
}

impl Fragments {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    /// Takes in a fragment; says too how many were given up to make room.
    pub(crate) fn add(&mut self, whole: Whole, fragment: Fragment<'_>) -> (Added, u64) {
        let given_up = self.make_room(fragment.at);
        let end = fragment.offset.saturating_add(fragment.payload.len());
        // All but the last have a multiple of eight.
        let lies = end > LARGEST || (fragment.more && !fragment.payload.len().is_multiple_of(8));
        if lies || fragment.payload.is_empty() {
            return (Added::Lost(1), given_up);
        }
        let parts = self.waiting.entry(whole).or_insert_with(|| {
            self.order.push_back(whole);
            Parts {
                first_at: fragment.at,
                payload: Vec::new(),
                ranges: Vec::new(),
                total: None,
                count: 0,
            }
        });
        parts.count += 1;
        if !fragment.more {
            parts.total = parts.total.or(Some(end));
        }
        let too_long = parts.total.is_some_and(|total| end > total);
        if too_long || parts.ranges.len() >= HOLES {
            let count = parts.count;
            self.waiting.remove(&whole);
            return (Added::Lost(count), given_up);
        }
        parts.fill(fragment.offset, fragment.payload);
        if parts.is_complete() {
            let payload = self.waiting.remove(&whole).map(|parts| parts.payload);
            return (Added::Complete(payload.unwrap_or_default()), given_up);
        }
        (Added::Waiting, given_up)
    }

    /// Forgets what is too old, and the oldest where there are too many.
    fn make_room(&mut self, now: Moment) -> u64 {
        let mut lost = 0;
        while let Some(oldest) = self.order.front() {
            let Some(parts) = self.waiting.get(oldest) else {
                self.order.pop_front();
                continue;
            };
            let late = now.since(parts.first_at) > PATIENCE;
            if !late && self.waiting.len() < self.most && self.order.len() < self.most * 2 {
                break;
            }
            lost += parts.count;
            self.waiting.remove(oldest);
            self.order.pop_front();
        }
        lost
    }
}

impl Parts {
    /// Copies into the holes what fits there.
    fn fill(&mut self, offset: usize, payload: &[u8]) {
        let end = offset + payload.len();
        if self.payload.len() < end {
            self.payload.resize(end, 0);
        }
        let mut at = offset;
        for (start, stop) in self.ranges.iter().copied().chain([(end, end)]) {
            if start > at && at < end {
                copy(&mut self.payload, payload, offset, at, start.min(end));
            }
            at = at.max(stop);
        }
        self.ranges.push((offset, end));
        self.ranges.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(self.ranges.len());
        for (start, stop) in self.ranges.drain(..) {
            match merged.last_mut() {
                Some(last) if last.1 >= start => last.1 = last.1.max(stop),
                _ => merged.push((start, stop)),
            }
        }
        self.ranges = merged;
    }

    fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.ranges.as_slice() == [(0, total)])
    }
}

fn copy(whole: &mut [u8], piece: &[u8], offset: usize, from: usize, to: usize) {
    let source = piece.get(from - offset..to - offset);
    if let (Some(target), Some(source)) = (whole.get_mut(from..to), source) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Whole = Whole { source: 1, destination: 2, identification: 3, protocol: 17 };

    fn piece(offset: usize, more: bool, payload: &[u8]) -> Fragment<'_> {
        Fragment { at: Moment(0), offset, more, payload }
    }

    #[test]
    fn fragments_make_up_a_packet_in_any_order() {
        let mut fragments = Fragments::new(4);
        assert!(matches!(fragments.add(WHOLE, piece(16, false, b"end")).0, Added::Waiting));
        assert!(matches!(fragments.add(WHOLE, piece(8, true, b"middle..")).0, Added::Waiting));
        let (added, lost) = fragments.add(WHOLE, piece(0, true, b"start..."));
        assert!(matches!(added, Added::Complete(payload) if payload == b"start...middle..end"));
        assert_eq!(lost, 0);
    }

    #[test]
    fn what_came_first_is_believed() {
        let mut fragments = Fragments::new(4);
        fragments.add(WHOLE, piece(8, true, b"bbbbbbbb"));
        fragments.add(WHOLE, piece(0, true, b"aaaaaaaaXXXXXXXXcccccccc"));
        let (added, _) = fragments.add(WHOLE, piece(24, false, b"d"));
        assert!(matches!(added, Added::Complete(p) if p == b"aaaaaaaabbbbbbbbccccccccd"));
    }

    #[test]
    fn a_packet_that_claims_too_much_is_given_up() {
        let mut fragments = Fragments::new(4);
        let (added, _) = fragments.add(WHOLE, piece(65_528, false, b"12345678"));
        assert!(matches!(added, Added::Lost(1)));
        fragments.add(WHOLE, piece(16, false, b"short"));
        // Its end is known; what goes beyond is a lie, and nothing of it is believed.
        let (added, _) = fragments.add(WHOLE, piece(24, true, b"12345678"));
        assert!(matches!(added, Added::Lost(2)));
    }

    #[test]
    fn there_are_never_more_than_was_said() {
        let mut fragments = Fragments::new(4);
        let mut lost = 0;
        for identification in 0..65_535 {
            let whole = Whole { identification, ..WHOLE };
            lost += fragments.add(whole, piece(0, true, b"12345678")).1;
        }
        assert!(fragments.waiting.len() <= 4);
        assert!(fragments.order.len() <= 8);
        assert_eq!(lost, 65_535 - 4);
    }

    #[test]
    fn a_packet_in_65535_holes_stays_small() {
        let mut fragments = Fragments::new(4);
        let mut lost = 0;
        for offset in (8..65_528).step_by(16) {
            if let (Added::Lost(count), _) = fragments.add(WHOLE, piece(offset, true, b"12345678"))
            {
                lost += count;
            }
        }
        assert!(lost > 3000, "{lost}");
    }
}

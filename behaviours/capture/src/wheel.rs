//! Which flow is due when, in slots of a second.

use crate::Moment;

/// How many seconds ahead are kept apart; what is due later waits in the last slot.
const SLOTS: usize = 512;

/// A flow's place, and which of the flows that stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) place: u32,
    pub(crate) generation: u32,
}

/// Slots in a circle. Who is due is looked at again when its slot comes: it may have moved on.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Vec<Vec<Due>>,
    /// The second whose slot is next.
    now: i64,
    count: usize,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { slots: vec![Vec::new(); SLOTS], now: i64::MIN, count: 0 }
    }

    fn second(moment: Moment) -> i64 {
        moment.0.div_euclid(1_000_000_000)
    }

    fn slot(second: i64) -> usize {
        let slots = i64::try_from(SLOTS).unwrap_or(i64::MAX);
        usize::try_from(second.rem_euclid(slots)).unwrap_or(0)
    }

    /// Puts a flow into the slot after that moment.
    #[inline]
    pub(crate) fn schedule(&mut self, due: Due, at: Moment) {
        let last = self.now.saturating_add(i64::try_from(SLOTS).unwrap_or(0) - 1);
        let second = (Self::second(at) + 1).clamp(self.now, last);
        if let Some(slot) = self.slots.get_mut(Self::slot(second)) {
            slot.push(due);
            self.count += 1;
        }
    }

    /// Whether the slot that is next is due at that moment.
    #[inline]
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        Self::second(now) > self.now
    }

    /// Goes on to the next slot, and gives what is in this one.
    pub(crate) fn turn(&mut self, now: Moment) -> Vec<Due> {
        let second = Self::second(now);
        if self.now == i64::MIN || self.count == 0 {
            self.now = second;
            return Vec::new();
        }
        let slots = i64::try_from(SLOTS).unwrap_or(i64::MAX);
        if second.saturating_sub(self.now) > slots {
            // A whole turn: every slot is due, so each comes once.
            self.now = second - slots;
        }
        let due = self.slots.get_mut(Self::slot(self.now)).map(std::mem::take).unwrap_or_default();
        self.count -= due.len();
        self.now += 1;
        due
    }

    /// Takes out the one whose slot is nearest.
    pub(crate) fn nearest(&mut self) -> Option<Due> {
        if self.count == 0 {
            return None;
        }
        for ahead in 0..i64::try_from(SLOTS).unwrap_or(0) {
            let slot = self.slots.get_mut(Self::slot(self.now + ahead));
            if let Some(due) = slot.and_then(Vec::pop) {
                self.count -= 1;
                return Some(due);
            }
        }
        None
    }
}

//! The letters for one receiver.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use runtime::{Address, AgentId};
use tokio::time::Instant;

/// Letters that are under way to one receiver at once.
const WINDOW: usize = 32;
/// How long a confirmation may take at first; longer after each time that none came.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that is waited for a confirmation, or before a receiver is tried again.
const LONGEST: Duration = Duration::from_mins(1);
/// The first rest after a receiver could not be reached.
const FIRST: Duration = Duration::from_millis(250);

/// A letter that was sent and is not confirmed.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) number: u64,
    /// Who got it.
    pub(super) told: AgentId,
    /// When it is sent again.
    pub(super) again: Instant,
}

/// The letters for one receiver, or one duty.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) to: Address,
    /// Number and id of those that are to be sent, in order.
    pub(super) waiting: VecDeque<(u64, String)>,
    /// Those that were sent, by id.
    pub(super) away: HashMap<String, Away>,
    /// How often in a row there was no answer, or nobody.
    failures: u32,
    /// Nobody is tried before.
    resting: Option<Instant>,
}

impl Line {
    pub(super) fn new(to: Address) -> Self {
        Self { to, waiting: VecDeque::new(), away: HashMap::new(), failures: 0, resting: None }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.away.len()
    }

    /// When there is something to do by the clock; none: only when something happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let again = self.away.values().map(|it| it.again).min();
        let may_send = !self.waiting.is_empty() && self.away.len() < WINDOW;
        match self.resting {
            Some(rest) if may_send => Some(rest),
            Some(rest) => again.map(|again| again.max(rest)),
            None => again,
        }
    }

    /// Whether something may be sent now, or again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        if self.resting.is_some_and(|until| now < until) {
            return false;
        }
        let may_send = !self.waiting.is_empty() && self.away.len() < WINDOW;
        may_send || self.away.values().any(|it| it.again <= now)
    }

    /// Takes back what was not confirmed in time, to be sent again before the others; says who
    /// did not confirm it.
    pub(super) fn give_up_on(&mut self, now: Instant) -> Option<AgentId> {
        let mut late: Vec<(u64, String, AgentId)> = Vec::new();
        self.away.retain(|id, it| {
            let is_late = it.again <= now;
            if is_late {
                late.push((it.number, id.clone(), it.told.clone()));
            }
            !is_late
        });
        late.sort_unstable_by_key(|it| it.0);
        let who = late.first().map(|it| it.2.clone());
        if who.is_some() {
            self.failures = self.failures.saturating_add(1);
        }
        for (number, id, _) in late.into_iter().rev() {
            self.waiting.push_front((number, id));
        }
        who
    }

    /// The next letter that may be sent.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u64, String)> {
        let is_resting = self.resting.is_some_and(|until| now < until);
        if is_resting || self.away.len() >= WINDOW { None } else { self.waiting.pop_front() }
    }

    /// How long a confirmation may take now.
    pub(super) fn patience(&self) -> Duration {
        PATIENCE.saturating_mul(1 << self.failures.min(8)).min(LONGEST)
    }

    /// Nobody can be reached now.
    pub(super) fn rest(&mut self, now: Instant) {
        if self.resting.is_some_and(|until| now < until) {
            return;
        }
        let rest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.resting = Some(now + rest);
    }

    /// Somebody may be there.
    pub(super) fn wake(&mut self) {
        self.resting = None;
    }

    /// Takes note that `from` has a letter; whether it is the one who was told. Who answers is
    /// trusted to answer as quickly as before.
    pub(super) fn is_delivered(&mut self, id: &str, from: &AgentId) -> bool {
        let is_told = self.away.get(id).is_some_and(|it| it.told.bare() == from.bare());
        if is_told {
            self.away.remove(id);
            self.failures = 0;
        }
        is_told
    }
}

//! Whom an asker is sent to, and how long it stays with whom it has.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;
use types::{Presence, Show};

use super::does;
use crate::{AgentId, Duty};

/// Choices that are remembered, at most; then the oldest is forgotten.
const CHOICES: usize = 4096;
/// Suspects at once, at most; then the one whose time is up first is let go.
const SUSPECTS: usize = 4096;
/// Loads within a step count as the same, in percent.
const STEP: u8 = 25;
/// From here on somebody is overloaded, in percent.
const OVERLOAD: u8 = 75;
/// Below this somebody has room for who leaves an overloaded one, in percent.
const ROOM: u8 = 50;

/// Who asked for what.
type Question = (Duty, AgentId);

/// What was chosen, and who is under suspicion.
#[derive(Debug, Default)]
pub(super) struct Choices {
    chosen: HashMap<Question, Choice>,
    /// The questions in the order in which they were first asked.
    order: VecDeque<Question>,
    suspects: BTreeMap<AgentId, Instant>,
    /// Counts what may change a choice.
    revision: u64,
}

#[derive(Debug)]
struct Choice {
    whom: AgentId,
    /// As of which revision, so that nothing is thought over twice.
    revision: u64,
    /// When a suspicion ends that played a part.
    until: Option<Instant>,
}

impl Choices {
    /// Something is new: every choice is to be thought over.
    pub(super) fn reconsider(&mut self) {
        self.revision += 1;
    }

    pub(super) fn suspect(&mut self, who: &AgentId, time: Duration) {
        let now = Instant::now();
        self.suspects.retain(|_, until| now < *until);
        let who = who.to_bare();
        if self.suspects.len() >= SUSPECTS && !self.suspects.contains_key(&who) {
            let first = self.suspects.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(who, _)| who.clone()) {
                self.suspects.remove(&first);
            }
        }
        // What is longer than the clock can count is as long as it can.
        let until = now.checked_add(time).unwrap_or(now + Duration::from_hours(24 * 365));
        self.suspects.insert(who, until);
        self.reconsider();
    }

    pub(super) fn trust(&mut self, who: &AgentId) {
        if self.suspects.remove(&who.to_bare()).is_some() {
            self.reconsider();
        }
    }

    pub(super) fn choose(
        &mut self,
        members: &BTreeMap<AgentId, Presence>,
        duty: &Duty,
        asker: &AgentId,
    ) -> Option<AgentId> {
        let question = (duty.clone(), asker.to_bare());
        let now = Instant::now();
        let before = self.chosen.get(&question);
        if let Some(choice) = before
            && choice.revision == self.revision
            && choice.until.is_none_or(|until| now < until)
        {
            return Some(choice.whom.clone());
        }
        let able: Vec<_> = members.iter().filter(|(_, it)| does(it, duty)).collect();
        let trusted = |who: &AgentId| self.suspects.get(who).is_none_or(|until| *until <= now);
        let mut pool: Vec<_> = able.iter().copied().filter(|(who, _)| trusted(who)).collect();
        if pool.is_empty() {
            pool.clone_from(&able);
        }
        let kept = before.map(|it| &it.whom).filter(|whom| stays(whom, &pool));
        let best = || pool.iter().min_by_key(|(who, it)| (rank(it), spread(asker, who)));
        let whom = kept.or_else(|| best().map(|(who, _)| *who))?.clone();
        let suspected = able.iter().filter_map(|(who, _)| self.suspects.get(*who));
        let until = suspected.filter(|until| now < **until).min().copied();
        self.remember(question, Choice { whom: whom.clone(), revision: self.revision, until });
        Some(whom)
    }

    fn remember(&mut self, question: Question, choice: Choice) {
        if self.chosen.insert(question.clone(), choice).is_some() {
            return;
        }
        self.order.push_back(question);
        if self.order.len() > CHOICES
            && let Some(oldest) = self.order.pop_front()
        {
            self.chosen.remove(&oldest);
        }
    }
}

/// Whether there is no reason to leave somebody for another out of `pool`.
fn stays(whom: &AgentId, pool: &[(&AgentId, &Presence)]) -> bool {
    let Some((_, it)) = pool.iter().find(|(who, _)| *who == whom) else { return false };
    let no_worse = |other: &Presence| !other.flapping || it.flapping;
    pool.iter().filter(|(who, _)| *who != whom).all(|(_, other)| {
        if other.show != it.show {
            return it.show < other.show;
        }
        let steadier = it.flapping && !other.flapping;
        let idle = it.load >= OVERLOAD && other.load < ROOM && no_worse(other);
        !steadier && !idle
    })
}

/// The order of preference, but for who asks.
fn rank(presence: &Presence) -> (Show, bool, u8) {
    (presence.show, presence.flapping, presence.load.min(100) / STEP)
}

/// Rendezvous hashing: the order in which one asker likes the accounts.
fn spread(asker: &AgentId, account: &AgentId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (asker.bare(), account).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_so_many_choices_and_suspects_are_remembered() {
        let mut choices = Choices::default();
        let announcement =
            types::Announcement { duties: vec!["d".to_owned()], ..types::Announcement::default() };
        let show = Show::Available;
        let presence = Presence { show, announcement, ..Presence::default() };
        let members = BTreeMap::from([(AgentId::from("a@test"), presence)]);
        for number in 0..CHOICES + 10 {
            let who = AgentId::from(format!("{number}@test"));
            assert_eq!(choices.choose(&members, &"d".into(), &who), Some("a@test".into()));
            choices.suspect(&who, Duration::from_mins(1));
        }
        assert_eq!((choices.chosen.len(), choices.order.len()), (CHOICES, CHOICES));
        assert_eq!(choices.suspects.len(), SUSPECTS);
        choices.suspect(&"a@test".into(), Duration::MAX);
        tokio::time::advance(Duration::from_secs(61)).await;
        choices.suspect(&"b@test".into(), Duration::from_secs(1));
        assert_eq!(choices.suspects.len(), 2);
    }
}

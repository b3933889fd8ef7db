//! Who is there and what for, as far as this agent knows.

mod choice;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::{broadcast, watch};
use types::{Presence, RollCall, Show};

use crate::{AgentId, Duty};

use choice::Choices;

/// Moves that a slow listener may lag behind; then it reads the members anew.
const MOVES: usize = 1024;

/// The members of the network by account, and how available each is.
///
/// Clones share one directory.
#[derive(Clone, Debug)]
pub struct Directory {
    known: Arc<Mutex<Known>>,
    version: Arc<watch::Sender<u64>>,
    /// Only where somebody listens: it has room for all that may lag.
    moves: Arc<OnceLock<broadcast::Sender<Presence>>>,
}

#[derive(Debug, Default)]
struct Known {
    members: BTreeMap<AgentId, Presence>,
    choices: Choices,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
            moves: Arc::default(),
        }
    }
}

impl Directory {
    /// Takes note of one presence. What says nothing new changes nothing, and a presence
    /// without an announcement keeps the one known.
    pub fn note(&self, mut presence: Presence) {
        {
            let mut known = self.lock();
            let account = AgentId::from(presence.jid.as_str()).to_bare();
            account.as_str().clone_into(&mut presence.jid);
            if let Some(before) = known.members.get(&account) {
                if presence.announcement.role.is_empty() {
                    presence.announcement = before.announcement.clone();
                }
                // More or less to do does not make anybody come anew.
                let busier =
                    Presence { load: presence.load, since_ms: presence.since_ms, ..before.clone() };
                if presence == busier {
                    presence.since_ms = before.since_ms;
                }
                if presence == *before {
                    return;
                }
            }
            known.members.insert(account, presence.clone());
            known.choices.reconsider();
        }
        self.version.send_modify(|it| *it += 1);
        // Nobody may be listening.
        if let Some(moves) = self.moves.get() {
            drop(moves.send(presence));
        }
    }

    /// Takes note of everybody that somebody who knows better tells of.
    pub fn note_all(&self, members: impl IntoIterator<Item = Presence>) {
        members.into_iter().for_each(|presence| self.note(presence));
    }

    /// What is known of an account.
    pub fn get(&self, who: &AgentId) -> Option<Presence> {
        self.lock().members.get(&who.to_bare()).cloned()
    }

    /// Everybody, by account.
    pub fn members(&self) -> Vec<Presence> {
        self.lock().members.values().cloned().collect()
    }

    /// Everybody who answers `call`, by account.
    pub fn find(&self, call: &RollCall) -> Vec<Presence> {
        let known = self.lock();
        known.members.values().filter(|it| Self::answers(it, call)).cloned().collect()
    }

    /// Whether somebody answers `call`: does one of the duties, has all of the labels, and is
    /// available in one of the ways; where the call names none, any will do.
    pub fn answers(presence: &Presence, call: &RollCall) -> bool {
        let said = &presence.announcement;
        let duty = call.duties.is_empty() || said.duties.iter().any(|it| call.duties.contains(it));
        let labels = call.labels.iter().all(|(name, value)| said.labels.get(name) == Some(value));
        duty && labels && (call.shows.is_empty() || call.shows.contains(&presence.show))
    }

    /// Who does `duty` best for `asker`. Who is gone, or of a negative priority, does nothing.
    ///
    /// Whoever was chosen before stays chosen while it is there and labelled as asked for, and as
    /// long as nobody is more available, it is not the one that comes and goes while others of
    /// the same availability stay, and it is not overloaded (75 percent or more) while another of
    /// the same availability has room (less than 50 percent).
    ///
    /// Otherwise it is the most available; of those one that does not come and go; of those the
    /// least loaded, in steps of 25 percent; and among equals always the same for one asker, but
    /// spread over the askers. Who is under [suspicion](Self::suspect) comes after all others.
    ///
    /// 4,096 choices are remembered, then the oldest is forgotten.
    pub fn pick(&self, duty: &Duty, asker: &AgentId) -> Option<AgentId> {
        let Known { members, choices } = &mut *self.lock();
        choices.choose(members, duty, asker)
    }

    /// Everybody who is there and does `duty`, but for `asker`, by account.
    pub fn all_for(&self, duty: &Duty, asker: &AgentId) -> Vec<AgentId> {
        let known = self.lock();
        let all = known.members.iter().filter(|(_, it)| does(it, duty)).map(|(who, _)| who);
        all.filter(|who| who.bare() != asker.bare()).cloned().collect()
    }

    /// Passes over somebody who was asked and did not answer, for so long, while there is anybody
    /// else. Of 4,096 suspects at once, the one whose time is up first is let go for another.
    pub fn suspect(&self, who: &AgentId, time: Duration) {
        self.lock().choices.suspect(who, time);
    }

    /// Takes a suspicion back: it answered.
    pub fn trust(&self, who: &AgentId) {
        self.lock().choices.trust(who);
    }

    /// Wakes whenever something changed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Every change from now on, in order.
    pub fn moves(&self) -> broadcast::Receiver<Presence> {
        self.moves.get_or_init(|| broadcast::Sender::new(MOVES)).subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody is there, does the duty, and is labelled as asked for. Who says by a negative
/// priority that it wants no messages is not there for it (RFC 6121 section 8.5.2.1).
fn does(presence: &Presence, duty: &Duty) -> bool {
    let said = &presence.announcement;
    presence.show != Show::Unavailable
        && presence.priority >= 0
        && said.duties.iter().any(|had| *had == *duty.name)
        && duty
            .labels
            .iter()
            .all(|(name, value)| said.labels.get(&**name).is_some_and(|it| **it == **value))
}

#[cfg(test)]
mod tests;

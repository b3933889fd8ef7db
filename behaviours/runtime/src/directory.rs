//! Who is there and what for, as far as this agent knows.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{broadcast, watch};
use types::{Presence, Show};

use crate::{AgentId, Duty};

/// Moves that a slow listener may lag behind; then it reads the members anew.
const MOVES: usize = 1024;

/// The members of the network by account, and how available each is.
///
/// Clones share one directory.
#[derive(Clone, Debug)]
pub struct Directory {
    members: Arc<Mutex<BTreeMap<AgentId, Presence>>>,
    version: Arc<watch::Sender<u64>>,
    moves: broadcast::Sender<Presence>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            members: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
            moves: broadcast::Sender::new(MOVES),
        }
    }
}

impl Directory {
    /// Takes note of one presence. What says nothing new changes nothing, and a presence
    /// without an announcement keeps the one known.
    pub fn note(&self, mut presence: Presence) {
        {
            let mut members = self.lock();
            let account = AgentId::from(presence.jid.as_str()).to_bare();
            account.as_str().clone_into(&mut presence.jid);
            if let Some(known) = members.get(&account) {
                if presence.announcement.role.is_empty() {
                    presence.announcement = known.announcement.clone();
                }
                let same = Presence { since_ms: known.since_ms, ..presence.clone() };
                if same == *known {
                    return;
                }
            }
            members.insert(account, presence.clone());
        }
        self.version.send_modify(|it| *it += 1);
        // Nobody may be listening.
        drop(self.moves.send(presence));
    }

    /// Takes note of everybody that somebody who knows better tells of.
    pub fn note_all(&self, members: impl IntoIterator<Item = Presence>) {
        members.into_iter().for_each(|presence| self.note(presence));
    }

    /// What is known of an account.
    pub fn get(&self, who: &AgentId) -> Option<Presence> {
        self.lock().get(&who.to_bare()).cloned()
    }

    /// Everybody, by account.
    pub fn members(&self) -> Vec<Presence> {
        self.lock().values().cloned().collect()
    }

    /// Who does `duty` best for `asker`: the most available, and among equals always the same
    /// for one asker but spread over the askers. Who is gone does nothing.
    pub fn pick(&self, duty: &Duty, asker: &AgentId) -> Option<AgentId> {
        let members = self.lock();
        let able = members.iter().filter(|(_, it)| does(it, duty));
        let best = able.min_by_key(|(account, it)| (it.show, spread(asker, account)));
        best.map(|(account, _)| account.clone())
    }

    /// Wakes whenever something changed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Every change from now on, in order.
    pub fn moves(&self) -> broadcast::Receiver<Presence> {
        self.moves.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentId, Presence>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody is there, does the duty, and is labelled as asked for.
fn does(presence: &Presence, duty: &Duty) -> bool {
    let said = &presence.announcement;
    presence.show != Show::Unavailable
        && said.duties.iter().any(|had| *had == *duty.name)
        && duty
            .labels
            .iter()
            .all(|(name, value)| said.labels.get(&**name).is_some_and(|it| **it == **value))
}

/// Rendezvous hashing: the order in which one asker likes the accounts.
fn spread(asker: &AgentId, account: &AgentId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (asker.bare(), account).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use types::Announcement;

    use super::*;

    fn presence(jid: &str, show: Show) -> Presence {
        let duties = vec!["aggregate".to_owned()];
        let announcement =
            Announcement { role: "aggregator".to_owned(), duties, ..Announcement::default() };
        Presence { jid: jid.to_owned(), show, announcement, ..Presence::default() }
    }

    #[test]
    fn the_most_available_is_picked_and_nobody_who_is_gone() {
        let directory = Directory::default();
        let asker = AgentId::from("probe@test");
        assert_eq!(directory.pick(&"aggregate".into(), &asker), None);
        directory.note(presence("a@test/1", Show::Away));
        directory.note(presence("b@test", Show::Available));
        assert_eq!(directory.pick(&"aggregate".into(), &asker), Some("b@test".into()));
        assert_eq!(directory.pick(&"analyze".into(), &asker), None);
        directory.note(presence("b@test", Show::Unavailable));
        assert_eq!(directory.pick(&"aggregate".into(), &asker), Some("a@test".into()));
    }

    #[test]
    fn equals_share_the_askers() {
        let directory = Directory::default();
        directory
            .note_all([presence("a@test", Show::Available), presence("b@test", Show::Available)]);
        let pick =
            |n: u32| directory.pick(&"aggregate".into(), &AgentId::from(format!("probe{n}@test")));
        let chosen_a = (0..100).filter(|n| pick(*n) == Some("a@test".into())).count();
        assert!((20..80).contains(&chosen_a), "{chosen_a}");
        assert_eq!(pick(7), pick(7));
    }

    #[test]
    fn a_bare_goodbye_keeps_what_was_announced_and_a_repeat_is_no_news() {
        let directory = Directory::default();
        let mut moves = directory.moves();
        directory.note(presence("a@test", Show::Available));
        directory.note(Presence { since_ms: 9, ..presence("a@test", Show::Available) });
        let gone = presence("a@test", Show::Unavailable);
        directory.note(Presence { announcement: Announcement::default(), ..gone });
        assert_eq!(moves.try_recv().unwrap().show, Show::Available);
        assert_eq!(moves.try_recv().unwrap().announcement.role, "aggregator");
        assert!(moves.try_recv().is_err());
    }
}

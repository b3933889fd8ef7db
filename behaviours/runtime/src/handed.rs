//! Letters that were handed over: who has which, and whether everybody has dealt with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Message, mailbox::Slit};

/// One round of handing letters over: whoever had no room for one gets no later one in it, so that
/// each gets them in order.
#[derive(Debug, Default)]
pub struct Round {
    full: Vec<Slit>,
}

/// What became of a letter in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handing {
    /// Everybody who wants it has it.
    Complete {
        /// Whether all of them have dealt with it already.
        is_dealt_with: bool,
    },
    /// Somebody who wants it has no room.
    Waits,
    /// Nobody wants it.
    Unwanted,
}

/// The letters that were handed over since the agent started, while they are on its disk.
#[derive(Debug, Default)]
pub(crate) struct Handed(Mutex<HashMap<Arc<str>, Letter>>);

#[derive(Debug, Default)]
struct Letter {
    /// Who has it, or had.
    by: Vec<Slit>,
    /// How many of these may still deal with it.
    open: usize,
    /// Whether somebody has dealt with it.
    is_read: bool,
    /// Whether everybody who wants it has it.
    is_complete: bool,
}

impl Letter {
    fn is_dealt_with(&self) -> bool {
        self.is_complete && self.is_read && self.open == 0
    }
}

impl Handed {
    /// Whether this letter was handed to anybody.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.lock().contains_key(key)
    }

    /// Hands a letter to those of `wanting` who do not have it yet.
    pub(crate) fn hand_over(
        &self,
        message: &Arc<Message>,
        key: &Arc<str>,
        wanting: &[Slit],
        round: &mut Round,
    ) -> Handing {
        let mut letters = self.lock();
        if wanting.is_empty() && !letters.contains_key(key) {
            return Handing::Unwanted;
        }
        let letter = letters.entry(Arc::clone(key)).or_default();
        if letter.is_complete {
            return Handing::Complete { is_dealt_with: letter.is_dealt_with() };
        }
        letter.is_complete = true;
        for slit in wanting {
            let is_it = |it: &Slit| it.is_same(slit);
            if letter.by.iter().any(is_it) {
                continue;
            }
            if round.full.iter().any(is_it) || slit.put_fairly(Arc::clone(message)).is_err() {
                round.full.push(slit.clone());
                letter.is_complete = false;
                continue;
            }
            letter.by.push(slit.clone());
            letter.open += 1;
        }
        if !letter.is_complete {
            return Handing::Waits;
        }
        Handing::Complete { is_dealt_with: letter.is_dealt_with() }
    }

    /// Somebody is done with a letter, having dealt with it or not. Whether all are now, and the
    /// letter can be forgotten.
    pub(crate) fn done(&self, key: &str, is_read: bool) -> bool {
        let mut letters = self.lock();
        let Some(letter) = letters.get_mut(key) else { return false };
        letter.open = letter.open.saturating_sub(1);
        letter.is_read |= is_read;
        letter.is_dealt_with()
    }

    /// Whether a letter is dealt with as soon as one more of those who have it has dealt with it.
    pub(crate) fn is_last(&self, key: &str) -> bool {
        self.lock().get(key).is_some_and(|it| it.is_complete && it.open == 1)
    }

    /// A letter is not on disk any more.
    pub(crate) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Letter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Performative, Template, mailbox::mailbox};

    #[test]
    fn a_letter_is_dealt_with_when_everybody_who_wants_it_has() {
        let (one, mut ones) = mailbox(Template::Any, 2, false);
        let (other, mut others) = mailbox(Template::Any, 1, false);
        let wanting = [one, other.clone()];
        let letter = Arc::new(Message::text(Performative::Inform, "b@test", "hello"));
        let (handed, key) = (Handed::default(), Arc::<str>::from("k"));
        let hand_over = || handed.hand_over(&letter, &key, &wanting, &mut Round::default());
        other.put(Arc::clone(&letter)).unwrap();
        assert_eq!(hand_over(), Handing::Waits);
        assert!(ones.take().is_some());
        assert!(!handed.is_last("k"), "the other one does not have it yet");
        assert!(!handed.done("k", true));
        others.take();
        assert_eq!(hand_over(), Handing::Complete { is_dealt_with: false });
        assert!(ones.take().is_none(), "nobody gets it twice");
        assert!(others.take().is_some());
        assert!(handed.is_last("k"));
        assert!(handed.done("k", false));
        assert_eq!(hand_over(), Handing::Complete { is_dealt_with: true });
        handed.forget("k");
        assert!(!handed.knows("k"));
    }

    #[test]
    fn what_nobody_read_is_never_dealt_with() {
        let (slit, _mailbox) = mailbox(Template::Any, 1, false);
        let letter = Arc::new(Message::text(Performative::Inform, "b@test", "hello"));
        let handed = Handed::default();
        let round = &mut Round::default();
        assert_eq!(handed.hand_over(&letter, &"k".into(), &[], round), Handing::Unwanted);
        handed.hand_over(&letter, &"k".into(), &[slit], round);
        assert!(!handed.done("k", false));
    }
}

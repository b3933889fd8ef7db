//! What is news of somebody, and who comes and goes so often that its coming says little.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;
use types::{Presence, Show};

/// So many comings and goings within [`WINDOW`] are too many.
const MOVES: usize = 6;
/// Over what time they count. Who keeps still for as long flaps no more.
const WINDOW: Duration = Duration::from_mins(2);
/// Accounts that are watched at once; of further ones nothing is said.
const WATCHED: usize = 100_000;

/// Counts comings and goings.
#[derive(Debug, Default)]
pub(super) struct Flapping {
    accounts: HashMap<String, Account>,
}

#[derive(Debug, Default)]
struct Account {
    is_there: bool,
    moves: VecDeque<Instant>,
    flaps: bool,
    /// What was said of it last.
    last: Option<Presence>,
}

impl Flapping {
    /// Takes note of a presence and says in it whether its account flaps. Whether it is news: that
    /// somebody is more or less busy is not.
    pub(super) fn judge(&mut self, presence: &mut Presence) -> bool {
        if self.accounts.len() >= WATCHED && !self.accounts.contains_key(&presence.jid) {
            return true;
        }
        let now = Instant::now();
        let account = self.accounts.entry(presence.jid.clone()).or_default();
        let is_there = presence.show != Show::Unavailable;
        if std::mem::replace(&mut account.is_there, is_there) != is_there {
            account.moves.push_back(now);
        }
        account.moves.retain(|then| now.duration_since(*then) < WINDOW);
        // More of them would say no more.
        account.moves.drain(..account.moves.len().saturating_sub(MOVES));
        account.flaps =
            account.moves.len() >= MOVES || (account.flaps && !account.moves.is_empty());
        presence.flapping = account.flaps;
        let said = Presence { load: 0, since_ms: 0, ..presence.clone() };
        let is_news = account.last.as_ref() != Some(&said);
        account.last = Some(said);
        is_news
    }

    /// Whether an account flaps.
    pub(super) fn is_flapping(&self, jid: &str) -> bool {
        self.accounts.get(jid).is_some_and(|it| it.flaps)
    }

    /// When somebody who flaps will have kept still for long enough.
    pub(super) fn calm(&self) -> Option<Instant> {
        let flapping = self.accounts.values().filter(|it| it.flaps);
        flapping.filter_map(|it| it.moves.back()).min().map(|last| *last + WINDOW)
    }

    /// Those who have kept still for long enough by now.
    pub(super) fn calmed(&mut self) -> Vec<String> {
        let now = Instant::now();
        let still =
            |it: &Account| it.moves.back().is_none_or(|it| now.duration_since(*it) >= WINDOW);
        let calm = self.accounts.iter_mut().filter(|(_, it)| it.flaps && still(it));
        calm.map(|(jid, account)| {
            account.moves.clear();
            account.flaps = false;
            jid.clone()
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(show: Show) -> Presence {
        Presence { jid: "a@test".to_owned(), show, ..Presence::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn six_moves_in_two_minutes_are_too_many_and_two_minutes_of_peace_enough() {
        let mut flapping = Flapping::default();
        let mut judge = |show| {
            let mut presence = presence(show);
            assert!(flapping.judge(&mut presence));
            presence.flapping
        };
        for _ in 0..2 {
            assert!(!judge(Show::Available));
            assert!(!judge(Show::Away));
            assert!(!judge(Show::Unavailable));
        }
        assert!(!judge(Show::Available));
        assert!(judge(Show::Unavailable));
        tokio::time::advance(WINDOW / 2).await;
        assert!(judge(Show::Available));
        let mut busy = Presence { load: 75, since_ms: 9, ..presence(Show::Available) };
        assert!(!flapping.judge(&mut busy));
        assert!(flapping.is_flapping("a@test"));
        assert_eq!(flapping.calmed(), Vec::<String>::new());
        assert_eq!(flapping.calm(), Some(Instant::now() + WINDOW));
        tokio::time::advance(WINDOW).await;
        assert_eq!(flapping.calmed(), ["a@test"]);
        assert!(!flapping.is_flapping("a@test"));
    }
}

//! How the registrar and its members see each other without a roster: by presence that is sent to
//! one address (RFC 6121 section 4.6).
//!
//! A subscription costs both a change of their rosters, and servers write a roster anew with each:
//! a thousand members make the registrar's roster a thousand times as dear. A directed presence
//! costs a stanza, and the server tells the other one when the sender is gone, all the same.
//! Whoever does not greet, a SPADE agent say, is asked for a subscription, one by one.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use runtime::AgentId;
use tokio::time::Instant;
use xmpp_parsers::presence;

/// Connections that were greeted and are remembered; further ones are greeted each time that they
/// are heard of.
const MOST: usize = 200_000;

/// How long members have to greet by themselves before they are asked for a subscription, and
/// how long from one to the next.
const PATIENCE: Duration = Duration::from_secs(30);
const PACE: Duration = Duration::from_secs(1);

/// Who was greeted in this session.
#[derive(Debug, Default)]
pub(crate) struct Greetings {
    greeted: HashSet<AgentId>,
    /// Who has not greeted yet, and when the next of them is asked.
    silent: VecDeque<AgentId>,
    ask_at: Option<Instant>,
    /// How we were when everybody was told last.
    told: Option<presence::Presence>,
}

impl Greetings {
    /// A new session: nobody knows that we are here.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }

    /// These have to greet, or are asked for a subscription in time.
    pub(crate) fn expect(&mut self, who: impl IntoIterator<Item = AgentId>) {
        self.silent.extend(who);
        self.ask_at = (!self.silent.is_empty()).then(|| Instant::now() + PATIENCE);
    }

    /// A connection is heard of. Whether it has not been greeted yet.
    pub(crate) fn is_new(&mut self, from: &AgentId) -> bool {
        if !self.silent.is_empty() {
            self.silent.retain(|it| it.bare() != from.bare());
        }
        if self.greeted.contains(from) {
            return false;
        }
        if self.greeted.len() < MOST {
            self.greeted.insert(from.clone());
        }
        true
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, from: &AgentId) {
        self.greeted.remove(from);
    }

    /// When the next one is to be asked for a subscription.
    pub(crate) fn ask_at(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Who is to be asked now.
    pub(crate) fn ask(&mut self) -> Option<AgentId> {
        let who = self.silent.pop_front();
        self.ask_at = (!self.silent.is_empty()).then(|| Instant::now() + PACE);
        who
    }

    /// Whether those who were greeted must hear of it: that one is more or less busy is no news
    /// to a thousand.
    pub(crate) fn is_news(&mut self, hello: &presence::Presence) -> bool {
        let mut said = hello.clone();
        said.payloads.clear();
        let is_news = self.told.as_ref().is_some_and(|told| *told != said);
        self.told = Some(said);
        is_news
    }

    /// Everybody who was greeted, by account.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AgentId> {
        let accounts: HashSet<AgentId> = self.greeted.iter().map(AgentId::to_bare).collect();
        accounts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_greet_is_asked_one_by_one() {
        let mut greetings = Greetings::default();
        greetings.expect(["a@test".into(), "b@test".into(), "c@test".into()]);
        assert!(greetings.is_new(&"b@test/1".into()));
        assert!(!greetings.is_new(&"b@test/1".into()));
        assert_eq!(greetings.ask_at(), Some(Instant::now() + PATIENCE));
        assert_eq!(greetings.ask(), Some("a@test".into()));
        assert_eq!(greetings.ask_at(), Some(Instant::now() + PACE));
        assert_eq!(greetings.ask(), Some("c@test".into()));
        assert_eq!((greetings.ask_at(), greetings.ask()), (None, None));
        greetings.forget(&"b@test/1".into());
        assert!(greetings.is_new(&"b@test/1".into()));
    }

    #[test]
    fn more_to_do_is_no_news_and_another_word_is() {
        let mut greetings = Greetings::default();
        let hello = presence::Presence::available();
        assert!(!greetings.is_news(&hello));
        assert!(!greetings.is_news(&hello));
        assert!(greetings.is_news(&hello.with_show(presence::Show::Dnd)));
    }
}

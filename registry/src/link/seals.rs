//! What the link does so that messages are sealed.

use runtime::AgentId;
use tokio_xmpp::Stanza;
use tracing::{error, warn};
use types::{Policy, Violation};
use xmpp_parsers::message;

use super::Link;
use crate::sealing::{self, Came, Refused};

/// The protocol under whose name refusals are told.
const OMEMO: &str = "omemo";

impl Link {
    /// Opens what is sealed; what may not be believed is gone. What was opened is read later.
    pub(super) fn unseal(
        &mut self,
        from: &AgentId,
        stanza: message::Message,
    ) -> Option<message::Message> {
        let Some(sealer) = &mut self.sealer else {
            let sealed = sealing::is_sealed(&stanza);
            if sealed {
                warn!(message.from = %from, "a sealed message; this agent is not enrolled and has no keys");
            }
            return (!sealed).then_some(stanza);
        };
        match sealer.unseal(from, &stanza) {
            // What was sealed before it came before it.
            Came::Plain if self.opened.is_empty() => Some(stanza),
            Came::Plain => {
                self.settle_seals();
                Some(stanza)
            }
            Came::Sealed(kept) => {
                self.opened.push((kept, stanza));
                None
            }
            Came::Nothing => None,
        }
    }

    /// Writes to disk what sealing and opening changed; then reads what was opened, and sends what
    /// the sessions need. What cannot be written is not read: who sent it will try again.
    pub(super) fn settle_seals(&mut self) {
        let Some(sealer) = &mut self.sealer else { return };
        let commit = match sealer.commit() {
            Ok(commit) => commit,
            Err(error) => {
                error!(%error, "the state of the sessions cannot be written; nothing is sealed or read");
                self.opened.clear();
                return;
            }
        };
        self.errands.extend(sealer.pull());
        let refusals = sealer.refusals();
        let opened = std::mem::take(&mut self.opened);
        for (kept, stanza) in opened {
            let stanza = kept.release(commit).and_then(|it| sealing::unwrap(stanza, it));
            if let Some(stanza) = stanza {
                self.on_opened(stanza);
            }
        }
        for Refused { who, what } in refusals {
            self.complain(who, what);
        }
    }

    /// Tells people that something was refused.
    pub(super) fn complain(&self, who: String, what: String) {
        self.door.complain(Violation {
            at_ms: self.clock.now_ms(),
            protocol: OMEMO.to_owned(),
            conversation: String::new(),
            with: who,
            what,
        });
    }

    pub(super) fn tick(&mut self) {
        if let Some(sealer) = self.sealer.as_mut().filter(|_| self.online) {
            sealer.tick();
            self.outbox.release_held();
        }
    }

    /// Others are believed than before.
    pub(super) fn believe(&mut self) {
        let registrar = self.account.registrar.clone();
        let knows = |it: &Self| it.sealer.as_ref().is_some_and(|it| it.is_member(&registrar));
        let knew = knows(self);
        if let Some(sealer) = &mut self.sealer {
            sealer.believe();
            self.outbox.release_held();
            for presence in self.contacts.reconsider(|who| sealer.policy(who)) {
                self.door.presence(presence);
            }
        }
        // What was asked before could not be sealed, and was not heard.
        if self.online && !knew && knows(self) {
            self.call_the_roll();
        }
    }

    /// How somebody is spoken to, if we can seal.
    pub(super) fn policy(&self, who: &AgentId) -> Option<Policy> {
        self.sealer.as_ref().map(|it| it.policy(who))
    }

    /// Whether what somebody says in plain may be acted on.
    pub(super) fn hears_plain(&self, from: &AgentId) -> bool {
        self.sealer.as_ref().is_none_or(|it| it.hears_plain(from, true))
    }

    /// Whether somebody's presence may say that it does a duty. In plain anybody could: an agent
    /// that seals believes that of members, and of whom it may speak to in plain anyway.
    pub(super) fn believes_duties(&self, who: &AgentId) -> bool {
        self.sealer.as_ref().is_none_or(|it| it.believes_duties(who))
    }

    /// An answer that the sessions waited for.
    pub(super) fn on_answer(&mut self, next: Option<Stanza>) {
        self.errands.extend(next);
        self.outbox.release_held();
    }
}

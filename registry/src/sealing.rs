//! The sealed road: what an agent says is sealed for whom it is said to (OMEMO, XEP-0384), and
//! what it hears is opened, by whom it believes.
//!
//! A layer between messages and stanzas. Nothing goes out, and nothing that came in is believed,
//! before the state that it changed is on disk.

use std::{collections::HashMap, fmt, path::PathBuf, sync::Arc};

use omemo::{
    Believed, Machine, Settings, Trust,
    machine::{Commit, Kept, Notice, Opened, Outgoing, Refusal, Unsealable},
    store::{SqliteStore, StoreError},
};
use runtime::{AgentId, Clock};
use tokio::sync::watch;
use tokio_xmpp::minidom::Element;
use tracing::{info, warn};
use types::{OPERATOR, Policy};
use xmpp_parsers::message;

use crate::{DeviceIdentity, Members};

mod content;
mod policy;
mod publishing;

pub use policy::Policies;
pub(crate) use publishing::Asked;

/// What an agent needs to seal.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Its device.
    pub device: DeviceIdentity,
    /// Where sessions and prekeys are kept.
    pub store: PathBuf,
    /// Whom the registry vouches for.
    pub members: watch::Receiver<Arc<Members>>,
    /// How others are spoken to.
    pub policies: Policies,
}

/// Something that was refused, for people to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Whose, or for whom.
    pub(crate) who: String,
    /// What.
    pub(crate) what: String,
}

/// How a message goes out.
pub(crate) enum Way {
    /// As it is.
    Plain,
    /// Sealed, once that is on disk.
    Sealed(Kept<Vec<Element>>),
    /// Not yet: the server was asked for something first.
    Wait,
    /// Not at all.
    Refused(String),
}

/// What came in.
pub(crate) enum Came {
    /// Sealed, and opened; to be read once that is on disk.
    Sealed(Kept<Opened>),
    /// In plain, from somebody who may.
    Plain,
    /// Nothing that is meant for us, or nothing that we may believe.
    Nothing,
}

/// Seals and opens for one connection.
pub(crate) struct Sealer {
    machine: Machine<SqliteStore>,
    members: watch::Receiver<Arc<Members>>,
    policies: Policies,
    clock: Clock,
    asked: HashMap<String, Asked>,
    next: u64,
    /// Whether the server does not take it that a node is to hold more than one item.
    one_item: bool,
    refused: Vec<Refused>,
    /// Proof of the last commit.
    committed: Commit,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Opens the keys of an account. A store that is damaged is put aside: what is made anew
    /// costs sessions, and nothing that was sealed can be opened by it.
    pub(crate) fn open(account: &str, sealing: Sealing, clock: Clock) -> Result<Self, StoreError> {
        let Sealing { device, store, members, policies } = sealing;
        let settings = Settings {
            account: account.to_owned(),
            device: device.device,
            identity: device.identity,
            people: true,
        };
        let now = clock.now_ms().div_euclid(1000);
        let open = || {
            let mut machine = Machine::open(SqliteStore::open(&store)?, settings.clone(), now)?;
            let committed = machine.commit()?;
            Ok((machine, committed))
        };
        let mut refused = Vec::new();
        let (machine, committed) = match open() {
            Err(StoreError::Damaged(error)) => {
                let aside = store.with_extension("damaged");
                warn!(%error, "the store of keys is damaged; it is now `{}`", aside.display());
                std::fs::rename(&store, &aside).map_err(|it| StoreError::Failed(it.into()))?;
                let what = format!(
                    "the store of our keys was damaged and is now `{}`; all sessions are new",
                    aside.display()
                );
                refused.push(Refused { who: account.to_owned(), what });
                open()?
            }
            opened => opened?,
        };
        let mut sealer = Self {
            machine,
            members,
            policies,
            clock,
            asked: HashMap::new(),
            next: 0,
            one_item: false,
            refused,
            committed,
        };
        sealer.believe();
        Ok(sealer)
    }

    fn now(&self) -> i64 {
        self.clock.now_ms().div_euclid(1000)
    }

    /// Waits until others are believed than before.
    pub(crate) async fn members_change(&mut self) {
        if self.members.changed().await.is_err() {
            // Nobody will change it any more.
            std::future::pending::<()>().await;
        }
    }

    /// Takes over whom the registry vouches for.
    pub(crate) fn believe(&mut self) {
        let members = Arc::clone(&self.members.borrow_and_update());
        let mut trust = Trust::default();
        for member in members.iter() {
            let is_person = member.role == OPERATOR;
            for (device, key) in member.devices.iter().zip(members.keys(&member.jid)) {
                let device = (!is_person).then_some(device.device);
                trust.believe(&member.jid, Believed { device, key: *key });
            }
        }
        info!(
            members = members.len(),
            serial = members.serial(),
            "believes whom the registry does"
        );
        self.machine.set_trust(trust);
    }

    /// Whether somebody is an agent that the registry vouches for.
    pub(crate) fn is_member(&self, who: &AgentId) -> bool {
        self.machine.trust().devices(who.bare()).is_some()
    }

    /// How somebody is spoken to, and heard. `prefer` means sealed once there is a key of theirs
    /// to be believed: from then on the server cannot speak for them in plain.
    pub(crate) fn policy(&self, who: &AgentId) -> Policy {
        let bare = who.bare();
        match self.policies.of(bare, self.is_member(who)) {
            Policy::Prefer if self.machine.trust().knows(bare) => Policy::Sealed,
            policy => policy,
        }
    }

    /// Whether somebody's presence may say that it does a duty.
    pub(crate) fn believes_duties(&self, who: &AgentId) -> bool {
        let is_agent = self.members.borrow().get(who.bare()).is_some_and(|it| it.role != OPERATOR);
        is_agent || self.policies.rules_plain(who.bare())
    }

    /// How a message goes out.
    pub(crate) fn seal(&mut self, to: &AgentId, stanza: &message::Message) -> Way {
        if self.policy(to) != Policy::Sealed || content::goes_open(stanza) {
            return Way::Plain;
        }
        let (elements, body) = content::write(stanza);
        let message = Outgoing { elements: &elements, body: &body };
        let now = self.now();
        match self.machine.seal(to.bare(), message, now) {
            Ok(omemo::machine::Sealing::Done(kept)) => Way::Sealed(kept),
            Ok(omemo::machine::Sealing::Wait) => Way::Wait,
            Err(why @ (Unsealable::Unknown(_) | Unsealable::NoDevice(_))) => {
                self.refuse(to.bare(), format!("nothing was sent: {why}"));
                Way::Refused(why.to_string())
            }
            Err(why) => Way::Refused(why.to_string()),
        }
    }

    /// What came in, as far as it may be believed. What is sealed is never read otherwise.
    pub(crate) fn unseal(&mut self, from: &AgentId, stanza: &message::Message) -> Came {
        let encrypted = stanza.payloads.iter().find(|it| content::is_encrypted(it));
        let Some(encrypted) = encrypted else { return self.plain(from, stanza) };
        let now = self.now();
        let sent = content::sent(stanza).unwrap_or(now);
        match self.machine.unseal(from.bare(), encrypted, sent, now) {
            Ok(kept) => Came::Sealed(kept),
            Err(Refusal::NotForUs) => Came::Nothing,
            Err(refusal) => {
                self.refuse(from.bare(), format!("a sealed message was refused: {refusal}"));
                Came::Nothing
            }
        }
    }

    fn plain(&mut self, from: &AgentId, stanza: &message::Message) -> Came {
        let says_something = !stanza.bodies.is_empty();
        let may = || self.hears_plain(from, content::is_act(stanza));
        if !says_something || content::proves_itself(stanza) || may() {
            return Came::Plain;
        }
        self.refuse(from.bare(), "a message in plain was refused".to_owned());
        Came::Nothing
    }

    /// Whether somebody may say something in plain; `act`: something with a performative.
    pub(crate) fn hears_plain(&self, from: &AgentId, act: bool) -> bool {
        match self.policy(from) {
            Policy::Sealed => false,
            Policy::Prefer => !act || self.policies.hears_acts(),
            Policy::Plain => true,
        }
    }

    /// Writes what changed to disk.
    pub(crate) fn commit(&mut self) -> Result<Commit, StoreError> {
        self.committed = self.machine.commit()?;
        for notice in std::iter::from_fn(|| self.machine.notice()).collect::<Vec<_>>() {
            self.tell(notice);
        }
        Ok(self.committed)
    }

    fn tell(&mut self, notice: Notice) {
        match notice {
            Notice::Distrusted { account, device, key, why } => {
                let print = key.fingerprint();
                self.refuse(&account, format!("device {device} ({print}) is not believed: {why}"));
            }
            Notice::Unusable { account, device, why } => {
                self.refuse(&account, format!("the keys of device {device} cannot be used: {why}"));
            }
            Notice::Mended { account, device } => {
                self.refuse(&account, format!("the session with device {device} was made anew"));
            }
            Notice::RolledBack => {
                let us = self.us().to_owned();
                self.refuse(&us, "our keys were of an old copy; all sessions are new".to_owned());
            }
            Notice::Damaged(name) => {
                let us = self.us().to_owned();
                self.refuse(
                    &us,
                    format!("the record `{name}` of our keys was damaged and is lost"),
                );
            }
            other => warn!(?other, "sealing"),
        }
    }

    fn us(&self) -> &str {
        &self.policies.me
    }

    fn refuse(&mut self, who: &str, what: String) {
        self.refused.push(Refused { who: who.to_owned(), what });
    }

    /// What was refused since it was asked last.
    pub(crate) fn refusals(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }
}

/// Whether a stanza holds something that was sealed.
pub(crate) fn is_sealed(stanza: &message::Message) -> bool {
    stanza.payloads.iter().any(content::is_encrypted)
}

/// A stanza in which a message was, without what was sealed.
pub(crate) fn wrap(mut stanza: message::Message, sealed: Vec<Element>) -> message::Message {
    content::wrap(&mut stanza, sealed);
    stanza
}

/// A stanza that was sealed, as it was before.
pub(crate) fn unwrap(stanza: message::Message, opened: Opened) -> Option<message::Message> {
    content::unwrap(stanza, opened)
}

//! Who may see whom: subscriptions (RFC 6121 section 3) by policy, and presence by account.

use std::collections::{BTreeMap, HashMap, HashSet};

use runtime::AgentId;
use tracing::info;
use types::{Policy, Presence, Show};
use xmpp_parsers::roster::{Item, Subscription};

use crate::{Account, Subscriptions};

/// Connections of one account whose presence is remembered.
const CONNECTIONS: usize = 16;

/// What becomes of somebody's wish to see our presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A contact: it sees us, and we want to see it.
    LetIn,
    /// It sees us.
    Show,
    /// A person decides.
    Ask,
    /// Nothing.
    Ignore,
}

/// What is said of somebody who left without a word.
const SILENT: &str = "left without a word";

/// What is said of everybody once our own connection is gone.
const BLIND: &str = "our connection to the server was lost";

/// The roster, the policy, and who is there.
#[derive(Debug)]
pub(crate) struct Contacts {
    me: AgentId,
    allowed: Vec<AgentId>,
    policy: Subscriptions,
    /// Whom a person let in, until the roster says so too.
    approved: HashSet<AgentId>,
    /// Whom we asked for their presence.
    watched: HashSet<AgentId>,
    roster: HashMap<AgentId, Subscription>,
    present: HashMap<AgentId, BTreeMap<AgentId, Presence>>,
}

impl Contacts {
    pub(crate) fn new(account: &Account) -> Self {
        let me = AgentId::from(account.jid.as_str());
        let mut allowed: Vec<AgentId> = account.contacts.iter().map(AgentId::to_bare).collect();
        allowed.push(account.registrar.to_bare());
        allowed.retain(|it| *it != me);
        allowed.sort_unstable();
        allowed.dedup();
        Self {
            me,
            allowed,
            policy: account.subscriptions,
            approved: HashSet::new(),
            watched: HashSet::new(),
            roster: HashMap::new(),
            present: HashMap::new(),
        }
    }

    /// Whether `who` is a contact: by configuration, or since a person, or policy, let it in.
    pub(crate) fn allows(&self, who: &AgentId) -> bool {
        let who = who.to_bare();
        let let_in = matches!(self.roster.get(&who), Some(Subscription::From | Subscription::Both));
        let_in || self.allowed.binary_search(&who).is_ok() || self.approved.contains(&who)
    }

    /// What becomes of the wish of `who` to see our presence.
    pub(crate) fn judge(&self, who: &AgentId) -> Verdict {
        if self.allows(who) {
            return Verdict::LetIn;
        }
        match self.policy {
            Subscriptions::Domain if who.domain() == self.me.domain() => Verdict::Show,
            Subscriptions::Domain | Subscriptions::Ask => Verdict::Ask,
            Subscriptions::Contacts => Verdict::Ignore,
        }
    }

    /// A person lets `who` in.
    pub(crate) fn approve(&mut self, who: &AgentId) {
        self.approved.insert(who.to_bare());
    }

    /// A person does not let `who` in, or no longer.
    pub(crate) fn deny(&mut self, who: &AgentId) {
        let who = who.to_bare();
        self.approved.remove(&who);
        if matches!(self.roster.get(&who), Some(Subscription::From)) {
            self.roster.insert(who, Subscription::None);
        } else if matches!(self.roster.get(&who), Some(Subscription::Both)) {
            self.roster.insert(who, Subscription::To);
        }
    }

    /// The presence of `who` is asked for.
    pub(crate) fn watch(&mut self, who: &AgentId) {
        self.watched.insert(who.to_bare());
    }

    /// And is no longer.
    pub(crate) fn unwatch(&mut self, who: &AgentId) {
        self.watched.remove(&who.to_bare());
    }

    /// Whether a message from `who` is heard: somebody of our own server, where accounts are
    /// made by the operator, or a contact.
    pub(crate) fn hears(&self, who: &AgentId) -> bool {
        who.domain() == self.me.domain() || self.allows(who)
    }

    /// Takes the roster over as the server tells it, and says whom to ask for their presence.
    pub(crate) fn set_roster(&mut self, items: Vec<Item>) -> Vec<AgentId> {
        self.roster.clear();
        for item in items {
            self.update(item);
        }
        self.unseen()
    }

    /// Takes over what the server says of one contact.
    pub(crate) fn update(&mut self, item: Item) {
        let who = AgentId::from(item.jid.as_str());
        if matches!(item.subscription, Subscription::From | Subscription::Both) {
            // From now on the roster says so, and when it no longer does nobody is let in.
            self.approved.remove(&who);
        }
        match item.subscription {
            Subscription::Remove => self.roster.remove(&who),
            subscription => self.roster.insert(who, subscription),
        };
    }

    /// Who is a contact by configuration.
    pub(crate) fn configured(&self) -> Vec<AgentId> {
        self.allowed.clone()
    }

    /// Whether `who` sees our presence by subscription.
    pub(crate) fn shows_to(&self, who: &AgentId) -> bool {
        matches!(self.roster.get(&who.to_bare()), Some(Subscription::From | Subscription::Both))
    }

    /// Whether we see the presence of `who`.
    pub(crate) fn sees(&self, who: &AgentId) -> bool {
        matches!(self.roster.get(&who.to_bare()), Some(Subscription::To | Subscription::Both))
    }

    /// Notes the presence of one connection and returns what that means for its account: the
    /// connection with the highest priority speaks for it. Presence of somebody whom policy
    /// does not know is passed over, since anybody can send one.
    pub(crate) fn note(&mut self, from: &AgentId, heard: Presence) -> Option<Presence> {
        let account = from.to_bare();
        if !(self.allows(from) || self.watched.contains(&account) || self.sees(from)) {
            return None;
        }
        if heard.show == Show::Unavailable && !self.present.contains_key(&account) {
            return None;
        }
        let connections = self.present.entry(account).or_default();
        if let Some(policy) = heard.policy
            && connections.values().all(|it| it.policy != Some(policy))
        {
            tell(&heard.jid, policy);
        }
        if heard.show == Show::Unavailable {
            connections.remove(from);
        } else if connections.len() < CONNECTIONS || connections.contains_key(from) {
            connections.insert(from.clone(), heard.clone());
        }
        let speaker = connections.values().max_by_key(|it| it.priority);
        let gone = || {
            let why = heard.status.clone().or_else(|| Some(SILENT.to_owned()));
            Presence { show: Show::Unavailable, why, ..heard }
        };
        Some(speaker.cloned().unwrap_or_else(gone))
    }

    /// Looks again at how who is there is spoken to, and says of whom that is new.
    pub(crate) fn reconsider(&mut self, policy: impl Fn(&AgentId) -> Policy) -> Vec<Presence> {
        let mut changed = Vec::new();
        for (account, connections) in &mut self.present {
            let policy = policy(account);
            let mut is_new = false;
            for presence in connections.values_mut() {
                is_new |= presence.policy.replace(policy) != Some(policy);
            }
            if is_new {
                tell(account.as_str(), policy);
                changed.extend(connections.values().max_by_key(|it| it.priority).cloned());
            }
        }
        changed
    }

    /// Forgets who is there, since the connection is gone, and says so of each.
    pub(crate) fn forget_present(&mut self, now_ms: i64) -> Vec<Presence> {
        let gone = self.present.drain().filter_map(|(_, connections)| {
            let last = connections.into_values().next_back()?;
            let why = Some(BLIND.to_owned());
            let show = Show::Unavailable;
            Some(Presence { show, status: None, why, load: 0, since_ms: now_ms, ..last })
        });
        gone.collect()
    }

    fn unseen(&self) -> Vec<AgentId> {
        self.allowed.iter().filter(|who| !self.sees(who)).cloned().collect()
    }
}

fn tell(peer: &str, policy: Policy) {
    info!(message.peer = peer, policy = policy.name(), "speaks with `{peer}`: {}", policy.name());
}

#[cfg(test)]
mod tests {
    use types::Announcement;

    use super::*;
    use crate::{Roots, Server};

    fn contacts() -> Contacts {
        Contacts::new(&Account {
            jid: "me@test".parse().unwrap(),
            password: "x".into(),
            server: Server::Srv,
            roots: Roots::Public,
            registrar: "registry@test".into(),
            contacts: vec!["friend@elsewhere".into()],
            subscriptions: Subscriptions::Ask,
            pubsub: None,
            wants: Vec::new(),
        })
    }

    fn presence(jid: &str, show: Show, priority: i8) -> (AgentId, Presence) {
        let announcement = Announcement::default();
        let jid = AgentId::from(jid);
        let bare = jid.bare().to_owned();
        (jid, Presence { jid: bare, show, priority, announcement, ..Presence::default() })
    }

    #[test]
    fn strangers_are_neither_let_in_nor_believed() {
        let mut contacts = contacts();
        assert!(contacts.allows(&"registry@test/1".into()));
        assert!(contacts.allows(&"friend@elsewhere".into()));
        assert!(!contacts.allows(&"stranger@test".into()));
        assert!(contacts.hears(&"stranger@test".into()));
        assert!(!contacts.hears(&"stranger@elsewhere".into()));
        let (from, heard) = presence("stranger@test/1", Show::Available, 1);
        assert_eq!(contacts.note(&from, heard), None);
    }

    #[test]
    fn the_connection_with_the_highest_priority_speaks_for_the_account() {
        let mut contacts = contacts();
        let mut note = |jid, show, priority| {
            let (from, heard) = presence(jid, show, priority);
            contacts.note(&from, heard).unwrap().show
        };
        assert_eq!(note("registry@test/1", Show::Away, 1), Show::Away);
        assert_eq!(note("registry@test/2", Show::Available, 5), Show::Available);
        assert_eq!(note("registry@test/2", Show::Unavailable, 0), Show::Away);
        assert_eq!(note("registry@test/1", Show::Unavailable, 0), Show::Unavailable);
    }

    #[test]
    fn who_is_spoken_to_otherwise_than_before_is_told_once() {
        let mut contacts = contacts();
        let (from, heard) = presence("registry@test/1", Show::Available, 1);
        contacts.note(&from, heard).unwrap();
        let told = contacts.reconsider(|_| Policy::Sealed);
        assert_eq!(told.iter().map(|it| it.policy).collect::<Vec<_>>(), [Some(Policy::Sealed)]);
        assert_eq!(contacts.reconsider(|_| Policy::Sealed), []);
    }

    fn item(jid: &str, subscription: Subscription) -> Item {
        Item {
            jid: jid.parse().unwrap(),
            name: None,
            subscription,
            ask: xmpp_parsers::roster::Ask::None,
            groups: Vec::new(),
            approved: None,
        }
    }

    #[test]
    fn whom_a_person_let_in_is_let_in_as_long_as_the_roster_says_so() {
        let mut contacts = contacts();
        let who = AgentId::from("anna@elsewhere");
        contacts.approve(&who);
        assert!(contacts.allows(&who));
        contacts.update(item("anna@elsewhere", Subscription::From));
        assert!(contacts.allows(&who));
        contacts.update(item("anna@elsewhere", Subscription::Remove));
        assert!(!contacts.allows(&who));
        assert_eq!(contacts.judge(&who), Verdict::Ask);
    }

    #[test]
    fn whom_we_do_not_see_yet_is_asked() {
        let mut contacts = contacts();
        let unseen = contacts.set_roster(vec![
            item("registry@test", Subscription::Both),
            item("friend@elsewhere", Subscription::From),
        ]);
        assert_eq!(unseen, ["friend@elsewhere".into()]);
    }
}

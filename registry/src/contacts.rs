//! Who may see whom: subscriptions (RFC 6121 section 3) by policy, and presence by account.

use std::collections::{BTreeMap, HashMap};

use runtime::AgentId;
use types::{Presence, Show};
use xmpp_parsers::roster::{Item, Subscription};

use crate::Account;

/// Connections of one account whose presence is remembered.
const CONNECTIONS: usize = 16;

/// The roster, the policy, and who is there.
#[derive(Debug)]
pub(crate) struct Contacts {
    me: AgentId,
    allowed: Vec<AgentId>,
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
        Self { me, allowed, roster: HashMap::new(), present: HashMap::new() }
    }

    /// Whether policy lets `who` see us, and us see it. Strangers are never let in.
    pub(crate) fn allows(&self, who: &AgentId) -> bool {
        self.allowed.binary_search(&who.to_bare()).is_ok()
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
        match item.subscription {
            Subscription::Remove => self.roster.remove(&who),
            subscription => self.roster.insert(who, subscription),
        };
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
        if !self.allows(from) {
            return None;
        }
        if heard.show == Show::Unavailable && !self.present.contains_key(&account) {
            return None;
        }
        let connections = self.present.entry(account).or_default();
        if heard.show == Show::Unavailable {
            connections.remove(from);
        } else if connections.len() < CONNECTIONS || connections.contains_key(from) {
            connections.insert(from.clone(), heard.clone());
        }
        let speaker = connections.values().max_by_key(|it| it.priority);
        Some(speaker.cloned().unwrap_or(Presence { show: Show::Unavailable, ..heard }))
    }

    /// Forgets who is there, since the connection is gone, and says so of each.
    pub(crate) fn forget_present(&mut self, now_ms: i64) -> Vec<Presence> {
        let gone = self.present.drain().filter_map(|(_, connections)| {
            let last = connections.into_values().next_back()?;
            Some(Presence { show: Show::Unavailable, status: None, since_ms: now_ms, ..last })
        });
        gone.collect()
    }

    fn unseen(&self) -> Vec<AgentId> {
        self.allowed.iter().filter(|who| !self.sees(who)).cloned().collect()
    }
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
    fn whom_we_do_not_see_yet_is_asked() {
        let item = |jid: &str, subscription| Item {
            jid: jid.parse().unwrap(),
            name: None,
            subscription,
            ask: xmpp_parsers::roster::Ask::None,
            groups: Vec::new(),
            approved: None,
        };
        let mut contacts = contacts();
        let unseen = contacts.set_roster(vec![
            item("registry@test", Subscription::Both),
            item("friend@elsewhere", Subscription::From),
        ]);
        assert_eq!(unseen, ["friend@elsewhere".into()]);
    }
}

//! All conversations of one agent.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Breach, Dialogue, Protocol, Role, Stage};
use crate::{Address, AgentId, Message, Slot};

/// Conversations that are followed at once.
const FOLLOWED: usize = 10_000;
/// How many of these may be with one partner.
const SHARE: usize = FOLLOWED / 4;
/// Violations that are kept to be looked at.
const KEPT: usize = 100;
/// Partners and conversations that are known to be at fault, so that they are told once.
const KNOWN: usize = 1_000;
/// How long a conversation's id may be, in bytes.
const LONGEST: usize = 256;

/// The conversations of one agent, by id and partner: feed it every message that goes out or
/// comes in.
///
/// 10,000 are followed, and of these 2,500 with one partner. For another one the oldest that is
/// over is forgotten, and when none is over the oldest: of that partner's, where it has its share. What is said in a conversation that was forgotten, or that was opened before
/// the agent started, looks as if nobody had opened it. An agent that talks to itself is not
/// followed, since it plays both roles; nor is a message whose answer is to go to somebody else
/// (`reply-to`). A message that names no protocol moves its conversation on where it fits in, and
/// is nobody's fault where it does not.
#[derive(Debug, Default)]
pub struct Conversations {
    followed: HashMap<Key, Followed>,
    /// The conversations in the order in which they are forgotten: those that are over first.
    order: BTreeMap<Place, Key>,
    /// The same by partner.
    shares: HashMap<AgentId, BTreeSet<Place>>,
    deadlines: BTreeMap<(SystemTime, u64), Key>,
    opened: u64,
    violations: VecDeque<types::Violation>,
    total: u64,
    known: HashSet<Fault>,
    known_order: VecDeque<Fault>,
}

/// When a conversation is forgotten: whether it goes on, and its number.
type Place = (bool, u64);
/// A conversation with a partner.
type Key = (Arc<str>, AgentId);
/// A fault that is told once: of a partner in a protocol, or in one conversation.
type Fault = (AgentId, Protocol, Option<Arc<str>>);

#[derive(Debug)]
struct Followed {
    dialogue: Dialogue,
    number: u64,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Conversations {
    /// Follows a message that came in at `now`; what is wrong with it comes back, and is kept.
    pub fn heard(&mut self, message: &Message, now: SystemTime) -> Option<types::Violation> {
        self.follow(message, message.from.as_ref()?, Way::In, now)
    }

    /// Follows a message that goes out at `now`; what is wrong with it comes back, and is kept.
    pub fn said(&mut self, message: &Message, now: SystemTime) -> Option<types::Violation> {
        match &message.to {
            Address::Agent(to) => self.follow(message, to, Way::Out, now),
            // It is not known yet whom it goes to.
            Address::Duty(_) => None,
        }
    }

    /// The message by which we opened the conversation called `id` with a partner did not go out:
    /// nothing was opened. Where something was said since, nothing changes.
    pub fn unsaid(&mut self, id: &str, partner: &AgentId) {
        let key: Key = (id.into(), partner.to_bare());
        let Some(Followed { dialogue, number }) = self.followed.get(&key) else { return };
        if dialogue.role() == Role::Initiator && dialogue.state() == Stage::Asked {
            let place = (!dialogue.is_over(), *number);
            self.forget(Some(place));
        }
    }

    /// Every answer whose time is up at `now` and that was not told before; kept as well.
    pub fn overdue(&mut self, now: SystemTime) -> Vec<types::Violation> {
        let mut told = Vec::new();
        while let Some(due) = self.deadlines.first_entry() {
            if due.key().0 > now {
                break;
            }
            let key = due.remove();
            let Some(followed) = self.followed.get_mut(&key) else { continue };
            let protocol = followed.dialogue.protocol();
            if let Some(breach) = followed.dialogue.overdue(now) {
                told.push(self.keep(protocol, Some(&key.0), &key.1, breach.to_string(), now));
            }
        }
        told
    }

    /// When [`overdue`](Self::overdue) should be asked next.
    pub fn next_deadline(&self) -> Option<SystemTime> {
        self.deadlines.first_key_value().map(|((until, _), _)| *until)
    }

    /// The conversation called `id` with a partner, if it is followed.
    pub fn get(&self, id: &str, partner: &AgentId) -> Option<&Dialogue> {
        self.followed.get(&(id.into(), partner.to_bare())).map(|it| &it.dialogue)
    }

    /// How many conversations are followed.
    pub fn len(&self) -> usize {
        self.followed.len()
    }

    /// Whether none is followed.
    pub fn is_empty(&self) -> bool {
        self.followed.is_empty()
    }

    /// The last 100 violations, the oldest first.
    pub fn violations(&self) -> impl Iterator<Item = &types::Violation> {
        self.violations.iter()
    }

    /// How many violations there were in all.
    pub fn violated(&self) -> u64 {
        self.total
    }

    fn follow(
        &mut self,
        message: &Message,
        partner: &AgentId,
        way: Way,
        now: SystemTime,
    ) -> Option<types::Violation> {
        let named = message.slot(&Slot::Protocol).map(str::parse::<Protocol>);
        let id = message.thread();
        let protocol = match (named, id) {
            // Neither of a protocol nor of a conversation, or of a protocol of its own.
            (None, None) | (Some(Err(_)), _) => return None,
            (Some(Ok(protocol)), _) => Some(protocol),
            (None, Some(_)) => None,
        };
        if talks_to_itself(message) {
            return None;
        }
        if let Some(elsewhere) = answered_elsewhere(message) {
            let id = id.filter(|it| it.len() <= LONGEST).map(Arc::from);
            if let (Some(protocol), Some(id)) = (protocol, id) {
                // The answer is no stray one.
                self.is_news((elsewhere, protocol, Some(id)));
            }
            return None;
        }
        let partner = partner.to_bare();
        let Some(id) = id else {
            let protocol = protocol?;
            let breach = Breach::NoConversation(protocol);
            return self.tell_once((partner, protocol, None), way, &breach, now);
        };
        if id.len() > LONGEST {
            let breach = Breach::LongConversation { length: id.len(), limit: LONGEST };
            return self.tell_once((partner, protocol?, None), way, &breach, now);
        }
        let key: Key = (id.into(), partner);
        match self.followed.get(&key) {
            Some(followed) => {
                self.go_on(&key, followed.dialogue.protocol(), protocol, message, way, now)
            }
            None => self.begin(key, protocol?, message, way, now),
        }
    }

    fn begin(
        &mut self,
        key: Key,
        protocol: Protocol,
        message: &Message,
        way: Way,
        now: SystemTime,
    ) -> Option<types::Violation> {
        let role = if way == Way::Out { Role::Initiator } else { Role::Participant };
        let mut dialogue = Dialogue::open(protocol, role);
        if let Err(breach) = dialogue.observe(message, Role::Initiator, now) {
            let (id, partner) = key;
            return self.tell_once((partner, protocol, Some(id)), way, &breach, now);
        }
        let share = self.shares.get(&key.1);
        if let Some(share) = share.filter(|it| it.len() >= SHARE) {
            self.forget(share.first().copied());
        } else if self.followed.len() >= FOLLOWED {
            self.forget(self.order.first_key_value().map(|(place, _)| *place));
        }
        self.opened += 1;
        let number = self.opened;
        self.put_in_order((!dialogue.is_over(), number), key.clone());
        if let Some(until) = dialogue.deadline() {
            self.deadlines.insert((until, number), key.clone());
        }
        self.followed.insert(key, Followed { dialogue, number });
        None
    }

    fn go_on(
        &mut self,
        key: &Key,
        opened: Protocol,
        named: Option<Protocol>,
        message: &Message,
        way: Way,
        now: SystemTime,
    ) -> Option<types::Violation> {
        if let Some(named) = named.filter(|it| *it != opened) {
            let breach = Breach::OtherProtocol { named, opened };
            let what = tell(way, &breach);
            return Some(self.keep(named, Some(&key.0), &key.1, what, now));
        }
        let Followed { dialogue, number } = self.followed.get_mut(key)?;
        let (number, was_over, was_due) = (*number, dialogue.is_over(), dialogue.deadline());
        let role = dialogue.role();
        let speaker = if way == Way::Out { role } else { role.other() };
        let observed = dialogue.observe(message, speaker, now);
        let (over, due) = (dialogue.is_over(), dialogue.deadline());
        if over != was_over
            && let Some(key) = self.take_out_of_order((!was_over, number))
        {
            self.put_in_order((!over, number), key);
        }
        if due != was_due {
            was_due.and_then(|until| self.deadlines.remove(&(until, number)));
            due.and_then(|until| self.deadlines.insert((until, number), key.clone()));
        }
        let breach = observed.err()?;
        if named.is_none() && !matches!(breach, Breach::Late { .. }) {
            return None;
        }
        Some(self.keep(opened, Some(&key.0), &key.1, tell(way, &breach), now))
    }

    fn forget(&mut self, place: Option<Place>) {
        let Some(place) = place else { return };
        let Some(key) = self.take_out_of_order(place) else { return };
        let forgotten = self.followed.remove(&key);
        if let Some(until) = forgotten.and_then(|it| it.dialogue.deadline()) {
            self.deadlines.remove(&(until, place.1));
        }
    }

    fn put_in_order(&mut self, place: Place, key: Key) {
        self.shares.entry(key.1.clone()).or_default().insert(place);
        self.order.insert(place, key);
    }

    fn take_out_of_order(&mut self, place: Place) -> Option<Key> {
        let key = self.order.remove(&place)?;
        if let Some(share) = self.shares.get_mut(&key.1) {
            share.remove(&place);
            if share.is_empty() {
                self.shares.remove(&key.1);
            }
        }
        Some(key)
    }

    fn tell_once(
        &mut self,
        fault: Fault,
        way: Way,
        breach: &Breach,
        now: SystemTime,
    ) -> Option<types::Violation> {
        if !self.is_news(fault.clone()) {
            return None;
        }
        let (partner, protocol, id) = fault;
        Some(self.keep(protocol, id.as_deref(), &partner, tell(way, breach), now))
    }

    /// Whether a fault was not known; now it is.
    fn is_news(&mut self, fault: Fault) -> bool {
        if !self.known.insert(fault.clone()) {
            return false;
        }
        self.known_order.push_back(fault);
        if self.known_order.len() > KNOWN
            && let Some(oldest) = self.known_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    fn keep(
        &mut self,
        protocol: Protocol,
        conversation: Option<&str>,
        partner: &AgentId,
        what: String,
        now: SystemTime,
    ) -> types::Violation {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let violation = types::Violation {
            at_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            protocol: protocol.name().to_owned(),
            conversation: conversation.unwrap_or_default().to_owned(),
            with: partner.bare().to_owned(),
            what,
        };
        self.note(violation.clone());
        violation
    }

    /// Keeps a violation, of the last 100.
    pub(crate) fn note(&mut self, violation: types::Violation) {
        self.total += 1;
        if self.violations.len() == KEPT {
            self.violations.pop_front();
        }
        self.violations.push_back(violation);
    }
}

fn tell(way: Way, breach: &Breach) -> String {
    match way {
        Way::In => format!("heard {breach}"),
        Way::Out => format!("said {breach}"),
    }
}

/// To whose account the answer is to go, if it is not the sender's.
fn answered_elsewhere(message: &Message) -> Option<AgentId> {
    let elsewhere = AgentId::from(message.slot(&Slot::ReplyTo)?);
    let to_sender = message.from.as_ref().is_some_and(|from| from.bare() == elsewhere.bare());
    if to_sender { None } else { Some(elsewhere.to_bare()) }
}

fn talks_to_itself(message: &Message) -> bool {
    match (&message.from, &message.to) {
        (Some(from), Address::Agent(to)) => from.bare() == to.bare(),
        (None, _) | (_, Address::Duty(_)) => false,
    }
}

#[cfg(test)]
mod tests;

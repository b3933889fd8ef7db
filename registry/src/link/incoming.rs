//! What comes in, and what becomes of it.

use runtime::{AgentId, Delivery, Message, Performative};
use tokio_xmpp::{Stanza, jid::Jid, minidom::Element};
use tracing::{info, warn};
use types::{Content, Roll, Show};
use xmpp_parsers::{
    iq::{Iq, IqHeader, IqPayload},
    message, ns, presence,
    roster::Roster,
};

use super::{Link, ROSTER_QUERY};
use crate::{announce, artifacts, codec, commands, contacts::Verdict, queries};

impl Link {
    pub(super) fn on_message(&mut self, stanza: message::Message) {
        let Some(from) = stanza.from.as_ref().map(|it| AgentId::from(it.as_str())) else { return };
        if stanza.from.as_ref() == Some(&self.service) {
            let news = artifacts::read(&stanza, self.door.me(), &self.followed);
            for item in news {
                // There is no sender who could try again: what has no room is counted there.
                self.door.deliver(item);
            }
            return;
        }
        if !self.contacts.hears(&from) {
            warn!(message.from = %from, "a message of a stranger was passed over");
            return;
        }
        if let Some(sealer) = &mut self.sealer
            && sealer.on_news(&from, &stanza)
        {
            self.outbox.release_held();
            return;
        }
        if let Some(stanza) = self.unseal(&from, stanza) {
            self.on_opened(stanza);
        }
    }

    /// A message as it was said.
    pub(super) fn on_opened(&mut self, stanza: message::Message) {
        let Some(from) = stanza.from.as_ref().map(|it| AgentId::from(it.as_str())) else { return };
        let refusal = queries::no_room(&stanza);
        let Some(message) = codec::read(stanza, self.door.me()) else { return };
        if self.is_roll_call_of_stranger(&from, &message) {
            return;
        }
        match self.door.deliver(message) {
            Delivery::Taken(_) | Delivery::Unwanted => {}
            Delivery::Full => self.errands.extend(refusal.map(Stanza::Message)),
        }
    }

    /// Only contacts may ask the registrar who is there.
    fn is_roll_call_of_stranger(&mut self, from: &AgentId, message: &Message) -> bool {
        let strange = message.ontology() == Some(Roll::ONTOLOGY) && !self.contacts.allows(from);
        if strange && message.performative == Some(Performative::Subscribe) {
            warn!(message.from = %from, "a stranger asked who is there and was refused");
            let refusal = message.reply(Performative::Refuse, "you are none of my contacts");
            if let Some(refusal) = refusal
                && let Ok(to) = codec::check(&refusal)
            {
                self.outbox.push((to, refusal));
            }
        }
        strange
    }

    pub(super) fn on_presence(&mut self, presence: &presence::Presence) {
        let Some(from) = presence.from.as_ref().map(|it| AgentId::from(it.as_str())) else {
            return;
        };
        match presence.type_ {
            presence::Type::Subscribe => self.on_subscribe(&from),
            presence::Type::Unsubscribe => self.door.withdraw(&from),
            _ if from.bare() == self.account.jid.as_str() => {}
            _ => {
                let Some((from, mut heard)) = announce::read(presence, self.clock) else { return };
                if !self.believes_duties(&from) {
                    heard.announcement.duties.clear();
                }
                heard.policy = self.policy(&from);
                let is_gone = heard.show == Show::Unavailable;
                let Some(account) = self.contacts.note(&from, heard) else { return };
                self.door.presence(account);
                if is_gone {
                    self.greetings.forget(&from);
                } else {
                    self.on_greeting(&from);
                }
            }
        }
    }

    /// A member answers each new connection of the registrar, and the registrar each of a member.
    fn on_greeting(&mut self, from: &AgentId) {
        let is_theirs = self.account.registrar.covers(&from.to_bare());
        if !(is_theirs || self.is_registrar()) || !self.greetings.is_new(from) {
            return;
        }
        // Who is subscribed has heard of us already.
        if !self.contacts.shows_to(from) {
            self.greet(from);
        }
        if is_theirs {
            self.call_the_roll();
        }
    }

    /// A contact is let in and asked in turn; others as policy says.
    fn on_subscribe(&mut self, from: &AgentId) {
        match self.contacts.judge(from) {
            Verdict::LetIn => self.let_in(from),
            Verdict::Show => self.tell(from, presence::Presence::subscribed()),
            Verdict::Ask => {
                info!(contact.jid = %from, "somebody wants to see our presence; a person decides");
                self.door.request(from);
            }
            Verdict::Ignore => {
                warn!(contact.jid = %from, "a stranger wants to see our presence; nobody said yes");
            }
        }
    }

    pub(super) fn let_in(&mut self, who: &AgentId) {
        self.tell(who, presence::Presence::subscribed());
        if !self.contacts.sees(who) {
            self.tell(who, presence::Presence::subscribe());
        }
    }

    pub(super) fn on_query(&mut self, iq: Iq) {
        let (header, payload) = iq.split();
        let from_server = header.from.as_ref().is_none_or(|it| *it == self.account.jid);
        match payload {
            IqPayload::Result(Some(payload)) if header.id == ROSTER_QUERY && from_server => {
                self.on_roster(payload);
            }
            IqPayload::Set(payload) if payload.is("query", ns::ROSTER) && from_server => {
                if let Ok(roster) = Roster::try_from(payload) {
                    for item in roster.items {
                        self.contacts.update(item);
                    }
                }
                let IqHeader { from, id, .. } = header;
                let done = Iq::Result { from: None, to: from, id, payload: None };
                self.errands.push_back(Stanza::Iq(done));
            }
            payload => self.on_question(header, payload),
        }
    }

    fn on_question(&mut self, header: IqHeader, payload: IqPayload) {
        let payload = match &mut self.sealer {
            Some(sealer) => match sealer.answer(&header, payload) {
                Ok(next) => return self.on_answer(next),
                Err(payload) => payload,
            },
            None => payload,
        };
        let Some(asked) = self.requests.close(&header, payload) else { return };
        let server = self.account.jid.domain().as_str();
        let heard = header.from.as_ref().is_none_or(|from| {
            from.as_str() == server || self.contacts.hears(&AgentId::from(from.as_str()))
        });
        let commands =
            matches!(&asked, IqPayload::Set(it) if it.is("command", commands::NAMESPACE));
        // Forms cannot be sealed: whoever could speak sealed must not be spoken for by the server.
        let sealable = header
            .from
            .as_ref()
            .map(|from| AgentId::from(from.as_str()))
            .filter(|from| commands && !self.hears_plain(from));
        if let Some(from) = sealable.as_ref().filter(|_| heard) {
            self.complain(from.bare().to_owned(), "a command in plain was refused".to_owned());
        }
        let answer = match asked {
            _ if !heard || sealable.is_some() => Some(queries::refuse(header)),
            IqPayload::Set(asked) if asked.is("command", commands::NAMESPACE) => {
                self.commands.called(header, &asked)
            }
            asked => {
                let commands = self.door.desk().commands();
                queries::answer(header, &asked, self.door.announcement(), &commands)
            }
        };
        self.errands.extend(answer.map(Stanza::Iq));
    }

    fn on_roster(&mut self, payload: Element) {
        let Ok(roster) = Roster::try_from(payload) else { return };
        let unseen = self.contacts.set_roster(roster.items);
        if self.is_registrar() {
            // They greet by themselves, if they are ours.
            self.greetings.expect(unseen);
            return;
        }
        let registrar = self.account.registrar.to_bare();
        for who in unseen.into_iter().filter(|it| *it != registrar) {
            if let Ok(to) = who.as_str().parse::<Jid>() {
                let ask = presence::Presence::subscribe().with_to(to);
                self.errands.push_back(Stanza::Presence(ask));
            }
        }
    }
}

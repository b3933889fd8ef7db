//! Artifacts as SPADE has them: what somebody publishes under its own name, for whoever follows
//! (XEP-0060). The node is called like the account.

use std::collections::BTreeSet;

use runtime::{AgentId, Message, PUBLISHED, Performative, Slot};
use tokio_xmpp::{
    jid::{BareJid, Jid},
    minidom::{Element, ElementBuilder},
};
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field},
    iq::Iq,
    message, ns,
};

use crate::{codec::sayable, element::element};

const PAYLOAD: &str = "spade.pubsub";

/// Items of one event that are read.
const ITEMS: usize = 64;

/// Publishes a text at our own node.
pub(crate) fn publish(me: &BareJid, text: &str) -> Element {
    let payload = Element::builder("payload", PAYLOAD).append(sayable(text).into_owned());
    let item = Element::builder("item", ns::PUBSUB).append(payload);
    pubsub(element("publish", ns::PUBSUB, &[("node", me.as_str())]).append(item))
}

/// Makes our own node, at which only we publish and whose items say who did.
pub(crate) fn create(me: &BareJid) -> Element {
    let open = Field::text_single("pubsub#access_model", "open");
    let ours = Field::text_single("pubsub#publish_model", "publishers");
    let signed = Field::text_single("pubsub#itemreply", "publisher");
    let last = Field::text_single("pubsub#max_items", "1");
    // The same over every server: who comes later hears what comes later.
    let news = Field::text_single("pubsub#send_last_published_item", "never");
    let fields = vec![open, ours, signed, last, news];
    let form = DataForm::new(DataFormType::Submit, ns::PUBSUB_CONFIGURE, fields);
    let create = element("create", ns::PUBSUB, &[("node", me.as_str())]);
    let configure = Element::builder("configure", ns::PUBSUB).append(Element::from(form));
    Element::builder("pubsub", ns::PUBSUB).append(create).append(configure).build()
}

/// Wants to hear what `who` publishes.
pub(crate) fn subscribe(who: &BareJid, me: &BareJid) -> Element {
    pubsub(about("subscribe", who, me))
}

/// Does not any more.
pub(crate) fn unsubscribe(who: &BareJid, me: &BareJid) -> Element {
    pubsub(about("unsubscribe", who, me))
}

/// Subscribes again, in case the service forgot; nobody waits for the answer.
pub(crate) fn renew(service: &Jid, who: &BareJid, me: &BareJid) -> Iq {
    let id = format!("vedette-follow-{who}");
    Iq::Set { from: None, to: Some(service.clone()), id, payload: subscribe(who, me) }
}

fn about(what: &str, who: &BareJid, me: &BareJid) -> ElementBuilder {
    element(what, ns::PUBSUB, &[("node", who.as_str()), ("jid", me.as_str())])
}

fn pubsub(what: ElementBuilder) -> Element {
    Element::builder("pubsub", ns::PUBSUB).append(what).build()
}

/// What the service says was published by somebody who is followed. A node speaks for the account
/// that it is called like: an item that another one published there is passed over.
pub(crate) fn read(
    stanza: &message::Message,
    me: &AgentId,
    followed: &BTreeSet<BareJid>,
) -> Vec<Message> {
    let events = stanza.payloads.iter().filter(|it| it.is("event", ns::PUBSUB_EVENT));
    let mut items = events.filter_map(|it| it.get_child("items", ns::PUBSUB_EVENT));
    let Some((node, items)) = items.find_map(|it| Some((it.attr("node")?, it))) else {
        return Vec::new();
    };
    let Some(who) = node.parse().ok().filter(|it: &BareJid| followed.contains(it)) else {
        return Vec::new();
    };
    let is_own = |item: &&Element| {
        let publisher = item.attr("publisher").map(str::parse::<Jid>);
        publisher.is_none_or(|it| it.is_ok_and(|it| it.to_bare() == who))
    };
    let items = items.children().filter(|it| it.is("item", ns::PUBSUB_EVENT)).filter(is_own);
    let payloads = items.filter_map(|it| it.get_child("payload", PAYLOAD));
    let message = |payload: &Element| {
        let mut message = Message::text(Performative::Inform, me.clone(), payload.text())
            .with(Slot::Ontology, PUBLISHED)
            .with(Slot::Other("node".into()), node);
        message.from = Some(AgentId::from(who.as_str()));
        message.id = stanza.id.as_ref().map(|id| id.0.as_str().into());
        message
    };
    payloads.take(ITEMS).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(node: &str, publisher: &str) -> Vec<Message> {
        let xml = format!(
            "<message xmlns='jabber:client' from='pubsub.test' type='headline' id='e1'>\
             <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{node}'>\
             <item id='1' {publisher}><payload xmlns='spade.pubsub'>tick</payload></item>\
             <item id='2'><other xmlns='urn:x'>x</other></item></items></event></message>"
        );
        let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
        read(&stanza, &"me@test".into(), &["a@test".parse().unwrap()].into())
    }

    #[test]
    fn what_somebody_followed_publishes_is_a_message() {
        let [message] = heard("a@test", "publisher='a@test/1'").try_into().unwrap();
        assert_eq!((message.body.as_ref(), message.ontology()), ("tick", Some(PUBLISHED)));
        assert_eq!(message.from.unwrap().as_str(), "a@test");
        assert_eq!(heard("a@test", "").len(), 1);
    }

    #[test]
    fn nobody_speaks_at_the_node_of_another() {
        assert_eq!(heard("a@test", "publisher='mallory@test'"), []);
        assert_eq!(heard("a@test", "publisher='@'"), []);
        assert_eq!(heard("stranger@test", ""), []);
    }
}

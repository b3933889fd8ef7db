//! What of a stanza is sealed, and how it is put together again.

use omemo::{
    Namespace,
    machine::{Content, Opened},
    wire,
};
use runtime::AgentId;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_xmpp::minidom::Element;
use types::{Content as _, EnrolmentRequest, Handover, ListQuestion, ListUpdate};
use xmpp_parsers::{
    message::{self, Lang},
    ns,
};

use crate::{codec, element::element};

const EME: &str = "urn:xmpp:eme:0";
const HINTS: &str = "urn:xmpp:hints";

/// What a client that cannot open it shows.
const FALLBACK: &str =
    "I sent you a message that is sealed with OMEMO, which your client does not open.";

pub(super) fn is_encrypted(payload: &Element) -> bool {
    payload.name() == "encrypted" && wire::namespace(payload).is_some()
}

/// Everything that a stanza says, as XML, and its text alone.
pub(super) fn write(stanza: &message::Message) -> (String, String) {
    let whole = Element::from(stanza.clone());
    let elements = whole.children().map(String::from).collect();
    let body = stanza.bodies.values().next().cloned().unwrap_or_default();
    (elements, body)
}

/// Puts what was sealed in the place of what was said.
pub(super) fn wrap(stanza: &mut message::Message, sealed: Vec<Element>) {
    let is_for_people = sealed.iter().any(|it| wire::namespace(it) == Some(Namespace::Axolotl));
    stanza.bodies.clear();
    stanza.thread = None;
    stanza.payloads.clear();
    if is_for_people {
        stanza.bodies.insert(Lang::default(), FALLBACK.to_owned());
    }
    let namespace = sealed.last().and_then(wire::namespace).map(Namespace::as_str);
    let name = [("namespace", namespace.unwrap_or_default()), ("name", "OMEMO")];
    stanza.payloads.push(element("encryption", EME, &name).build());
    stanza.payloads.push(Element::bare("store", HINTS));
    stanza.payloads.extend(sealed);
}

/// A message that carries a key and says nothing.
pub(super) fn empty(to: tokio_xmpp::jid::Jid, encrypted: Element) -> message::Message {
    let mut stanza = message::Message::chat(to);
    stanza.payloads = vec![Element::bare("store", HINTS), encrypted];
    stanza
}

/// The stanza as it was before it was sealed. Only what was sealed counts: whatever the server
/// added is gone.
pub(super) fn unwrap(stanza: message::Message, opened: Opened) -> Option<message::Message> {
    let message::Message { from, to, id, type_, thread, .. } = stanza;
    let mut whole = message::Message::new(None);
    match opened.content {
        Content::Nothing => return None,
        Content::Text(text) => {
            whole.bodies.insert(Lang::default(), text);
            whole.thread = thread;
        }
        Content::Elements(elements) => {
            let inside = Element::builder("message", ns::DEFAULT_NS).append_all(elements).build();
            whole = message::Message::try_from(inside).ok()?;
        }
    }
    (whole.from, whole.to, whole.id, whole.type_) = (from, to, id, type_);
    Some(whole)
}

/// When the server says that a message was sent that it kept (XEP-0203), in seconds.
pub(super) fn sent(stanza: &message::Message) -> Option<i64> {
    let delay = stanza.payloads.iter().find(|it| it.is("delay", ns::DELAY))?;
    let stamp = OffsetDateTime::parse(delay.attr("stamp")?, &Rfc3339).ok()?;
    Some(stamp.unix_timestamp())
}

/// Whether a message proves by itself who made it, so that it is heard in plain as well: who asks
/// to be let in has no keys that anybody believes yet, and who has no list that is still good
/// cannot believe its registrar's. Nothing else may come in by the name of one that does: what
/// names no act is what people say, and the rest anybody could have written.
pub(super) fn proves_itself(stanza: &message::Message) -> bool {
    if !goes_open(stanza) {
        return false;
    }
    let Some(read) = codec::read(stanza.clone(), &AgentId::from("me")) else { return false };
    let proof = match read.ontology() {
        Some(EnrolmentRequest::ONTOLOGY) => read.read::<EnrolmentRequest>().is_ok(),
        Some(Handover::ONTOLOGY) => read.read::<Handover>().is_ok(),
        Some(ListUpdate::ONTOLOGY) => {
            read.read::<ListUpdate>().is_ok() || read.read::<ListQuestion>().is_ok()
        }
        _ => false,
    };
    proof && read.performative.is_some()
}

/// Whether a message goes out in plain: what proves itself, and answers to that. There is nothing
/// in it that the server does not know, and no state of sessions can keep it from anybody.
pub(super) fn goes_open(stanza: &message::Message) -> bool {
    let ours = [EnrolmentRequest::ONTOLOGY, Handover::ONTOLOGY, ListUpdate::ONTOLOGY];
    codec::ontology(stanza).is_some_and(|it| ours.contains(&it.as_str()))
}

/// Whether a message says something that an agent acts on, not only what people say: a behaviour
/// may go by any slot, so whoever leaves the act out must not get further.
pub(super) fn is_act(stanza: &message::Message) -> bool {
    let read = codec::read(stanza.clone(), &AgentId::from("me"));
    read.is_some_and(|it| !codec::is_chat(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0384 section 2.1: what decides whether a message is heard in plain is what is read of
    /// it, not a form beside that, nor the name of what it is not.
    #[test]
    fn what_proves_nothing_is_not_heard_in_plain() {
        const QUESTION: &str = "{\"serial\":7}";
        let field =
            |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
        let form = |fields: &str, title: &str| {
            format!("<x xmlns='jabber:x:data' type='form'><title>{title}</title>{fields}</x>")
        };
        let (act, ours) = (field("performative", "query-ref"), "spade:x:metadata");
        let asks = act.clone() + &field("ontology", ListUpdate::ONTOLOGY);
        let reports = act + &field("ontology", "vedette:report");
        let nameless = field("ontology", ListUpdate::ONTOLOGY);
        for (body, forms, proves) in [
            (QUESTION, form(&asks, ours), true),
            (QUESTION, form(&asks, ours) + &form(&reports, ours), true),
            (QUESTION, form(&reports, ours), false),
            (QUESTION, form(&asks, "other") + &form(&reports, ours), false),
            (QUESTION, form(&(asks.clone() + &reports), ours), false),
            (QUESTION, form(&asks, "other"), false),
            (QUESTION, form(&nameless, ours), false),
            ("stop", form(&asks, ours), false),
        ] {
            let xml = format!(
                "<message xmlns='jabber:client' from='a@test'><body>{body}</body>{forms}</message>"
            );
            let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
            assert_eq!(proves_itself(&stanza), proves, "{xml}");
            let read = codec::read(stanza.clone(), &AgentId::from("me")).unwrap();
            assert_eq!(codec::ontology(&stanza).as_deref(), read.ontology());
        }
    }
}

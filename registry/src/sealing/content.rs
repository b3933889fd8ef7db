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
    let body = stanza.bodies.values().next().cloned().unwrap_or_default();
    let elements = write_simple(stanza).unwrap_or_else(|| {
        let whole = Element::from(stanza.clone());
        whole.children().map(String::from).collect()
    });
    (elements, body)
}

/// The same for what our own agents say, which has no languages, subjects or threads in threads:
/// without a tree of it, in a third of the time.
fn write_simple(stanza: &message::Message) -> Option<String> {
    let is_simple = stanza.subjects.is_empty()
        && stanza.bodies.keys().all(|it| it.is_empty())
        && stanza.thread.as_ref().is_none_or(|it| it.parent.is_none());
    if !is_simple {
        return None;
    }
    let mut xml =
        String::with_capacity(stanza.bodies.values().map(String::len).sum::<usize>() + 512);
    let bodies = stanza.bodies.values().map(|it| ("body", it));
    for (name, text) in bodies.chain(stanza.thread.iter().map(|it| ("thread", &it.id))) {
        xml.extend(["<", name, " xmlns='", ns::DEFAULT_NS, "'>"]);
        escape(text, &mut xml);
        xml.extend(["</", name, ">"]);
    }
    xml.extend(stanza.payloads.iter().map(String::from));
    Some(xml)
}

fn escape(text: &str, xml: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '\r']) {
        let (before, after) = rest.split_at(at);
        xml.push_str(before);
        let mut after = after.chars();
        xml.push_str(match after.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            _ => "&#xd;",
        });
        rest = after.as_str();
    }
    xml.push_str(rest);
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
            whole = match read_simple(elements) {
                Ok(whole) => whole,
                Err(elements) => {
                    let inside = Element::builder("message", ns::DEFAULT_NS).append_all(elements);
                    message::Message::try_from(inside.build()).ok()?
                }
            };
        }
    }
    (whole.from, whole.to, whole.id, whole.type_) = (from, to, id, type_);
    Some(whole)
}

/// What [`write_simple`] wrote; others come back.
fn read_simple(elements: Vec<Element>) -> Result<message::Message, Vec<Element>> {
    let is_text = |it: &Element| it.attrs().is_empty() && it.children().next().is_none();
    let ours = |it: &&Element| it.has_ns(ns::DEFAULT_NS);
    let (mut bodies, mut threads) = (0, 0);
    let is_simple = elements.iter().filter(ours).all(|it| {
        match it.name() {
            "body" => bodies += 1,
            "thread" => threads += 1,
            _ => return false,
        }
        is_text(it)
    });
    if !is_simple || bodies > 1 || threads > 1 {
        return Err(elements);
    }
    let mut whole = message::Message::new(None);
    for element in elements {
        match element.name() {
            "body" if ours(&&element) => {
                whole.bodies.insert(Lang::default(), element.text());
            }
            "thread" if ours(&&element) => {
                whole.thread = Some(message::Thread { parent: None, id: element.text() });
            }
            _ => whole.payloads.push(element),
        }
    }
    Ok(whole)
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

    /// Whatever a stanza says, both ways to write it say the same, and both ways to read it.
    #[test]
    fn the_short_way_says_what_the_long_one_does() {
        let children = [
            (
                "<body>a &lt;b&gt; &amp; ]]&gt; \"'&#13;\n\u{fc}</body><thread>t&lt;</thread><x xmlns='x'><y/>z</x>",
                true,
            ),
            ("<body/>", true),
            ("<x xmlns='x' a='&apos;'/><body xmlns='y'>other</body>", true),
            ("<thread parent='p'>t</thread><body>x</body>", false),
            ("<body xml:lang='de'>x</body><body>y</body>", false),
            ("<subject>s</subject><body>x</body>", false),
        ];
        for (children, is_simple) in children {
            let xml = format!("<message xmlns='jabber:client'>{children}</message>");
            let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
            assert_eq!(write_simple(&stanza).is_some(), is_simple, "{xml}");
            let inside = format!("<content>{}</content>", write(&stanza).0);
            let mut inside: Element =
                inside.replacen("<content>", "<content xmlns='c'>", 1).parse().unwrap();
            let elements: Vec<Element> = inside.take_contents_as_children().collect();
            let whole = Element::builder("message", ns::DEFAULT_NS).append_all(elements.clone());
            let said = |it: message::Message| {
                let payloads: Vec<_> = it.payloads.iter().map(String::from).collect();
                (it.bodies, it.subjects, it.thread, payloads)
            };
            let whole = message::Message::try_from(whole.build()).unwrap();
            assert_eq!(said(whole), said(stanza.clone()), "{xml}");
            match read_simple(elements) {
                Ok(read) => assert_eq!(said(read), said(stanza), "{xml}"),
                Err(_) => assert!(!is_simple, "{xml}"),
            }
        }
    }

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

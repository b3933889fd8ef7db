//! Messages as stanzas, in the form that SPADE 4 agents write and read.
//!
//! The content is the body; the FIPA slots are fields of a data form (XEP-0004) titled
//! `spade:x:metadata`; the conversation is both the field `_thread_node` and the `<thread/>`.

use std::borrow::Cow;

use runtime::{Address, AgentId, Message, Performative, SendError, Slot};
use tokio_xmpp::{jid::Jid, minidom::Element};
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field},
    message::{self, MessageType, Thread},
    ns,
};

use crate::element::element;

const TITLE: &str = "spade:x:metadata";
const THREAD: &str = "_thread_node";
const REPLY: &str = "urn:xmpp:reply:0";
const PERFORMATIVE: &str = "performative";

/// The largest body that is sent, in bytes: Prosody and ejabberd take stanzas of 256 KiB, and
/// characters that XML must escape take up to five times their room.
pub(crate) const LARGEST: usize = 192 * 1024;

/// Fields of a form that are read; whoever sends more is not understood.
const FIELDS: usize = 64;

/// Whether a message can be sent at all: it has an address and is not too large. What is
/// returned is its address.
pub(crate) fn check(message: &Message) -> Result<Jid, SendError> {
    let Address::Agent(to) = &message.to else { return Err(SendError::Closed) };
    fits(message)?;
    to.as_str().parse().map_err(|_| SendError::Unknown(to.clone()))
}

/// Whether a message is not too large.
pub(crate) fn fits(message: &Message) -> Result<(), SendError> {
    let size = escaped(&message.body);
    if size > LARGEST { Err(SendError::TooLarge { size, limit: LARGEST }) } else { Ok(()) }
}

/// Turns a message into a stanza.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn write(message: &Message) -> Result<message::Message, SendError> {
    Ok(write_to(check(message)?, message))
}

/// Turns a message that was checked into a stanza.
pub(crate) fn write_to(to: Jid, message: &Message) -> message::Message {
    let mut stanza = message::Message::chat(to);
    stanza.id = message.id.as_deref().map(|id| message::Id(id.to_owned()));
    stanza.bodies.insert(message::Lang::default(), sayable(&message.body).into_owned());
    let conversation = message.slot(&Slot::ConversationId);
    stanza.thread = conversation.map(|id| Thread { parent: None, id: sayable(id).into_owned() });
    if is_chat(message) {
        // People's clients open a window for a form. A reply (XEP-0461) they show as one.
        let answers = message.slot(&Slot::InReplyTo);
        let reply = |id| element("reply", REPLY, &[("id", &sayable(id))]).build();
        let answers = answers.map(reply);
        stanza.payloads.extend(answers);
    } else {
        stanza.payloads.push(form(message, conversation).into());
    }
    stanza
}

/// Whether it is what people say: it names no act, and nothing that only a form could carry.
pub(crate) fn is_chat(message: &Message) -> bool {
    let is_plain = |slot: &Slot| matches!(slot, Slot::ConversationId | Slot::InReplyTo);
    message.act().is_none() && message.slots().all(|(slot, _)| is_plain(slot))
}

fn form(message: &Message, conversation: Option<&str>) -> DataForm {
    let field = |name: &str, value: &str| Field::text_single(&sayable(name), &sayable(value));
    let act = message.performative.map(|act| field(PERFORMATIVE, act.as_str()));
    let slots = message.slots().map(|(slot, value)| field(slot.as_str(), value));
    let thread = conversation.map(|conversation| field(THREAD, conversation));
    DataForm {
        type_: DataFormType::Form,
        title: Some(TITLE.to_owned()),
        instructions: None,
        fields: act.into_iter().chain(slots).chain(thread).collect(),
    }
}

/// Turns a stanza into a message; `None` when it is not one that SPADE would deliver: an error,
/// or without a body.
pub(crate) fn read(stanza: message::Message, me: &AgentId) -> Option<Message> {
    if stanza.type_ == MessageType::Error {
        return None;
    }
    let body = stanza.bodies.into_values().next()?;
    let mut message = Message::text(Performative::Inform, me.clone(), body);
    message.performative = None;
    message.id = stanza.id.map(|id| id.0.into());
    message.from = stanza.from.map(|from| AgentId::from(from.as_str()));
    let form = our_form(&stanza.payloads);
    let reply = stanza.payloads.iter().find(|it| it.is("reply", REPLY));
    if let Some(id) = reply.filter(|_| form.is_none()).and_then(|it| it.attr("id")) {
        message.set(Slot::InReplyTo, id);
    }
    for (name, value) in form.into_iter().flat_map(fields).take(FIELDS) {
        match (name, value.parse::<Performative>()) {
            (PERFORMATIVE, Ok(act)) => message.performative = Some(act),
            (THREAD, _) => {
                if message.slot(&Slot::ConversationId).is_none() {
                    message.set(Slot::ConversationId, value);
                }
            }
            // An act that FIPA does not know is kept as it came.
            _ => message.set(Slot::from(name), value),
        }
    }
    if let (None, Some(thread)) = (message.slot(&Slot::ConversationId), stanza.thread) {
        message.set(Slot::ConversationId, thread.id);
    }
    Some(message)
}

/// The ontology of the message that [`read`] would make of a stanza.
pub(crate) fn ontology(stanza: &message::Message) -> Option<String> {
    let fields = our_form(&stanza.payloads).into_iter().flat_map(fields).take(FIELDS);
    fields.filter(|(name, _)| Slot::from(*name) == Slot::Ontology).last().map(|(_, value)| value)
}

/// The form that says what a message is; others may stand beside it.
fn our_form(payloads: &[Element]) -> Option<&Element> {
    payloads.iter().find(|it| it.is("x", ns::DATA_FORMS) && is_ours(it))
}

fn is_ours(form: &Element) -> bool {
    form.get_child("title", ns::DATA_FORMS).is_some_and(|title| title.text() == TITLE)
}

/// Name and first value of every field that has both.
fn fields(form: &Element) -> impl Iterator<Item = (&str, String)> {
    form.children().filter(|it| it.is("field", ns::DATA_FORMS)).filter_map(|field| {
        let value = field.get_child("value", ns::DATA_FORMS)?.text();
        Some((field.attr("var")?, value))
    })
}

/// Text without the characters that XML 1.0 cannot carry; they become U+FFFD.
pub(crate) fn sayable(text: &str) -> Cow<'_, str> {
    // U+FFFE and U+FFFF are the only ones beyond the control characters; both start so.
    let suspicious = |byte: u8| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 0xef);
    if !text.bytes().any(suspicious) {
        return Cow::Borrowed(text);
    }
    let forbidden = |it: char| matches!(it, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    Cow::Owned(text.chars().map(|it| if forbidden(it) { '\u{fffd}' } else { it }).collect())
}

/// How many bytes a text takes once it is escaped.
pub(crate) fn escaped(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'<' | b'>' => 3,
        b'&' | b'\r' => 4,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Option<Message> {
        let xml = xml.replacen("<message", "<message xmlns='jabber:client'", 1);
        let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
        read(stanza, &"me@test".into())
    }

    fn form(fields: &str) -> String {
        format!(
            "<message from='a@test/1' type='chat'><body>hi</body><x xmlns='jabber:x:data' \
             type='form'>{fields}<title>spade:x:metadata</title></x></message>"
        )
    }

    #[test]
    fn what_is_written_is_what_a_spade_agent_reads() {
        let message = Message::text(Performative::Inform, AgentId::from("b@test"), "{\"a\":1}")
            .with(Slot::Ontology, "finding")
            .with(Slot::ConversationId, "c1");
        let stanza = write(&message).unwrap();
        insta::assert_snapshot!(String::from(&Element::from(stanza)), @r#"<message xmlns='jabber:client' to='b@test' type='chat'><body>{"a":1}</body><thread>c1</thread><x xmlns='jabber:x:data' type='form'><title>spade:x:metadata</title><field var='performative'><value>inform</value></field><field var='ontology'><value>finding</value></field><field var='conversation-id'><value>c1</value></field><field var='_thread_node'><value>c1</value></field></x></message>"#);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut message = Message::text(Performative::Request, AgentId::from("me@test"), "a\n<b>&")
            .with(Slot::Ontology, "finding")
            .with(Slot::ConversationId, "c1")
            .with(Slot::Other("mood".into()), "good");
        message.id = Some("m1".into());
        let xml = String::from(&Element::from(write(&message).unwrap()));
        let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
        let again = read(stanza, &"me@test".into()).unwrap();
        assert_eq!((again.body.as_ref(), again.performative), ("a\n<b>&", message.performative));
        for slot in [Slot::Ontology, Slot::ConversationId, Slot::Other("mood".into())] {
            assert_eq!(again.slot(&slot), message.slot(&slot));
        }
    }

    #[test]
    fn fields_without_name_or_value_are_passed_over() {
        let fields = "<field><value>x</value></field><field var='y'/>\
             <field var='performative'><value>agree</value></field>\
             <field var='z'><value>1</value><value>2</value></field>";
        let message = parse(&form(fields)).unwrap();
        assert_eq!(message.performative, Some(Performative::Agree));
        assert_eq!(message.slot(&Slot::from("z")), Some("1"));
        assert_eq!(message.slot(&Slot::from("y")), None);
    }

    #[test]
    fn an_unknown_act_is_kept_but_is_no_act() {
        let message =
            parse(&form("<field var='performative'><value>shout</value></field>")).unwrap();
        assert_eq!(message.performative, None);
        assert_eq!(message.slot(&Slot::from("performative")), Some("shout"));
    }

    #[test]
    fn the_thread_is_read_from_either_place() {
        let native = "<message from='a@test'><body/><thread>t1</thread></message>";
        assert_eq!(parse(native).unwrap().slot(&Slot::ConversationId), Some("t1"));
        let spade = form("<field var='_thread_node'><value>t2</value></field>");
        assert_eq!(parse(&spade).unwrap().slot(&Slot::ConversationId), Some("t2"));
    }

    #[test]
    fn what_people_say_has_no_form_and_is_still_known_for_an_answer() {
        let mut answer = Message::text(Performative::Inform, AgentId::from("ops@test"), "well")
            .with(Slot::ConversationId, "t1")
            .with(Slot::InReplyTo, "m1");
        answer.performative = None;
        let xml = String::from(&Element::from(write(&answer).unwrap()));
        insta::assert_snapshot!(xml, @"<message xmlns='jabber:client' to='ops@test' type='chat'><body>well</body><thread>t1</thread><reply xmlns='urn:xmpp:reply:0' id='m1'/></message>");
        let stanza = message::Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
        let again = read(stanza, &"ops@test".into()).unwrap();
        assert_eq!(again.slot(&Slot::InReplyTo), Some("m1"));
        assert_eq!((again.performative, again.thread()), (None, Some("t1")));
    }

    #[test]
    fn errors_and_messages_without_body_are_not_delivered() {
        assert_eq!(parse("<message from='a@test' type='error'><body>x</body></message>"), None);
        assert_eq!(parse("<message from='a@test' type='chat'/>"), None);
        assert_eq!(parse("<message from='a@test'><body/></message>").unwrap().body.as_ref(), "");
    }

    #[test]
    fn a_foreign_form_is_left_alone() {
        let message = parse(
            "<message from='a@test'><body>x</body><x xmlns='jabber:x:data' type='form'>\
             <field var='performative'><value>agree</value></field></x></message>",
        );
        assert_eq!(message.unwrap().performative, None);
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        let message = Message::text(Performative::Inform, AgentId::from("b@test"), "a\u{0}b\u{1b}");
        let stanza = write(&message).unwrap();
        assert_eq!(stanza.bodies.into_values().next().unwrap(), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_body_that_no_server_takes_is_refused_with_the_limit() {
        let message =
            Message::text(Performative::Inform, AgentId::from("b@test"), "<".repeat(100_000));
        let error = write(&message).unwrap_err();
        assert_eq!(error, SendError::TooLarge { size: 400_000, limit: LARGEST });
    }
}

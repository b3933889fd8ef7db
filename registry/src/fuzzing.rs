//! What reads stanzas and streams of others, as targets for fuzzing.

#![expect(clippy::expect_used, reason = "what must not happen is to be found")]

mod sealed;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use runtime::{AgentId, Clock, Desk, FormField, Page, fuzzing::Target};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_xmpp::minidom::Element;
use xmpp_parsers::{iq::IqHeader, message, presence};

pub use self::sealed::{answered, heard};

use crate::{
    Members, Token, VerifyingKey, announce, codec, commands::Commands, enrolment as proofs, form,
    guard::Guard,
};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "codec",
        read: stanza,
        seeds: &[
            "<message xmlns='jabber:client' from='a@test/1' id='1' type='chat'><body>hi</body><thread>t</thread><x xmlns='jabber:x:data' type='form'><field var='performative'><value>request</value></field><field var='_thread_node'><value>c1</value></field><field var='letter'><value>l1</value></field><title>spade:x:metadata</title></x></message>",
            "<message xmlns='jabber:client' from='a@test'><body xml:lang='en'>a</body><body xml:lang='de'>b</body></message>",
        ],
    },
    Target {
        name: "presence",
        read: hello,
        seeds: &[
            "<presence xmlns='jabber:client' from='a@test/1'><show>dnd</show><priority>-5</priority><status>x</status><agent xmlns='urn:vedette:agent:0'>{\"role\":\"probe\",\"duties\":[\"check\"],\"labels\":{\"site\":\"lux1\"},\"load\":400}</agent></presence>",
            "<presence xmlns='jabber:client' from='a@test/1' type='unavailable'/>",
        ],
    },
    Target {
        name: "command",
        read: command,
        seeds: &[
            "<command xmlns='http://jabber.org/protocol/commands' node='run' action='execute'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>y</value></field><field var='name'><value>disk</value><value>x</value></field></x></command>",
            "<command xmlns='http://jabber.org/protocol/commands' node='run' sessionid='1' action='cancel'/>",
        ],
    },
    Target {
        name: "page",
        read: page,
        seeds: &["run\nwhich behaviour?\ndisk\nchat", "\u{0}<&\"'>\n\u{fffe}\n\n"],
    },
    Target {
        name: "token",
        read: token,
        seeds: &[
            "vdt1_eyJqIjoiZWRnZUB0ZXN0IiwiciI6InJlZ2lzdHJ5QHRlc3QiLCJrIjoiQWdJQ0FnSUNBZ0lDQWdJQ0FnSUNBZ0lDQWdJQ0FnSUNBZ0lDQWdJQ0FnSSIsIngiOiJBd01EQXdNREF3TURBd01EQXdNREF3TURBd01EQXdNREF3TURBd01EQXdNIiwibyI6InByb2JlIiwiZSI6MTgwMDAwMDAwMH2YDDKU",
            "vdt1_",
            "vdt2_x",
        ],
    },
    Target {
        name: "list",
        read: list,
        seeds: &[
            "{\"head\": {\"serial\": 2, \"issued_ms\": 1, \"until_ms\": 2, \"count\": 1, \"digest\": \"0000000000000000000000000000000000000000000000000000000000000000\", \"signature\": \"11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111\"}, \"base\": 0, \"part\": 0, \"parts\": 1, \"set\": [{\"jid\": \"a@test\", \"role\": \"probe\", \"labels\": {\"site\": \"lux1\"}, \"devices\": [{\"device\": 7, \"identity\": \"2222222222222222222222222222222222222222222222222222222222222222\"}], \"evidence_key\": \"3333333333333333333333333333333333333333333333333333333333333333\", \"serial\": 2}], \"gone\": [\"b@test\"]}",
        ],
    },
    Target {
        name: "enrolment",
        read: enrolment,
        seeds: &[
            "{\"jid\": \"a@test\", \"device\": 7, \"identity\": \"2222222222222222222222222222222222222222222222222222222222222222\", \"evidence_key\": \"3333333333333333333333333333333333333333333333333333333333333333\", \"registry\": \"4444444444444444444444444444444444444444444444444444444444444444\", \"nonce\": \"5555555555555555555555555555555555555555555555555555555555555555\", \"mac\": \"6666666666666666666666666666666666666666666666666666666666666666\", \"identity_proof\": \"77777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777\", \"evidence_proof\": \"88888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888\"}",
        ],
    },
    Target { name: "heard", read: heard, seeds: sealed::STANZAS },
    Target { name: "answered", read: answered, seeds: sealed::ANSWERS },
    Target {
        name: "guard",
        read: stream,
        seeds: &[
            "<?xml version='1.0'?><stream:stream id='1'><message a=\"<'>\"><b/><![CDATA[<x>]]]></message><stream:stream id='2'><a/></stream:stream>",
            "<stream:stream><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><b c='/>'>text</b></a>",
        ],
    },
];

/// Reads a token as somebody copied it.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = Token::read(text) {
        assert_eq!(token.proof_key().len(), 64);
        assert!(token.jid.node().is_some());
    }
}

/// Reads a change of the list of members that nobody signed.
pub fn list(bytes: &[u8]) {
    let Ok(update) = serde_json::from_slice::<types::ListUpdate>(bytes) else { return };
    let none = Members::none(VerifyingKey([9; 32]));
    assert!(none.admits(&update.head, 0).is_err());
    assert!(none.amended(&update.head, update.set, &update.gone).is_err());
}

/// Judges a request to be let in that was not made with the token.
pub fn enrolment(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<types::EnrolmentRequest>(bytes) else { return };
    assert!(proofs::judge(&request, VerifyingKey([0x44; 32]), &"ab".repeat(32)).is_err());
}

fn element(bytes: &[u8]) -> Option<Element> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// A message that is read is written, and then read as the same message.
pub fn stanza(bytes: &[u8]) {
    let Some(stanza) = element(bytes).and_then(|it| message::Message::try_from(it).ok()) else {
        return;
    };
    let me = AgentId::from("me@test");
    let Some(read) = codec::read(stanza, &me) else { return };
    let Ok(written) = codec::write(&read) else { return };
    let xml = String::from(&Element::from(written));
    let again = element(xml.as_bytes()).and_then(|it| message::Message::try_from(it).ok());
    let again = again.and_then(|it| codec::read(it, &me)).expect("what we write can be read");
    assert_eq!((&again.body, again.performative), (&read.body, read.performative), "{xml}");
    for (slot, value) in read.slots().filter(|(slot, _)| !slot.as_str().starts_with('_')) {
        assert_eq!(again.slot(slot), Some(value), "{slot:?} in {xml}");
    }
}

/// Somebody's presence.
pub fn hello(bytes: &[u8]) {
    let Some(stanza) = element(bytes).and_then(|it| presence::Presence::try_from(it).ok()) else {
        return;
    };
    if let Some((who, heard)) = announce::read(&stanza, Clock::system()) {
        assert_eq!((who.bare(), heard.load <= 100), (&*heard.jid, true));
    }
}

/// A call of a command, by somebody who was never there before.
pub fn command(bytes: &[u8]) {
    let Some(element) = element(bytes) else { return };
    if let Some(filled_in) = form::read(&element) {
        assert!(filled_in.len() <= form::FIELDS);
    }
    let desk = Desk::default();
    desk.offer(vec![runtime::Command { node: "run".to_owned(), title: "Run".to_owned() }]);
    let from = "person@test/phone".parse().ok();
    let header = IqHeader { from, to: None, id: "1".to_owned() };
    // Either it is served, or its caller is told why not.
    drop(Commands::new(desk).called(header, &element));
}

/// A page with any text in it is XML.
pub fn page(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n').map(str::to_owned);
    let (title, text) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let options: Vec<String> = lines.collect();
    let field =
        FormField { name: title.clone(), label: text.clone(), value: title.clone(), options };
    let page = Page { title, text, fields: vec![field], refused: false };
    for is_over in [false, true] {
        for element in form::write(&page, is_over) {
            let xml = String::from(&element);
            assert!(xml.parse::<Element>().is_ok(), "{xml}");
        }
    }
}

/// What a stream passes on does not hang on how it comes in pieces, is as long as what came, and
/// would be passed on as it is.
pub fn stream(bytes: &[u8]) {
    let (whole, one) = (passed(bytes, usize::MAX), passed(bytes, 1));
    assert_eq!(whole, one);
    let Ok(text) = whole else { return };
    // A `<` at the very end is kept back.
    assert!(text.len() == bytes.len() || text.len() + 1 == bytes.len() && bytes.ends_with(b"<"));
    assert_eq!(passed(&text, usize::MAX).as_ref(), Ok(&text));
}

/// Gives its bytes in pieces.
struct Pieces<'a>(&'a [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pieces = self.get_mut();
        let count = pieces.0.len().min(pieces.1).min(buf.remaining());
        let (piece, rest) = pieces.0.split_at_checked(count).unwrap_or((pieces.0, &[]));
        buf.put_slice(piece);
        pieces.0 = rest;
        Poll::Ready(Ok(()))
    }
}

fn passed(bytes: &[u8], piece: usize) -> Result<Vec<u8>, io::ErrorKind> {
    let mut guard = Guard::new(Pieces(bytes, piece));
    let mut cx = Context::from_waker(Waker::noop());
    let (mut text, mut room) = (Vec::new(), [0; 512]);
    loop {
        let mut buf = ReadBuf::new(&mut room);
        match Pin::new(&mut guard).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Err(error)) => return Err(error.kind()),
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => text.extend(buf.filled()),
            Poll::Ready(Ok(())) | Poll::Pending => return Ok(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_others_send_is_read_or_refused() {
        for target in TARGETS {
            target.drive(1, 2_000);
        }
    }
}

//! Answers what servers and clients ask: who are you, are you there (XEP-0030, 0092, 0199).

use std::collections::BTreeSet;

use tokio_xmpp::minidom::Element;
use types::Announcement;
use xmpp_parsers::{
    disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsResult, Identity},
    iq::{Iq, IqHeader, IqPayload},
    message, ns,
    ping::Ping,
    stanza_error::{DefinedCondition, ErrorType, StanzaError},
    version::VersionResult,
};

/// What we understand, for service discovery.
const FEATURES: [&str; 6] =
    [ns::DATA_FORMS, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VERSION, "urn:vedette:agent:0"];

/// The answer to a question; `None` when it is none.
pub(crate) fn answer(header: IqHeader, payload: &IqPayload, me: &Announcement) -> Option<Iq> {
    let IqHeader { from, id, .. } = header;
    let result = match payload {
        IqPayload::Get(asked) => know(asked, me),
        IqPayload::Set(_) => None,
        IqPayload::Result(_) | IqPayload::Error(_) => return None,
    };
    Some(match result {
        Some(payload) => Iq::Result { from: None, to: from, id, payload: Some(payload) },
        None => Iq::Error { from: None, to: from, id, error: unavailable(), payload: None },
    })
}

fn know(asked: &Element, me: &Announcement) -> Option<Element> {
    if asked.is("query", ns::DISCO_INFO) {
        let node = DiscoInfoQuery::try_from(asked.clone()).ok()?.node;
        let name = format!("Vedette {}", me.role);
        let identities = vec![Identity::new("automation", "vedette", "en", name)];
        let features: BTreeSet<String> = FEATURES.iter().map(|it| (*it).to_owned()).collect();
        Some(DiscoInfoResult { node, identities, features, extensions: Vec::new() }.into())
    } else if asked.is("query", ns::DISCO_ITEMS) {
        Some(DiscoItemsResult { node: None, items: Vec::new(), rsm: None }.into())
    } else if asked.is("ping", ns::PING) {
        Some(Ping.into())
    } else if asked.is("query", ns::VERSION) {
        let name = "Vedette".to_owned();
        Some(VersionResult { name, version: me.version.clone(), os: None }.into())
    } else {
        None
    }
}

/// Nobody here does that (RFC 6120 section 8.3.3.19).
fn unavailable() -> StanzaError {
    let condition = DefinedCondition::ServiceUnavailable;
    StanzaError::new(ErrorType::Cancel, condition, "en", "no such service here")
}

/// Says that there is no room for a message now (RFC 6120 section 8.3.3.18).
pub(crate) fn no_room(message: &message::Message) -> Option<message::Message> {
    let mut refusal = message::Message::error(message.from.clone()?);
    refusal.id.clone_from(&message.id);
    let condition = DefinedCondition::ResourceConstraint;
    let text = "the mailbox is full; try again later";
    refusal.payloads.push(StanzaError::new(ErrorType::Wait, condition, "en", text).into());
    Some(refusal)
}

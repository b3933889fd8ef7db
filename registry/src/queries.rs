//! Answers what servers and clients ask: who are you, are you there (XEP-0030, 0092, 0199).

use runtime::Command;
use tokio_xmpp::minidom::Element;
use types::Announcement;
use xmpp_parsers::{
    disco::{DiscoInfoQuery, DiscoItemsQuery},
    iq::{Iq, IqHeader, IqPayload},
    message, ns,
    ping::Ping,
    stanza_error::{DefinedCondition, ErrorType, StanzaError},
    version::VersionResult,
};

use crate::disco;

/// The answer to a question; `None` when it is none.
pub(crate) fn answer(
    header: IqHeader,
    payload: &IqPayload,
    me: &Announcement,
    offered: &[Command],
) -> Option<Iq> {
    let result = match payload {
        IqPayload::Get(asked) => know(asked, &header, me, offered),
        IqPayload::Set(_) => Err(DefinedCondition::ServiceUnavailable),
        IqPayload::Result(_) | IqPayload::Error(_) => return None,
    };
    Some(match result {
        Ok(payload) => {
            let IqHeader { from, id, .. } = header;
            Iq::Result { from: None, to: from, id, payload: Some(payload) }
        }
        Err(DefinedCondition::ItemNotFound) => {
            refuse_with(header, DefinedCondition::ItemNotFound, "no such node here")
        }
        Err(_) => refuse(header),
    })
}

fn know(
    asked: &Element,
    header: &IqHeader,
    me: &Announcement,
    offered: &[Command],
) -> Result<Element, DefinedCondition> {
    let unreadable = |_| DefinedCondition::ServiceUnavailable;
    if asked.is("query", ns::DISCO_INFO) {
        let node = DiscoInfoQuery::try_from(asked.clone()).map_err(unreadable)?.node;
        let found = disco::info_at(node, me, offered).ok_or(DefinedCondition::ItemNotFound)?;
        Ok(found.into())
    } else if asked.is("query", ns::DISCO_ITEMS) {
        let node = DiscoItemsQuery::try_from(asked.clone()).map_err(unreadable)?.node;
        Ok(disco::items_at(node, header.to.clone(), offered).into())
    } else if asked.is("ping", ns::PING) {
        Ok(Ping.into())
    } else if asked.is("query", ns::VERSION) {
        let name = "Vedette".to_owned();
        Ok(VersionResult { name, version: me.version.clone(), os: None }.into())
    } else {
        Err(DefinedCondition::ServiceUnavailable)
    }
}

/// Nobody here does that (RFC 6120 section 8.3.3.19), or nobody for whoever asks; `None` when
/// nothing was asked.
pub(crate) fn refuse(header: IqHeader) -> Iq {
    refuse_with(header, DefinedCondition::ServiceUnavailable, "no such service here")
}

fn refuse_with(header: IqHeader, condition: DefinedCondition, text: &str) -> Iq {
    let error = StanzaError::new(ErrorType::Cancel, condition, "en", text);
    Iq::Error { from: None, to: header.from, id: header.id, error, payload: None }
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

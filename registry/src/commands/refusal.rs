//! Why a call of a command is refused, and how its caller is told.

use tokio_xmpp::minidom::Element;
use xmpp_parsers::{
    iq::{Iq, IqHeader},
    stanza_error::{DefinedCondition, ErrorType, StanzaError},
};

use super::NAMESPACE;

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    BadAction,
    BadPayload,
    BadSession,
    Expired,
    NoSuchCommand,
    NobodyServes,
    TooMany,
    TooSlow,
    GivenUp,
}

/// The errors of section 4.4, and those of RFC 6120 for what the standard leaves open.
pub(super) fn refuse(header: IqHeader, refusal: Refusal) -> Iq {
    use DefinedCondition as Condition;
    use ErrorType::{Cancel, Modify, Wait};
    let (kind, condition, special, text) = match refusal {
        Refusal::Malformed => {
            (Modify, Condition::BadRequest, "malformed-action", "no such action exists")
        }
        Refusal::BadAction => {
            (Modify, Condition::BadRequest, "bad-action", "this action is not possible now")
        }
        Refusal::BadPayload => {
            (Modify, Condition::BadRequest, "bad-payload", "the form cannot be read")
        }
        Refusal::BadSession => {
            (Modify, Condition::BadRequest, "bad-sessionid", "there is no such session of yours")
        }
        Refusal::Expired => {
            (Cancel, Condition::NotAllowed, "session-expired", "you waited too long; start again")
        }
        Refusal::NoSuchCommand => (Cancel, Condition::ItemNotFound, "", "no such command here"),
        Refusal::NobodyServes => (Cancel, Condition::ServiceUnavailable, "", "no commands here"),
        Refusal::TooMany => {
            (Wait, Condition::ResourceConstraint, "", "too many calls; try again later")
        }
        Refusal::TooSlow => (Wait, Condition::RemoteServerTimeout, "", "it took too long"),
        Refusal::GivenUp => (Wait, Condition::InternalServerError, "", "the call was given up"),
    };
    let mut error = StanzaError::new(kind, condition, "en", text);
    error.other = (!special.is_empty()).then(|| Element::bare(special, NAMESPACE));
    Iq::Error { from: None, to: header.from, id: header.id, error, payload: None }
}

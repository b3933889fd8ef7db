//! What went against a protocol.

use super::{Protocol, Role, Stage};
use crate::Performative;

/// Something that went against a protocol, in words: what was said, and what would have been
/// right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// A conversation does not begin like this.
    #[error("`{act}` before {openings}", openings = list(openings))]
    NotOpened {
        /// What was said.
        act: Performative,
        /// What opens a conversation.
        openings: Vec<Performative>,
    },
    /// The other side may say this here, this one may not.
    #[error("`{act}` by the {speaker}; here only the {} says that", speaker.other())]
    WrongSpeaker {
        /// What was said.
        act: Performative,
        /// By whom.
        speaker: Role,
    },
    /// Nobody may say this here.
    #[error("`{act}` by the {speaker} after `{after}`; {}", allowed(may))]
    OutOfTurn {
        /// What was said.
        act: Performative,
        /// By whom.
        speaker: Role,
        /// What was said before.
        after: Performative,
        /// What the speaker may say.
        may: Vec<Performative>,
    },
    /// The conversation is over.
    #[error("`{act}` by the {speaker} after the end (`{stage}`)")]
    AfterEnd {
        /// What was said.
        act: Performative,
        /// By whom.
        speaker: Role,
        /// How it ended.
        stage: Stage,
    },
    /// It came too late.
    #[error("`{act}` by the {speaker} after reply-by")]
    Late {
        /// What was said.
        act: Performative,
        /// By whom.
        speaker: Role,
    },
    /// It did not come in time.
    #[error("`{act}` by the {speaker} without reply after reply-by")]
    Overdue {
        /// What was to be answered.
        act: Performative,
        /// Who said it.
        speaker: Role,
    },
    /// A message of a protocol must say what it does.
    #[error("a message without a performative")]
    NoAct,
    /// FIPA does not know the act.
    #[error("`{0}`, which is none of FIPA's performatives")]
    UnknownAct(String),
    /// A message of a protocol must say to which conversation it belongs.
    #[error("a message of `{0}` without a conversation-id")]
    NoConversation(Protocol),
    /// No conversation has an id like this.
    #[error("a conversation-id of {length} bytes; it may have {limit}")]
    LongConversation {
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The conversation is one of another protocol.
    #[error("a message of `{named}` in a conversation of `{opened}`")]
    OtherProtocol {
        /// Which protocol the message names.
        named: Protocol,
        /// In which protocol the conversation was opened.
        opened: Protocol,
    },
}

fn allowed(may: &[Performative]) -> String {
    if may.is_empty() {
        return "it is the other side's turn".to_owned();
    }
    format!("there may follow {}", list(may))
}

fn list(acts: &[Performative]) -> String {
    let quoted: Vec<String> = acts.iter().map(|act| format!("`{act}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

//! How a conversation ended for who opened it.

use std::sync::Arc;

use crate::{Breach, Message, SendError, Stage};

/// How a conversation ended for who opened it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done, or answered, or the offer was accepted.
    Done(Arc<Message>),
    /// The other one will not.
    Refused(Arc<Message>),
    /// The offer or the proposal was not accepted.
    Rejected(Arc<Message>),
    /// The other one tried and could not.
    Failed(Arc<Message>),
    /// The other one did not understand.
    NotUnderstood(Arc<Message>),
    /// We took it back, and the other one let it be.
    Cancelled,
    /// We took it back when it was over already; this was said.
    CancelledLate(Arc<Message>),
    /// There was no end in time.
    Overdue,
    /// The other one went against the protocol.
    Broken(Breach, Arc<Message>),
    /// What opens it could not be sent.
    Unsent(SendError),
}

impl Outcome {
    /// What was said last, if something was.
    pub fn answer(&self) -> Option<&Message> {
        match self {
            Self::Done(answer)
            | Self::Refused(answer)
            | Self::Rejected(answer)
            | Self::Failed(answer)
            | Self::NotUnderstood(answer)
            | Self::CancelledLate(answer)
            | Self::Broken(_, answer) => Some(answer),
            Self::Cancelled | Self::Overdue | Self::Unsent(_) => None,
        }
    }

    /// Whether it was done, answered or accepted.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The outcome of a conversation that ended in `stage` with `answer`; none while it goes on.
    pub(super) fn of(stage: Stage, answer: Arc<Message>) -> Option<Self> {
        Some(match stage {
            Stage::Done => Self::Done(answer),
            Stage::Refused => Self::Refused(answer),
            Stage::Rejected => Self::Rejected(answer),
            Stage::Failed => Self::Failed(answer),
            Stage::Cancelled => Self::Cancelled,
            Stage::CancelledLate => Self::CancelledLate(answer),
            Stage::NotUnderstood => Self::NotUnderstood(answer),
            Stage::Start
            | Stage::Asked
            | Stage::Proposed
            | Stage::Accepted
            | Stage::Agreed
            | Stage::Informing
            | Stage::Cancelling => return None,
        })
    }
}

//! FIPA's interaction protocols: who may say what when.
//!
//! Each protocol is a table of stages and moves ([`Protocol`]); one conversation with one partner
//! goes through it ([`Dialogue`]), and an agent watches all of its conversations
//! ([`Conversations`]). Nothing here does I/O or looks at a clock.

mod breach;
mod conversations;
mod dialogue;
mod table;

use std::{fmt, str::FromStr};

use types::{Diagram, Node};

use crate::Performative;

pub use breach::Breach;
pub use conversations::Conversations;
pub use dialogue::Dialogue;

/// An interaction protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Asks somebody to do something (SC00026H).
    Request,
    /// Asks somebody what is so (SC00027H).
    Query,
    /// Asks many for proposals and has some of them do it (SC00029H).
    ContractNet,
    /// Asks somebody to be kept informed (SC00035H).
    Subscribe,
    /// Offers to do something (SC00036H).
    Propose,
}

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Who opened it.
    Initiator,
    /// Whom the opening was said to.
    Participant,
}

impl Role {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Participant,
            Self::Participant => Self::Initiator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiator => "initiator",
            Self::Participant => "participant",
        })
    }
}

/// How far a conversation is. Each protocol goes through some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing was said.
    Start,
    /// The initiator asked, or offered.
    Asked,
    /// The participant made a proposal.
    Proposed,
    /// The proposal was accepted.
    Accepted,
    /// The participant agreed.
    Agreed,
    /// The participant keeps the initiator informed.
    Informing,
    /// The initiator took back what it asked for; the participant has not answered yet.
    Cancelling,
    /// It was done.
    Done,
    /// The participant refused.
    Refused,
    /// The proposal was rejected.
    Rejected,
    /// The participant tried and could not.
    Failed,
    /// It was taken back.
    Cancelled,
    /// It was taken back when it was over already: the two messages crossed.
    CancelledLate,
    /// One side did not understand the other.
    NotUnderstood,
}

impl Stage {
    /// Every stage.
    pub const ALL: &'static [Self] = &[
        Self::Start,
        Self::Asked,
        Self::Proposed,
        Self::Accepted,
        Self::Agreed,
        Self::Informing,
        Self::Cancelling,
        Self::Done,
        Self::Refused,
        Self::Rejected,
        Self::Failed,
        Self::Cancelled,
        Self::CancelledLate,
        Self::NotUnderstood,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Asked => "Asked",
            Self::Proposed => "Proposed",
            Self::Accepted => "Accepted",
            Self::Agreed => "Agreed",
            Self::Informing => "Informing",
            Self::Cancelling => "Cancelling",
            Self::Done => "Done",
            Self::Refused => "Refused",
            Self::Rejected => "Rejected",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::CancelledLate => "CancelledLate",
            Self::NotUnderstood => "NotUnderstood",
        }
    }

    /// Whether nothing more is due.
    pub fn is_over(self) -> bool {
        match self {
            Self::Start
            | Self::Asked
            | Self::Proposed
            | Self::Accepted
            | Self::Agreed
            | Self::Informing
            | Self::Cancelling => false,
            Self::Done
            | Self::Refused
            | Self::Rejected
            | Self::Failed
            | Self::Cancelled
            | Self::CancelledLate
            | Self::NotUnderstood => true,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The protocol is none of those that are watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no protocol `{0}`; there are: {known}", known = Protocol::ALL.map(Protocol::name).join(", "))]
pub struct UnknownProtocol(String);

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 5] =
        [Self::Request, Self::Query, Self::ContractNet, Self::Subscribe, Self::Propose];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "fipa-request",
            Self::Query => "fipa-query",
            Self::ContractNet => "fipa-contract-net",
            Self::Subscribe => "fipa-subscribe",
            Self::Propose => "fipa-propose",
        }
    }

    /// What opens a conversation.
    pub fn openings(self) -> &'static [Performative] {
        table::own_moves(self, Stage::Start).first().map_or(&[], |it| it.acts)
    }

    /// Where `act`, said by `speaker`, leads to from `stage`; `None`: it must not be said there.
    pub fn next(self, stage: Stage, act: Performative, speaker: Role) -> Option<Stage> {
        table::moves(self, stage)
            .find(|it| it.by == speaker && it.acts.contains(&act))
            .map(|it| it.to)
    }

    /// What may be said in `stage`, and by whom.
    pub fn acts(self, stage: Stage) -> impl Iterator<Item = (Role, Performative)> {
        table::moves(self, stage).flat_map(|it| it.acts.iter().map(move |act| (it.by, *act)))
    }

    /// Its stages, what each means, and where it may go from there.
    pub fn diagram(self) -> Diagram {
        let node = |(stage, about): (Stage, &'static str)| {
            let mut moves = Vec::new();
            for step in table::moves(self, stage) {
                if !moves.contains(&step.to.name().into()) {
                    moves.push(step.to.name().into());
                }
            }
            Node { name: stage.name().into(), about: about.into(), moves }
        };
        Diagram { states: table::stages(self).map(node).collect() }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|it| it.name().eq_ignore_ascii_case(name));
        known.copied().ok_or_else(|| UnknownProtocol(name.chars().take(100).collect()))
    }
}

#[cfg(test)]
mod tests;

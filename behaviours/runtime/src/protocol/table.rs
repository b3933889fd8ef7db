//! The protocols as data.

use super::{Protocol, Role, Stage};
use crate::Performative::{
    self, AcceptProposal, Agree, Cancel, Cfp, Failure, Inform, NotUnderstood, Propose, QueryIf,
    QueryRef, Refuse, RejectProposal, Request, Subscribe,
};

/// What may be said in a stage, by whom, and where that leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) by: Role,
    pub(super) acts: &'static [Performative],
    pub(super) to: Stage,
}

/// A stage of one protocol, what it means there, and its own moves.
type Row = (Stage, &'static str, &'static [Move]);

const fn initiator(acts: &'static [Performative], to: Stage) -> Move {
    Move { by: Role::Initiator, acts, to }
}

const fn participant(acts: &'static [Performative], to: Stage) -> Move {
    Move { by: Role::Participant, acts, to }
}

/// Tells the end: `inform` that it is done, or what came of it, or `failure`.
const RESULT: [Move; 2] =
    [participant(&[Inform], Stage::Done), participant(&[Failure], Stage::Failed)];

/// Tells whether what was asked for could be taken back.
const CANCELLED: [Move; 2] =
    [participant(&[Inform], Stage::Cancelled), participant(&[Failure], Stage::Failed)];

/// The cancel meta-protocol: the initiator takes back what it asked for, and the participant says
/// that it is so, or that it could not. What it said before it heard of that may still come in.
const CANCELLING: Row = (
    Stage::Cancelling,
    "The initiator took back what it asked for.",
    &[
        CANCELLED[0],
        CANCELLED[1],
        participant(&[Agree], Stage::Cancelling),
        participant(&[Refuse], Stage::CancelledLate),
    ],
);

const DONE: Row = (Stage::Done, "The participant did it, or said what came of it.", &[]);
const REFUSED: Row = (Stage::Refused, "The participant will not.", &[]);
const FAILED: Row = (Stage::Failed, "The participant tried and could not.", &[]);

/// SC00026H. `agree` may be left out where the result follows soon.
const REQUEST: &[Row] = &[
    (Stage::Start, "Nothing was said.", &[initiator(&[Request], Stage::Asked)]),
    (
        Stage::Asked,
        "The initiator asked the participant to do something.",
        &[
            participant(&[Agree], Stage::Agreed),
            participant(&[Refuse], Stage::Refused),
            RESULT[0],
            RESULT[1],
        ],
    ),
    (Stage::Agreed, "The participant is about to do it.", &RESULT),
    CANCELLING,
    DONE,
    REFUSED,
    FAILED,
];

/// SC00027H. `agree` may be left out where the answer follows soon.
const QUERY: &[Row] = &[
    (Stage::Start, "Nothing was said.", &[initiator(&[QueryIf, QueryRef], Stage::Asked)]),
    (
        Stage::Asked,
        "The initiator asked the participant what is so.",
        &[
            participant(&[Agree], Stage::Agreed),
            participant(&[Refuse], Stage::Refused),
            RESULT[0],
            RESULT[1],
        ],
    ),
    (Stage::Agreed, "The participant is about to answer.", &RESULT),
    CANCELLING,
    DONE,
    REFUSED,
    FAILED,
];

/// SC00029H, as one of the participants sees it.
const CONTRACT_NET: &[Row] = &[
    (Stage::Start, "Nothing was said.", &[initiator(&[Cfp], Stage::Asked)]),
    (
        Stage::Asked,
        "The initiator called for a proposal.",
        &[participant(&[Propose], Stage::Proposed), participant(&[Refuse], Stage::Refused)],
    ),
    (
        Stage::Proposed,
        "The participant made a proposal.",
        &[
            initiator(&[AcceptProposal], Stage::Accepted),
            initiator(&[RejectProposal], Stage::Rejected),
        ],
    ),
    (Stage::Accepted, "The participant is to do what it proposed.", &RESULT),
    (
        Stage::Cancelling,
        "The initiator took back what it called for.",
        &[
            CANCELLED[0],
            CANCELLED[1],
            participant(&[Propose], Stage::Cancelling),
            participant(&[Refuse], Stage::CancelledLate),
        ],
    ),
    DONE,
    REFUSED,
    (Stage::Rejected, "The initiator does not want what was proposed.", &[]),
    FAILED,
];

/// SC00035H. It goes on until somebody ends it; `agree` may be left out.
const SUBSCRIBE: &[Row] = &[
    (Stage::Start, "Nothing was said.", &[initiator(&[Subscribe], Stage::Asked)]),
    (
        Stage::Asked,
        "The initiator asked the participant to be kept informed.",
        &[
            participant(&[Agree], Stage::Agreed),
            participant(&[Refuse], Stage::Refused),
            participant(&[Inform], Stage::Informing),
            participant(&[Failure], Stage::Failed),
        ],
    ),
    (
        Stage::Agreed,
        "The participant will keep the initiator informed.",
        &[participant(&[Inform], Stage::Informing), participant(&[Failure], Stage::Failed)],
    ),
    (
        Stage::Informing,
        "The participant keeps the initiator informed.",
        &[participant(&[Inform], Stage::Informing), participant(&[Failure], Stage::Failed)],
    ),
    CANCELLING,
    REFUSED,
    (Stage::Failed, "The participant can no longer keep the initiator informed.", &[]),
];

/// SC00036H.
const PROPOSE: &[Row] = &[
    (Stage::Start, "Nothing was said.", &[initiator(&[Propose], Stage::Asked)]),
    (
        Stage::Asked,
        "The initiator offers to do something.",
        &[
            participant(&[AcceptProposal], Stage::Done),
            participant(&[RejectProposal], Stage::Rejected),
        ],
    ),
    (
        Stage::Cancelling,
        "The initiator took its offer back.",
        &[
            CANCELLED[0],
            CANCELLED[1],
            participant(&[AcceptProposal, RejectProposal], Stage::CancelledLate),
        ],
    ),
    (Stage::Done, "The participant wants it.", &[]),
    (Stage::Failed, "The participant could not let it be.", &[]),
    (Stage::Rejected, "The participant does not want it.", &[]),
];

/// How the cancel meta-protocol ends, which all of them share.
const CANCEL: &[Row] = &[
    (Stage::Cancelled, "The participant let it be.", &[]),
    (Stage::CancelledLate, "The initiator took it back when it was over already.", &CANCELLED),
    (Stage::NotUnderstood, "One side did not understand the other.", &[]),
];

fn table(protocol: Protocol) -> &'static [Row] {
    match protocol {
        Protocol::Request => REQUEST,
        Protocol::Query => QUERY,
        Protocol::ContractNet => CONTRACT_NET,
        Protocol::Subscribe => SUBSCRIBE,
        Protocol::Propose => PROPOSE,
    }
}

/// Its stages and what they mean, in order.
pub(super) fn stages(protocol: Protocol) -> impl Iterator<Item = (Stage, &'static str)> {
    table(protocol).iter().chain(CANCEL).map(|(stage, about, _)| (*stage, *about))
}

/// The moves of a stage that its protocol names.
pub(super) fn own_moves(protocol: Protocol, stage: Stage) -> &'static [Move] {
    let row = table(protocol).iter().chain(CANCEL).find(|(it, _, _)| *it == stage);
    row.map_or(&[], |(_, _, moves)| moves)
}

/// Every move of a stage: its own, and those that every protocol has.
pub(super) fn moves(protocol: Protocol, stage: Stage) -> impl Iterator<Item = Move> {
    let there = stages(protocol).any(|(it, _)| it == stage);
    let shared = if there { shared(stage, ends(protocol, stage)) } else { &[] };
    own_moves(protocol, stage).iter().chain(shared).copied()
}

/// Whose word it is that ends in `stage`; `None`: it is no end, or either's may be.
fn ends(protocol: Protocol, stage: Stage) -> Option<Role> {
    match (protocol, stage) {
        (Protocol::Propose, Stage::Rejected) => Some(Role::Participant),
        (_, Stage::Rejected | Stage::CancelledLate) => Some(Role::Initiator),
        (_, Stage::Done | Stage::Refused | Stage::Failed | Stage::Cancelled) => {
            Some(Role::Participant)
        }
        (
            _,
            Stage::Start
            | Stage::Asked
            | Stage::Proposed
            | Stage::Accepted
            | Stage::Agreed
            | Stage::Informing
            | Stage::Cancelling
            | Stage::NotUnderstood,
        ) => None,
    }
}

/// `cancel` and `not-understood`. Whoever heard something may say that it did not understand it,
/// also the last thing that was said. A `cancel` may cross the end.
fn shared(stage: Stage, ended_by: Option<Role>) -> &'static [Move] {
    const CANCELS: Move = initiator(&[Cancel], Stage::Cancelling);
    const LATE: Move = initiator(&[Cancel], Stage::CancelledLate);
    const PUZZLED: Move = participant(&[NotUnderstood], Stage::NotUnderstood);
    const PUZZLES: Move = initiator(&[NotUnderstood], Stage::NotUnderstood);
    match (stage, ended_by) {
        (Stage::Start | Stage::NotUnderstood, _) => &[],
        (Stage::Asked, _) => &[CANCELS, PUZZLED],
        (Stage::Cancelling, _) => &[PUZZLED, PUZZLES],
        (Stage::Cancelled, _) => &[PUZZLES],
        (_, None) => &[CANCELS, PUZZLED, PUZZLES],
        (_, Some(Role::Initiator)) => &[PUZZLED],
        (_, Some(Role::Participant)) => &[LATE, PUZZLES],
    }
}

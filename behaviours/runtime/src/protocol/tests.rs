//! What may be said when, in every protocol.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::*;
use crate::{
    Message,
    Performative::{
        AcceptProposal, Agree, Cancel, Cfp, Confirm, Failure, Inform, NotUnderstood, Propose,
        QueryIf, QueryRef, Refuse, RejectProposal, Request, Subscribe,
    },
    Slot, mermaid,
};
use Role::{Initiator, Participant};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
}

fn act(act: Performative) -> Message {
    Message::text(act, "b@test", "")
}

/// Lets both speak in turn, in time, and says where that led to, or what was wrong.
fn talk(protocol: Protocol, words: &[(Role, Performative)]) -> Result<Stage, String> {
    let mut dialogue = Dialogue::open(protocol, Initiator);
    for (speaker, said) in words {
        dialogue.observe(&act(*said), *speaker, at(0)).map_err(|breach| breach.to_string())?;
    }
    Ok(dialogue.state())
}

/// Every stage of a protocol with all that may be said in it; nothing else may.
type Expected = &'static [(Stage, &'static [(Role, Performative, Stage)])];

const ENDS: Expected = &[
    (Stage::Cancelled, &[(Initiator, NotUnderstood, Stage::NotUnderstood)]),
    (
        Stage::CancelledLate,
        &[
            (Participant, Inform, Stage::Cancelled),
            (Participant, Failure, Stage::Failed),
            (Participant, NotUnderstood, Stage::NotUnderstood),
        ],
    ),
    (Stage::NotUnderstood, &[]),
];

/// Ended by the participant: a `cancel` may have crossed that, and the initiator may not
/// understand.
const BY_PARTICIPANT: &[(Role, Performative, Stage)] =
    &[(Initiator, Cancel, Stage::CancelledLate), (Initiator, NotUnderstood, Stage::NotUnderstood)];

const DOING: &[(Role, Performative, Stage)] = &[
    (Participant, Inform, Stage::Done),
    (Participant, Failure, Stage::Failed),
    (Initiator, Cancel, Stage::Cancelling),
    (Initiator, NotUnderstood, Stage::NotUnderstood),
    (Participant, NotUnderstood, Stage::NotUnderstood),
];

const INFORMING: &[(Role, Performative, Stage)] = &[
    (Participant, Inform, Stage::Informing),
    (Participant, Failure, Stage::Failed),
    (Initiator, Cancel, Stage::Cancelling),
    (Initiator, NotUnderstood, Stage::NotUnderstood),
    (Participant, NotUnderstood, Stage::NotUnderstood),
];

const CANCELLING: (Stage, &[(Role, Performative, Stage)]) = (
    Stage::Cancelling,
    &[
        (Participant, Inform, Stage::Cancelled),
        (Participant, Failure, Stage::Failed),
        (Participant, Agree, Stage::Cancelling),
        (Participant, Refuse, Stage::CancelledLate),
        (Initiator, NotUnderstood, Stage::NotUnderstood),
        (Participant, NotUnderstood, Stage::NotUnderstood),
    ],
);

const ASKED: (Stage, &[(Role, Performative, Stage)]) = (
    Stage::Asked,
    &[
        (Participant, Agree, Stage::Agreed),
        (Participant, Refuse, Stage::Refused),
        (Participant, Inform, Stage::Done),
        (Participant, Failure, Stage::Failed),
        (Participant, NotUnderstood, Stage::NotUnderstood),
        (Initiator, Cancel, Stage::Cancelling),
    ],
);

const CONTRACT_NET: Expected = &[
    (Stage::Start, &[(Initiator, Cfp, Stage::Asked)]),
    (
        Stage::Asked,
        &[
            (Participant, Propose, Stage::Proposed),
            (Participant, Refuse, Stage::Refused),
            (Participant, NotUnderstood, Stage::NotUnderstood),
            (Initiator, Cancel, Stage::Cancelling),
        ],
    ),
    (
        Stage::Proposed,
        &[
            (Initiator, AcceptProposal, Stage::Accepted),
            (Initiator, RejectProposal, Stage::Rejected),
            (Initiator, Cancel, Stage::Cancelling),
            (Initiator, NotUnderstood, Stage::NotUnderstood),
            (Participant, NotUnderstood, Stage::NotUnderstood),
        ],
    ),
    (Stage::Accepted, DOING),
    (
        Stage::Cancelling,
        &[
            (Participant, Inform, Stage::Cancelled),
            (Participant, Failure, Stage::Failed),
            (Participant, Propose, Stage::Cancelling),
            (Participant, Refuse, Stage::CancelledLate),
            (Initiator, NotUnderstood, Stage::NotUnderstood),
            (Participant, NotUnderstood, Stage::NotUnderstood),
        ],
    ),
    (Stage::Done, BY_PARTICIPANT),
    (Stage::Refused, BY_PARTICIPANT),
    (Stage::Failed, BY_PARTICIPANT),
    (Stage::Rejected, &[(Participant, NotUnderstood, Stage::NotUnderstood)]),
];

fn expected(protocol: Protocol) -> Expected {
    match protocol {
        Protocol::Request => &[
            (Stage::Start, &[(Initiator, Request, Stage::Asked)]),
            ASKED,
            (Stage::Agreed, DOING),
            CANCELLING,
            (Stage::Done, BY_PARTICIPANT),
            (Stage::Refused, BY_PARTICIPANT),
            (Stage::Failed, BY_PARTICIPANT),
        ],
        Protocol::Query => &[
            (
                Stage::Start,
                &[(Initiator, QueryIf, Stage::Asked), (Initiator, QueryRef, Stage::Asked)],
            ),
            ASKED,
            (Stage::Agreed, DOING),
            CANCELLING,
            (Stage::Done, BY_PARTICIPANT),
            (Stage::Refused, BY_PARTICIPANT),
            (Stage::Failed, BY_PARTICIPANT),
        ],
        Protocol::ContractNet => CONTRACT_NET,
        Protocol::Subscribe => &[
            (Stage::Start, &[(Initiator, Subscribe, Stage::Asked)]),
            (
                Stage::Asked,
                &[
                    (Participant, Agree, Stage::Agreed),
                    (Participant, Refuse, Stage::Refused),
                    (Participant, Inform, Stage::Informing),
                    (Participant, Failure, Stage::Failed),
                    (Participant, NotUnderstood, Stage::NotUnderstood),
                    (Initiator, Cancel, Stage::Cancelling),
                ],
            ),
            (Stage::Agreed, INFORMING),
            (Stage::Informing, INFORMING),
            CANCELLING,
            (Stage::Refused, BY_PARTICIPANT),
            (Stage::Failed, BY_PARTICIPANT),
        ],
        Protocol::Propose => &[
            (Stage::Start, &[(Initiator, Propose, Stage::Asked)]),
            (
                Stage::Asked,
                &[
                    (Participant, AcceptProposal, Stage::Done),
                    (Participant, RejectProposal, Stage::Rejected),
                    (Participant, NotUnderstood, Stage::NotUnderstood),
                    (Initiator, Cancel, Stage::Cancelling),
                ],
            ),
            (
                Stage::Cancelling,
                &[
                    (Participant, Inform, Stage::Cancelled),
                    (Participant, Failure, Stage::Failed),
                    (Participant, AcceptProposal, Stage::CancelledLate),
                    (Participant, RejectProposal, Stage::CancelledLate),
                    (Initiator, NotUnderstood, Stage::NotUnderstood),
                    (Participant, NotUnderstood, Stage::NotUnderstood),
                ],
            ),
            (Stage::Done, BY_PARTICIPANT),
            (Stage::Failed, BY_PARTICIPANT),
            (Stage::Rejected, BY_PARTICIPANT),
        ],
    }
}

#[test]
fn every_act_by_everybody_in_every_stage_of_every_protocol() {
    for protocol in Protocol::ALL {
        let table: Vec<_> = expected(protocol).iter().chain(ENDS).collect();
        for stage in Stage::ALL {
            let row = table.iter().find(|(it, _)| it == stage).map_or(&[][..], |(_, row)| row);
            for act in Performative::ALL {
                for speaker in [Initiator, Participant] {
                    let to = row.iter().find(|(by, it, _)| (*by, it) == (speaker, act));
                    let found = protocol.next(*stage, *act, speaker);
                    let place = format!("{protocol}: {act} by the {speaker} in {stage}");
                    assert_eq!(found, to.map(|(_, _, to)| *to), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_diagram_shows_every_stage_that_can_be_reached_and_no_other() {
    for protocol in Protocol::ALL {
        let mut reached = BTreeSet::from([Stage::Start]);
        let mut open = vec![Stage::Start];
        while let Some(stage) = open.pop() {
            for (by, act) in protocol.acts(stage) {
                let to = protocol.next(stage, act, by).unwrap();
                if reached.insert(to) {
                    open.push(to);
                }
            }
        }
        let shown: BTreeSet<Stage> = table::stages(protocol).map(|(stage, _)| stage).collect();
        assert_eq!(shown, reached, "{protocol}");
        assert_eq!(protocol.diagram().states.len(), reached.len(), "{protocol}");
    }
}

#[test]
fn the_diagram_of_a_request() {
    insta::assert_snapshot!(mermaid(&Protocol::Request.diagram()), @r#"
    stateDiagram-v2
        [*] --> Start
        Start --> Asked
        Asked --> Agreed
        Asked --> Refused
        Asked --> Done
        Asked --> Failed
        Asked --> Cancelling
        Asked --> NotUnderstood
        Agreed --> Done
        Agreed --> Failed
        Agreed --> Cancelling
        Agreed --> NotUnderstood
        Cancelling --> Cancelled
        Cancelling --> Failed
        Cancelling --> Cancelling
        Cancelling --> CancelledLate
        Cancelling --> NotUnderstood
        Done --> CancelledLate
        Done --> NotUnderstood
        Refused --> CancelledLate
        Refused --> NotUnderstood
        Failed --> CancelledLate
        Failed --> NotUnderstood
        Cancelled --> NotUnderstood
        CancelledLate --> Cancelled
        CancelledLate --> Failed
        CancelledLate --> NotUnderstood
        NotUnderstood --> [*]
    "#);
}

#[test]
fn the_diagram_of_a_contract_net() {
    insta::assert_snapshot!(mermaid(&Protocol::ContractNet.diagram()), @r#"
    stateDiagram-v2
        [*] --> Start
        Start --> Asked
        Asked --> Proposed
        Asked --> Refused
        Asked --> Cancelling
        Asked --> NotUnderstood
        Proposed --> Accepted
        Proposed --> Rejected
        Proposed --> Cancelling
        Proposed --> NotUnderstood
        Accepted --> Done
        Accepted --> Failed
        Accepted --> Cancelling
        Accepted --> NotUnderstood
        Cancelling --> Cancelled
        Cancelling --> Failed
        Cancelling --> Cancelling
        Cancelling --> CancelledLate
        Cancelling --> NotUnderstood
        Done --> CancelledLate
        Done --> NotUnderstood
        Refused --> CancelledLate
        Refused --> NotUnderstood
        Rejected --> NotUnderstood
        Failed --> CancelledLate
        Failed --> NotUnderstood
        Cancelled --> NotUnderstood
        CancelledLate --> Cancelled
        CancelledLate --> Failed
        CancelledLate --> NotUnderstood
        NotUnderstood --> [*]
    "#);
}

#[test]
fn a_protocol_reads_its_own_name_and_names_the_others() {
    for protocol in Protocol::ALL {
        assert_eq!(protocol.name().parse(), Ok(protocol));
    }
    assert_eq!("FIPA-Request".parse(), Ok(Protocol::Request));
    insta::assert_snapshot!("fipa-auction".parse::<Protocol>().unwrap_err(), @"no protocol `fipa-auction`; there are: fipa-request, fipa-query, fipa-contract-net, fipa-subscribe, fipa-propose");
}

#[test]
fn what_goes_well_is_no_violation() {
    use Protocol::{ContractNet, Query};
    let fine = |protocol, words: &[_], expected| {
        assert_eq!(talk(protocol, words), Ok(expected), "{words:?}");
    };
    let (ours, theirs) = (|act| (Initiator, act), |act| (Participant, act));
    let request = Protocol::Request;
    fine(request, &[ours(Request), theirs(Agree), theirs(Inform)], Stage::Done);
    fine(request, &[ours(Request), theirs(Inform)], Stage::Done);
    fine(request, &[ours(Request), theirs(Refuse)], Stage::Refused);
    fine(request, &[ours(Request), theirs(Agree), theirs(Failure)], Stage::Failed);
    fine(request, &[ours(Request), theirs(NotUnderstood)], Stage::NotUnderstood);
    fine(request, &[ours(Request), ours(Cancel), theirs(Inform)], Stage::Cancelled);
    fine(Query, &[ours(QueryIf), theirs(Agree), theirs(Inform)], Stage::Done);
    fine(Query, &[ours(QueryRef), theirs(Inform)], Stage::Done);
    let proposed = [ours(Cfp), theirs(Propose)];
    let won = [&proposed[..], &[ours(AcceptProposal), theirs(Inform)]].concat();
    fine(ContractNet, &won, Stage::Done);
    fine(ContractNet, &[&proposed[..], &[ours(RejectProposal)]].concat(), Stage::Rejected);
    fine(ContractNet, &[ours(Cfp), theirs(Refuse)], Stage::Refused);
    let subscribed = [ours(Subscribe), theirs(Agree), theirs(Inform), theirs(Inform)];
    fine(Protocol::Subscribe, &subscribed, Stage::Informing);
    let ended = [&subscribed[..], &[ours(Cancel), theirs(Inform)]].concat();
    fine(Protocol::Subscribe, &ended, Stage::Cancelled);
    fine(Protocol::Propose, &[ours(Propose), theirs(AcceptProposal)], Stage::Done);
    fine(Protocol::Propose, &[ours(Propose), theirs(RejectProposal)], Stage::Rejected);
}

#[test]
fn what_goes_wrong_is_told_in_a_sentence() {
    let (ours, theirs) = (|act| (Initiator, act), |act| (Participant, act));
    let told: Vec<String> = [
        (Protocol::Request, vec![theirs(Inform)]),
        (Protocol::Query, vec![ours(Request)]),
        (Protocol::Request, vec![ours(Request), ours(Agree)]),
        (Protocol::Request, vec![ours(Request), ours(Request)]),
        (Protocol::Request, vec![ours(Request), theirs(Confirm)]),
        (Protocol::Request, vec![ours(Request), theirs(Inform), theirs(Inform)]),
        (Protocol::Request, vec![ours(Request), theirs(Agree), theirs(Refuse)]),
        (Protocol::Request, vec![ours(Request), theirs(Cancel)]),
        (Protocol::ContractNet, vec![ours(Cfp), ours(AcceptProposal)]),
        (Protocol::ContractNet, vec![ours(Cfp), theirs(Inform)]),
        (Protocol::ContractNet, vec![ours(Cfp), theirs(Propose), theirs(Inform)]),
        (Protocol::Subscribe, vec![ours(Subscribe), ours(Cancel), ours(Cancel)]),
        (Protocol::Propose, vec![ours(Propose), theirs(Agree)]),
        (Protocol::Propose, vec![ours(Propose), theirs(NotUnderstood), ours(NotUnderstood)]),
    ]
    .into_iter()
    .map(|(protocol, words)| talk(protocol, &words).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    `inform` before `request`
    `request` before `query-if` or `query-ref`
    `agree` by the initiator; here only the participant says that
    `request` by the initiator after `request`; there may follow `cancel`
    `confirm` by the participant after `request`; there may follow `agree`, `refuse`, `inform`, `failure` or `not-understood`
    `inform` by the participant after the end (`Done`)
    `refuse` by the participant after `agree`; there may follow `inform`, `failure` or `not-understood`
    `cancel` by the participant; here only the initiator says that
    `accept-proposal` by the initiator after `cfp`; there may follow `cancel`
    `inform` by the participant after `cfp`; there may follow `propose`, `refuse` or `not-understood`
    `inform` by the participant after `propose`; there may follow `not-understood`
    `cancel` by the initiator after `cancel`; there may follow `not-understood`
    `agree` by the participant after `propose`; there may follow `accept-proposal`, `reject-proposal` or `not-understood`
    `not-understood` by the initiator after the end (`NotUnderstood`)
    "#);
}

#[test]
fn a_wrong_word_leaves_the_conversation_where_it_is() {
    let mut dialogue = Dialogue::open(Protocol::Request, Participant);
    assert_eq!(dialogue.role(), Participant);
    dialogue.observe(&act(Request).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    dialogue.observe(&act(Confirm), Participant, at(1)).unwrap_err();
    assert_eq!(dialogue.state(), Stage::Asked);
    assert_eq!(dialogue.deadline(), Some(at(10)));
    dialogue.observe(&act(Agree), Participant, at(2)).unwrap();
    assert_eq!(dialogue.deadline(), None);
}

#[test]
fn a_message_must_say_what_it_does() {
    let mut dialogue = Dialogue::open(Protocol::Request, Initiator);
    let mut message = act(Request);
    message.performative = None;
    assert_eq!(dialogue.observe(&message, Initiator, at(0)), Err(Breach::NoAct));
    message.set(Slot::from("performative"), "x".repeat(1_000));
    let unknown = dialogue.observe(&message, Initiator, at(0)).unwrap_err();
    assert_eq!(unknown, Breach::UnknownAct("x".repeat(40)));
    assert_eq!(dialogue.state(), Stage::Start);
}

#[test]
fn an_answer_after_reply_by_is_told_and_counts() {
    let mut dialogue = Dialogue::open(Protocol::ContractNet, Initiator);
    dialogue.observe(&act(Cfp).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    let late = dialogue.observe(&act(Propose), Participant, at(11)).unwrap_err();
    assert_eq!(late.to_string(), "`propose` by the participant after reply-by");
    assert_eq!(dialogue.state(), Stage::Proposed);
    let mut dialogue = Dialogue::open(Protocol::ContractNet, Initiator);
    dialogue.observe(&act(Cfp).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    dialogue.observe(&act(Propose), Participant, at(10)).unwrap();
}

#[test]
fn no_answer_by_reply_by_is_told_once() {
    let mut dialogue = Dialogue::open(Protocol::ContractNet, Initiator);
    dialogue.observe(&act(Cfp).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    assert_eq!(dialogue.overdue(at(9)), None);
    let breach = dialogue.overdue(at(10)).unwrap();
    assert_eq!(breach.to_string(), "`cfp` by the initiator without reply after reply-by");
    assert_eq!(dialogue.overdue(at(11)), None);
    assert!(!dialogue.is_over());
}

#[test]
fn either_side_may_ask_for_an_answer_in_time_and_the_end_needs_none() {
    let mut dialogue = Dialogue::open(Protocol::ContractNet, Initiator);
    dialogue.observe(&act(Cfp).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    dialogue.observe(&act(Propose).with_reply_by(at(20)), Participant, at(5)).unwrap();
    assert_eq!(dialogue.deadline(), Some(at(20)));
    dialogue.observe(&act(AcceptProposal), Initiator, at(6)).unwrap();
    assert_eq!(dialogue.deadline(), None);
    dialogue.observe(&act(Inform).with_reply_by(at(30)), Participant, at(7)).unwrap();
    assert_eq!((dialogue.deadline(), dialogue.overdue(at(99))), (None, None));
}

#[test]
fn a_message_that_comes_again_says_nothing() {
    let mut request = act(Request);
    request.id = Some("m1".into());
    let mut dialogue = Dialogue::open(Protocol::Request, Participant);
    dialogue.observe(&request, Initiator, at(0)).unwrap();
    dialogue.observe(&request, Initiator, at(1)).unwrap();
    dialogue.observe(&act(Agree), Participant, at(2)).unwrap();
    dialogue.observe(&request, Initiator, at(3)).unwrap();
    assert_eq!(dialogue.state(), Stage::Agreed);
    request.id = Some("m2".into());
    dialogue.observe(&request, Initiator, at(4)).unwrap_err();
}

#[test]
fn a_cancel_does_away_with_what_was_due() {
    let mut dialogue = Dialogue::open(Protocol::Request, Initiator);
    dialogue.observe(&act(Request).with_reply_by(at(10)), Initiator, at(0)).unwrap();
    dialogue.observe(&act(Cancel), Initiator, at(1)).unwrap();
    assert_eq!(dialogue.overdue(at(11)), None);
}

#[test]
fn a_cancel_that_crosses_the_result_is_nobodys_fault() {
    // As the initiator sees it.
    let cancel = act(Cancel).with(Slot::ReplyWith, "c");
    let mut dialogue = Dialogue::open(Protocol::Request, Initiator);
    dialogue.observe(&act(Request), Initiator, at(0)).unwrap();
    dialogue.observe(&cancel, Initiator, at(1)).unwrap();
    dialogue.observe(&act(Agree), Participant, at(2)).unwrap();
    dialogue.observe(&act(Inform), Participant, at(3)).unwrap();
    assert_eq!(dialogue.state(), Stage::CancelledLate);
    let answer = act(Failure).with(Slot::InReplyTo, "c");
    dialogue.observe(&answer, Participant, at(4)).unwrap();
    dialogue.observe(&answer, Participant, at(5)).unwrap_err();
    // As the participant sees it.
    let mut dialogue = Dialogue::open(Protocol::Request, Participant);
    dialogue.observe(&act(Request), Initiator, at(0)).unwrap();
    dialogue.observe(&act(Inform), Participant, at(1)).unwrap();
    dialogue.observe(&cancel, Initiator, at(2)).unwrap();
    dialogue.observe(&answer, Participant, at(3)).unwrap();
    assert_eq!(dialogue.state(), Stage::Failed);
}

#[test]
fn news_that_cross_a_cancel_are_nobodys_fault() {
    let subscribed = || {
        let mut dialogue = Dialogue::open(Protocol::Subscribe, Initiator);
        dialogue.observe(&act(Subscribe), Initiator, at(0)).unwrap();
        dialogue
    };
    let mut dialogue = subscribed();
    dialogue.observe(&act(Cancel).with(Slot::ReplyWith, "c"), Initiator, at(1)).unwrap();
    dialogue.observe(&act(Inform), Participant, at(2)).unwrap();
    dialogue.observe(&act(Inform), Participant, at(2)).unwrap();
    assert_eq!(dialogue.state(), Stage::Cancelling);
    let answer = act(Inform).with(Slot::InReplyTo, "c");
    dialogue.observe(&answer, Participant, at(3)).unwrap();
    assert_eq!(dialogue.state(), Stage::Cancelled);
    dialogue.observe(&act(Inform), Participant, at(4)).unwrap_err();

    let mut dialogue = subscribed();
    dialogue.observe(&act(Cancel), Initiator, at(1)).unwrap();
    for _ in 0..3 {
        dialogue.observe(&act(Inform), Participant, at(2)).unwrap();
    }
    assert_eq!(dialogue.state(), Stage::Cancelled);
}

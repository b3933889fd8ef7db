//! What an agent notices of its conversations.

use std::time::Duration;

use super::*;
use crate::{
    Performative::{
        self, AcceptProposal, Agree, Cfp, Confirm, Inform, NotUnderstood, Propose, Refuse,
        RejectProposal, Request,
    },
    Stage,
};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn ours(act: Performative, to: &str, protocol: &str, id: &str) -> Message {
    let mut message = Message::text(act, to, "").with(Slot::Protocol, protocol).in_conversation(id);
    message.from = Some("me@test/1".into());
    message
}

fn theirs(act: Performative, from: &str, protocol: &str, id: &str) -> Message {
    let mut message = ours(act, "me@test", protocol, id);
    message.from = Some(from.into());
    message
}

const CONTRACT: &str = "fipa-contract-net";
const REQUEST: &str = "fipa-request";

#[test]
fn a_contract_net_with_three_of_whom_one_is_silent() {
    let mut talks = Conversations::default();
    let said = |talks: &mut Conversations, act, to| {
        let message = ours(act, to, CONTRACT, "c1").with_reply_by(at(60));
        assert_eq!(talks.said(&message, at(0)), None);
    };
    for to in ["a@test", "b@test", "c@test"] {
        said(&mut talks, Cfp, to);
    }
    assert_eq!(talks.next_deadline(), Some(at(60)));
    assert_eq!(talks.heard(&theirs(Propose, "a@test/x", CONTRACT, "c1"), at(10)), None);
    assert_eq!(talks.heard(&theirs(Propose, "b@test/y", CONTRACT, "c1"), at(20)), None);
    assert_eq!(talks.overdue(at(59)), []);
    let told = talks.overdue(at(60));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].with, "c@test");
    assert_eq!(told[0].what, "`cfp` by the initiator without reply after reply-by");
    assert_eq!((told[0].at_ms, &*told[0].conversation), (60_000, "c1"));
    assert_eq!((talks.overdue(at(61)), talks.next_deadline()), (vec![], None));
    let answer = |act, to| ours(act, to, CONTRACT, "c1");
    assert_eq!(talks.said(&answer(AcceptProposal, "a@test/x"), at(62)), None);
    assert_eq!(talks.said(&answer(RejectProposal, "b@test"), at(62)), None);
    assert_eq!(talks.heard(&theirs(Inform, "a@test/x", CONTRACT, "c1"), at(70)), None);
    let late = talks.heard(&theirs(Propose, "c@test", CONTRACT, "c1"), at(80)).unwrap();
    assert_eq!(late.what, "heard `propose` by the participant after reply-by");
    let stage = |who: &str| talks.get("c1", &who.into()).map(Dialogue::state);
    assert_eq!(stage("a@test"), Some(Stage::Done));
    assert_eq!(stage("b@test"), Some(Stage::Rejected));
    assert_eq!(stage("c@test"), Some(Stage::Proposed));
    assert_eq!(talks.violated(), 2);
}

#[test]
fn who_plays_which_role_is_known_from_who_opened() {
    let mut talks = Conversations::default();
    assert_eq!(talks.heard(&theirs(Request, "a@test", REQUEST, "c1"), at(0)), None);
    assert_eq!(talks.said(&ours(Agree, "a@test/1", REQUEST, "c1"), at(1)), None);
    let wrong = talks.heard(&theirs(Inform, "a@test", REQUEST, "c1"), at(2)).unwrap();
    assert_eq!(wrong.what, "heard `inform` by the initiator; here only the participant says that");
    assert_eq!((&*wrong.protocol, &*wrong.with), (REQUEST, "a@test"));
}

#[test]
fn a_protocol_without_a_conversation_is_told_once_a_partner() {
    let mut talks = Conversations::default();
    let bare = |from: &str| {
        let mut message = Message::text(Request, "me@test", "").with(Slot::Protocol, REQUEST);
        message.from = Some(from.into());
        message
    };
    let told = talks.heard(&bare("a@test"), at(0)).unwrap();
    assert_eq!(told.what, "heard a message of `fipa-request` without a conversation-id");
    assert_eq!(talks.heard(&bare("a@test/other"), at(1)), None);
    assert!(talks.heard(&bare("b@test"), at(1)).is_some());
    assert!(talks.is_empty());
}

#[test]
fn an_answer_that_nobody_asked_for_is_told_once_a_conversation() {
    let mut talks = Conversations::default();
    let stray = theirs(Confirm, "a@test", REQUEST, "c1");
    let told = talks.heard(&stray, at(0)).unwrap();
    assert_eq!(told.what, "heard `confirm` before `request`");
    assert_eq!(talks.heard(&stray, at(1)), None);
    assert!(talks.heard(&theirs(Confirm, "a@test", REQUEST, "c2"), at(1)).is_some());
}

#[test]
fn an_answer_that_names_no_protocol_belongs_to_its_conversation() {
    let mut talks = Conversations::default();
    talks.said(&ours(Request, "a@test", REQUEST, "c1"), at(0));
    let mut answer = Message::text(NotUnderstood, "me@test", "").in_conversation("c1");
    answer.from = Some("a@test".into());
    let mut chat = answer.clone();
    chat.performative = None;
    assert_eq!(talks.heard(&chat, at(1)), None);
    chat.performative = Some(Confirm);
    assert_eq!(talks.heard(&chat, at(1)), None);
    assert_eq!(talks.heard(&answer, at(1)), None);
    assert!(talks.get("c1", &"a@test".into()).unwrap().is_over());
    let told = talks.heard(&theirs(Propose, "a@test", CONTRACT, "c1"), at(2)).unwrap();
    assert_eq!(
        told.what,
        "heard a message of `fipa-contract-net` in a conversation of `fipa-request`"
    );
}

#[test]
fn what_is_answered_elsewhere_is_not_followed() {
    let mut talks = Conversations::default();
    let asked = theirs(Request, "a@test", REQUEST, "c1").with(Slot::ReplyTo, "c@test/1");
    assert_eq!(talks.heard(&asked, at(0)), None);
    assert_eq!(talks.said(&ours(Agree, "c@test/1", REQUEST, "c1"), at(1)), None);
    assert!(talks.is_empty());
    let asked = theirs(Request, "a@test/1", REQUEST, "c2").with(Slot::ReplyTo, "a@test/2");
    assert_eq!(talks.heard(&asked, at(2)), None);
    assert_eq!(talks.len(), 1);
}

#[test]
fn what_is_of_no_known_protocol_is_nobodys_business() {
    let mut talks = Conversations::default();
    assert_eq!(talks.heard(&theirs(Inform, "a@test", "fipa-auction", "c1"), at(0)), None);
    assert_eq!(talks.heard(&Message::text(Inform, "me@test", ""), at(0)), None);
    let to_whom_ever = ours(Request, "duty:open", REQUEST, "c1");
    assert_eq!(talks.said(&to_whom_ever, at(0)), None);
    let to_itself = ours(Request, "me@test/2", REQUEST, "c1");
    assert_eq!(talks.said(&to_itself, at(0)), None);
    assert_eq!(talks.heard(&to_itself, at(0)), None);
    assert_eq!((talks.len(), talks.violated()), (0, 0));
}

#[test]
fn a_flood_of_conversations_takes_no_more_than_its_share() {
    let mut talks = Conversations::default();
    talks.said(&ours(Request, "a@test", REQUEST, "open"), at(0));
    talks.said(&ours(Request, "a@test", REQUEST, "over"), at(0));
    talks.heard(&theirs(Refuse, "a@test", REQUEST, "over"), at(0));
    let flood = |number: usize| {
        theirs(Request, "b@test", REQUEST, &number.to_string()).with_reply_by(at(9))
    };
    for number in 0..FOLLOWED - 2 {
        let partner = AgentId::from(format!("p{}@test", number % 8).as_str());
        let mut message = flood(number);
        message.from = Some(partner);
        talks.heard(&message, at(1));
    }
    talks.heard(&flood(FOLLOWED), at(1));
    let there = |talks: &Conversations, id: &str| talks.get(id, &"a@test".into()).is_some();
    assert!(!there(&talks, "over"), "what is over goes first");
    assert!(there(&talks, "open"));
    talks.heard(&flood(FOLLOWED + 1), at(1));
    assert!(!there(&talks, "open"), "then the oldest");
    for number in 0..FOLLOWED {
        talks.heard(&flood(number * 7 + 20_000), at(1));
        talks.heard(&theirs(Inform, "c@test", REQUEST, &number.to_string()), at(1));
    }
    assert_eq!((talks.len(), talks.order.len()), (FOLLOWED, FOLLOWED));
    assert_eq!(talks.deadlines.len(), FOLLOWED);
    assert_eq!((talks.known.len(), talks.known_order.len()), (KNOWN, KNOWN));
    assert_eq!(talks.violations().count(), KEPT);
    assert_eq!(talks.violated(), 10_000);
    let share = |jid: &str| talks.shares.get(&AgentId::from(jid)).map_or(0, BTreeSet::len);
    assert_eq!(share("b@test"), SHARE, "a partner has a quarter and no more");
    assert_eq!(
        (1..8).map(|it| share(&format!("p{it}@test"))).sum::<usize>() + share("p0@test"),
        FOLLOWED - SHARE
    );
    assert_eq!(talks.overdue(at(9)).len(), FOLLOWED);
    assert_eq!(talks.next_deadline(), None);
}

#[test]
fn a_conversation_with_a_very_long_id_is_not_followed() {
    let mut talks = Conversations::default();
    let told = talks.heard(&theirs(Request, "a@test", REQUEST, &"x".repeat(257)), at(0)).unwrap();
    assert_eq!(told.what, "heard a conversation-id of 257 bytes; it may have 256");
    assert_eq!(told.conversation, "");
    assert!(talks.is_empty());
}

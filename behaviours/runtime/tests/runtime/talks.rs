use std::{
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use runtime::{
    Agent, AgentHandle, Context, Failure, Hub, LETTER, Message, OneShot, Performative, Slot, Spec,
    Task, Template,
};

use crate::support::agent;

/// Says all of it.
#[derive(Clone)]
struct Say(Vec<Message>);

impl Task for Say {
    const NAME: &'static str = "say";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        for message in self.0.drain(..) {
            drop(ctx.send(message).await);
        }
        Ok(ControlFlow::Break(()))
    }
}

/// Says nothing.
struct Mute;

impl Task for Mute {
    const NAME: &'static str = "mute";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        ctx.sleep(Duration::from_hours(1)).await?;
        Ok(ControlFlow::Break(()))
    }
}

fn join(hub: &Hub, agent: Agent) -> AgentHandle {
    let road = hub.join(agent.door());
    agent.start(road)
}

async fn say(hub: &Hub, jid: &str, messages: Vec<Message>) -> AgentHandle {
    let agent = join(hub, agent(jid, &[]));
    let said = agent.add(Spec::default(), move || OneShot(Say(messages.clone()))).unwrap();
    said.join().await;
    agent
}

fn act(performative: Performative, to: &str) -> Message {
    Message::text(performative, to, "").with(Slot::Protocol, "fipa-request").in_conversation("c1")
}

fn told(agent: &AgentHandle) -> Vec<String> {
    let (total, violations) = agent.door().violations();
    assert_eq!(total, u64::try_from(violations.len()).unwrap());
    let told = violations.iter().map(|it| format!("{} {}: {}", it.at_ms, it.with, it.what));
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn who_speaks_out_of_turn_is_noticed_by_both_sides() {
    let hub = Hub::default();
    let hearing = join(&hub, agent("b@test", &[]));
    let saying = say(&hub, "a@test", vec![act(Performative::Agree, "b@test")]).await;
    assert_eq!(told(&saying), ["0 b@test: said `agree` before `request`"]);
    assert_eq!(told(&hearing), ["0 a@test: heard `agree` before `request`"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_noticed_when_its_time_is_up() {
    let hub = Hub::default();
    let mut silent = agent("b@test", &[]);
    let spec = Spec { template: Template::Any, ..Spec::default() };
    silent.add(spec, || OneShot(Mute));
    let silent = join(&hub, silent);
    let until = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let later = act(Performative::Request, "b@test").with_reply_by(until(200));
    let sooner = act(Performative::Request, "b@test").in_conversation("c2").with_reply_by(until(5));
    let asking = say(&hub, "a@test", vec![later, sooner]).await;
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(told(&asking), [""; 0]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = "5000 b@test: `request` by the initiator without reply after reply-by";
    assert_eq!(told(&asking), [first]);
    assert_eq!(told(&silent).len(), 1);
    tokio::time::sleep(Duration::from_mins(4)).await;
    let last = "200000 b@test: `request` by the initiator without reply after reply-by";
    assert_eq!(told(&asking), [first, last]);
    asking.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_hold_up_who_leaves() {
    let hub = Hub::default();
    let _silent = join(&hub, agent("b@test", &[]));
    let until = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
    let asked = act(Performative::Request, "b@test").with_reply_by(until);
    let asking = say(&hub, "a@test", vec![asked]).await;
    asking.finished().await;
    asking.shutdown().await;
    assert!(tokio::time::Instant::now().elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_named_for_the_answer_is_not_pestered_by_not_understood() {
    let hub = Hub::default();
    let _puzzled = join(&hub, agent("b@test", &[]));
    let bystander = join(&hub, agent("c@test", &[]));
    let asked = act(Performative::Request, "b@test").with(Slot::ReplyTo, "c@test");
    let asking = say(&hub, "a@test", vec![asked]).await;
    assert_eq!(bystander.door().unwanted(), 0);
    assert_eq!(asking.door().unwanted(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_opens_nothing() {
    let hub = Hub::default();
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    let asked = act(Performative::Request, "nobody@test").with_reply_by(until);
    let asking = say(&hub, "a@test", vec![asked.clone(), asked]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(told(&asking), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_sent_again_says_nothing_new() {
    let hub = Hub::default();
    let hearing = join(&hub, agent("b@test", &[]));
    let letter = act(Performative::Request, "b@test").with(LETTER, "l1");
    let saying = say(&hub, "a@test", vec![letter.clone(), letter]).await;
    // Nobody wants it: that is said once, and then again, since it came again.
    assert_eq!(told(&saying).len(), 1);
    assert!(told(&hearing).iter().all(|it| it.contains("`not-understood`")));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_violations_is_counted_and_the_last_are_kept() {
    let hub = Hub::default();
    let hearing = join(&hub, agent("b@test", &[]));
    let stray =
        |number: u32| act(Performative::Agree, "b@test").in_conversation(number.to_string());
    let _saying = say(&hub, "a@test", (0..500).map(stray).collect()).await;
    let (total, kept) = hearing.door().violations();
    assert_eq!((total, kept.len()), (500, 100));
    assert_eq!(kept.last().unwrap().conversation, "499");
}

//! Letters: posted, delivered, dealt with, each once, whatever dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use behaviours::{courier, postbox};
use runtime::{
    Agent, AgentHandle, Behaviour, Context, Failure, Hub, MemoryStore, Message, Performative, Spec,
    Template, states,
};
use tokio::{sync::watch, time::Instant};

use crate::support::{Strait, agent, holds, keys, soon, store};

states! {
    /// Where somebody is who writes letters.
    enum Writing {
        /// Writes them.
        Writing => [Done],
        /// Has written them.
        Done => [],
    }
}

/// Posts the numbers from `0` on.
struct Writer(&'static str, usize);

impl Behaviour for Writer {
    type State = Writing;
    const NAME: &'static str = "writer";

    async fn step(&mut self, _: Writing, ctx: &mut Context) -> Result<Writing, Failure> {
        for number in 0..self.1 {
            let letter = Message::text(Performative::Inform, self.0, number.to_string());
            ctx.post(letter).await?;
        }
        Ok(Writing::Done)
    }
}

states! {
    /// Where somebody is who reads letters.
    enum Reading {
        /// Reads one after the other.
        Reading => [Reading],
    }
}

/// Reads letters; fails at those whose turn it is to fail.
#[derive(Clone, Default)]
struct Reader {
    read: watch::Sender<Vec<String>>,
    fail_at: Option<usize>,
    count: Arc<AtomicUsize>,
}

impl Behaviour for Reader {
    type State = Reading;
    const NAME: &'static str = "reader";

    async fn step(&mut self, _: Reading, ctx: &mut Context) -> Result<Reading, Failure> {
        let letter = ctx.receive().await?;
        if Some(self.count.fetch_add(1, Ordering::SeqCst)) == self.fail_at {
            return Err(std::io::Error::other("cannot read this one").into());
        }
        self.read.send_modify(|it| it.push(letter.body.to_string()));
        Ok(Reading::Reading)
    }
}

impl Reader {
    /// Waits until it has read so many letters, and says which.
    async fn reads(&self, count: usize) -> Vec<usize> {
        let mut read = self.read.subscribe();
        let read = soon(read.wait_for(|it| it.len() >= count)).await.unwrap().clone();
        let mut numbers: Vec<usize> = read.iter().map(|it| it.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn with_post(jid: &str, duties: &[&str], store: &Arc<MemoryStore>) -> Agent {
    let mut agent = agent(jid, duties, store);
    let spec = Spec { template: courier::template(), ..Spec::default() };
    agent.add(spec, courier::Courier::default);
    agent.add(postbox::spec(), postbox::Postbox::default);
    agent
}

fn sender(store: &Arc<MemoryStore>, to: &'static str, count: usize) -> Agent {
    let mut agent = with_post("sender@test", &[], store);
    agent.add(Spec::default(), move || Writer(to, count));
    agent
}

fn receiver(hub: &Hub, jid: &str, store: &Arc<MemoryStore>, reader: &Reader) -> AgentHandle {
    let mut agent = with_post(jid, &["read"], store);
    let reader = reader.clone();
    let template = Template::from(Performative::Inform);
    let spec = Spec { template, ..Spec::default() };
    agent.add(spec, move || reader.clone());
    let road = hub.join(agent.door());
    agent.start(road)
}

fn start(hub: &Hub, agent: Agent) -> AgentHandle {
    let road = hub.join(agent.door());
    agent.start(road)
}

#[tokio::test(start_paused = true)]
async fn letters_wait_for_their_receiver_for_days_and_over_restarts() {
    let (hub, ours, theirs, reader) = (Hub::default(), store(), store(), Reader::default());
    let first = start(&hub, sender(&ours, "reader@test", 100));
    holds(&ours, "post", 100).await;
    tokio::time::sleep(Duration::from_hours(48)).await;
    first.shutdown().await;
    // The same state on disk, and nothing new to say.
    let _second = start(&hub, with_post("sender@test", &[], &ours));
    tokio::time::sleep(Duration::from_hours(48)).await;
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    assert_eq!(reader.reads(100).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_is_sent_again_and_read_once() {
    let (hub, ours, theirs, reader) = (Hub::default(), store(), store(), Reader::default());
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    let agent = sender(&ours, "reader@test", 50);
    let road = Strait::new(&hub, &agent, 20, usize::MAX);
    let _sender = agent.start(road);
    assert_eq!(reader.reads(50).await, (0..50).collect::<Vec<_>>());
    holds(&ours, "post", 0).await;
}

#[tokio::test(start_paused = true)]
async fn confirmations_that_are_lost_make_nobody_read_twice() {
    let (hub, ours, theirs, reader) = (Hub::default(), store(), store(), Reader::default());
    let mut agent = with_post("reader@test", &["read"], &theirs);
    let copy = reader.clone();
    let spec = Spec { template: Template::from(Performative::Inform), ..Spec::default() };
    agent.add(spec, move || copy.clone());
    let road = Strait::new(&hub, &agent, 3, usize::MAX);
    let _receiver = agent.start(Arc::<Strait>::clone(&road));
    let _sender = start(&hub, sender(&ours, "reader@test", 40));
    assert_eq!(reader.reads(40).await, (0..40).collect::<Vec<_>>());
    holds(&ours, "post", 0).await;
    assert!(road.sent() > 3);
    assert_eq!(reader.reads(40).await.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_was_not_dealt_with_comes_again_after_a_failure() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let reader = Reader { fail_at: Some(2), ..Reader::default() };
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    let _sender = start(&hub, sender(&ours, "reader@test", 5));
    assert_eq!(reader.reads(5).await, [0, 1, 2, 3, 4]);
    assert_eq!(reader.count.load(Ordering::SeqCst), 6);
}

#[tokio::test(start_paused = true)]
async fn letters_that_were_not_dealt_with_come_again_after_a_restart() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let stuck = Reader { fail_at: Some(0), ..Reader::default() };
    let mut agent = with_post("reader@test", &["read"], &theirs);
    let copy = stuck.clone();
    let supervision = runtime::Restart::Never.into();
    let template = Template::from(Performative::Inform);
    agent.add(Spec { template, supervision, ..Spec::default() }, move || copy.clone());
    let broken = start(&hub, agent);
    let _sender = start(&hub, sender(&ours, "reader@test", 1));
    soon(broken.behaviours()[2].join()).await;
    broken.shutdown().await;
    let reader = Reader::default();
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    assert_eq!(reader.reads(1).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_to_a_duty_goes_to_another_when_the_chosen_one_says_nothing() {
    let (hub, ours, theirs, reader) = (Hub::default(), store(), store(), Reader::default());
    // Does the duty, and keeps nothing.
    let deaf = agent("deaf@test", &["read"], &store());
    let deaf = start(&hub, deaf);
    let _sender = start(&hub, sender(&ours, "duty:read", 10));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    let came = Instant::now();
    assert_eq!(reader.reads(10).await, (0..10).collect::<Vec<_>>());
    assert!(came.elapsed() < Duration::from_secs(5), "{:?}", came.elapsed());
    deaf.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_confirms_nothing_and_loses_nothing() {
    let (hub, ours, reader) = (Hub::default(), store(), Reader::default());
    let theirs = Arc::new(MemoryStore::new(7));
    let _receiver = receiver(&hub, "reader@test", &theirs, &reader);
    let _sender = start(&hub, sender(&ours, "reader@test", 20));
    assert_eq!(reader.reads(20).await, (0..20).collect::<Vec<_>>());
    assert!(keys(&theirs, "inbox").len() <= 7);
}

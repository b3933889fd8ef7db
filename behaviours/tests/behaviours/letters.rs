//! Letters: posted, delivered, dealt with, each once, whatever dies.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use behaviours::{courier, machine, postbox};
use bytes::Bytes;
use runtime::{
    Agent, AgentHandle, Behaviour, Change, Context, Failure, Hub, Kept, MemoryStore, Message,
    Performative, Spec, Store, StoreError, StoreFuture, Template, states,
};
use tokio::{sync::watch, time::Instant};

use crate::support::{Strait, agent, holds, keys, settings, soon, store};

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

/// A disk that fails once, at the first commit after it was told to.
#[derive(Debug, Default)]
struct Shaky {
    disk: MemoryStore,
    fails: AtomicUsize,
    /// Commits that keep a result and let no letter go.
    apart: AtomicUsize,
}

impl Store for Shaky {
    fn commit(&self, changes: Vec<Change>) -> StoreFuture<'_, ()> {
        if self.fails.swap(0, Ordering::SeqCst) > 0 {
            let error = std::io::Error::other("the disk is shaky");
            return Box::pin(std::future::ready(Err(StoreError::Medium(Arc::new(error)))));
        }
        let keeps = |it: &Change| matches!(it, Change::Push { queue: "outbox", .. });
        let lets_go = |it: &Change| matches!(it, Change::Remove { queue: "inbox", .. });
        if changes.iter().any(keeps) && !changes.iter().any(lets_go) {
            self.apart.fetch_add(1, Ordering::SeqCst);
        }
        self.disk.commit(changes)
    }

    fn read(
        &self,
        queue: &str,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        self.disk.read(queue, after, limit, bytes)
    }

    fn count(&self, queue: &str) -> Result<u64, StoreError> {
        self.disk.count(queue)
    }

    fn has(&self, queue: &str, key: &str) -> Result<bool, StoreError> {
        self.disk.has(queue, key)
    }

    fn note(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.disk.note(key)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.disk.watch()
    }
}

#[tokio::test(start_paused = true)]
async fn a_postbox_that_starts_again_hands_nothing_over_twice() {
    let (hub, ours, reader) = (Hub::default(), store(), Reader::default());
    let theirs = Arc::new(Shaky::default());
    let disk: Arc<dyn Store> = Arc::<Shaky>::clone(&theirs);
    let mut agent = Agent::new("reader@test".into(), types::Announcement::default(), disk);
    let postbox = agent.add(postbox::spec(), postbox::Postbox::default);
    let copy = reader.clone();
    let spec = Spec { template: Template::from(Performative::Inform), ..Spec::default() };
    let handle = agent.add(spec, move || copy.clone());
    // They are handed over and not read.
    handle.pause();
    let _receiver = start(&hub, agent);
    let first = start(&hub, sender(&ours, "reader@test", 10));
    holds(&theirs.disk, "inbox", 10).await;
    first.shutdown().await;
    theirs.fails.store(1, Ordering::SeqCst);
    let _sender = start(&hub, sender(&ours, "reader@test", 1));
    holds(&theirs.disk, "inbox", 11).await;
    assert_eq!(postbox.report().restarts, 1);
    handle.resume();
    assert_eq!(reader.reads(11).await, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(reader.reads(11).await.len(), 11);
    assert_eq!(keys(&theirs.disk, "inbox"), [""; 0]);
}

/// Killed in between, it would deal with the letter twice.
#[tokio::test(start_paused = true)]
async fn what_a_machine_makes_of_a_letter_and_the_end_of_the_letter_are_one_commit() {
    let (hub, ours, theirs) = (Hub::default(), store(), Arc::new(Shaky::default()));
    let disk: Arc<dyn Store> = Arc::<Shaky>::clone(&theirs);
    let mut agent = Agent::new("reader@test".into(), types::Announcement::default(), disk);
    agent.add(postbox::spec(), postbox::Postbox::default);
    let text = "[machine.state.reading]\n\
                on = [{ message = 'performative=inform', do = [{ keep = \"read\", text = \"{body}\" }] }]";
    let read: machine::Settings =
        settings(machine::SETTINGS, machine::Settings::read, text, Path::new(""));
    let (spec, diagram) = (read.spec(), read.diagram());
    let made = move || machine::Automaton::from(read.clone());
    agent.add_machine(spec, "machine", diagram, made).unwrap();
    let _receiver = start(&hub, agent);
    let _sender = start(&hub, sender(&ours, "reader@test", 10));
    holds(&theirs.disk, "outbox", 10).await;
    assert_eq!(keys(&theirs.disk, "inbox"), [""; 0]);
    assert_eq!(theirs.apart.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn more_letters_than_are_in_hand_are_read_once_and_in_order() {
    let (hub, ours, theirs, reader) = (Hub::default(), store(), store(), Reader::default());
    let receiver = receiver(&hub, "reader@test", &theirs, &reader);
    let behaviours = receiver.behaviours();
    behaviours[2].pause();
    let _sender = start(&hub, sender(&ours, "reader@test", 3000));
    holds(&theirs, "inbox", 3000).await;
    behaviours[2].resume();
    reader.reads(3000).await;
    holds(&theirs, "inbox", 0).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let read: Vec<usize> = reader.read.borrow().iter().map(|it| it.parse().unwrap()).collect();
    assert_eq!(read, (0..3000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn somebody_who_is_paused_holds_up_nobody_else_and_misses_nothing() {
    let (hub, ours, theirs) = (Hub::default(), store(), store());
    let (reader, other) = (Reader::default(), Reader::default());
    let mut agent = with_post("reader@test", &["read"], &theirs);
    let copies = [reader.clone(), other.clone()];
    let [paused, _] = copies.map(|copy| {
        let template = Template::from(Performative::Inform);
        agent.add(Spec { template, mailbox: 8, ..Spec::default() }, move || copy.clone())
    });
    paused.pause();
    let _receiver = start(&hub, agent);
    let _sender = start(&hub, sender(&ours, "reader@test", 100));
    assert_eq!(other.reads(100).await.len(), 100);
    assert!(reader.read.borrow().is_empty());
    assert_eq!(keys(&theirs, "inbox").len(), 100, "one of two has not read them");
    paused.resume();
    assert_eq!(reader.reads(100).await, (0..100).collect::<Vec<_>>());
    holds(&theirs, "inbox", 0).await;
    assert_eq!(other.reads(100).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_is_handed_over_all_the_same() {
    let (hub, ours, reader) = (Hub::default(), store(), Reader::default());
    let theirs = Arc::new(MemoryStore::new(20));
    let mut agent = with_post("reader@test", &["read"], &theirs);
    let copy = reader.clone();
    let template = Template::from(Performative::Inform);
    let handle = agent.add(Spec { template, mailbox: 4, ..Spec::default() }, move || copy.clone());
    handle.pause();
    let _receiver = start(&hub, agent);
    let _sender = start(&hub, sender(&ours, "reader@test", 60));
    tokio::time::sleep(Duration::from_mins(1)).await;
    handle.resume();
    assert_eq!(reader.reads(60).await, (0..60).collect::<Vec<_>>());
}

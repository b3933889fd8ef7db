//! Agents, stores and roads for the tests.

use std::{
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use runtime::{
    Agent, Behaviour, Change, Clock, Context, Failure, Fields, Hub, MemoryStore, Message, Road,
    SendError, Sending, Setting, Spec, Store, Template, states,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use types::Announcement;
use uuid::Uuid;

/// Longer than anything takes; with a paused clock it costs nothing.
const NEVER: Duration = Duration::from_secs(50);

pub(crate) fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::default())
}

pub(crate) fn agent(jid: &str, duties: &[&str], store: &Arc<MemoryStore>) -> Agent {
    let duties = duties.iter().map(|it| (*it).to_owned()).collect();
    let announcement = Announcement { role: "test".to_owned(), duties, ..Announcement::default() };
    let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(store);
    Agent::new(jid.into(), announcement, store).with_clock(Clock::starting(SystemTime::UNIX_EPOCH))
}

type Read<S> = fn(&mut Fields<'_>) -> Option<S>;

fn read_settings<S>(
    known: &[Setting],
    read: Read<S>,
    text: &str,
    folder: &Path,
) -> (Option<S>, String) {
    let table = text.parse().expect("the test writes TOML");
    let mut problems = Vec::new();
    let settings = read(&mut Fields::new("", table, known, &mut problems).in_folder(folder));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (settings, told.join("\n"))
}

/// Settings that are in order.
pub(crate) fn settings<S>(known: &[Setting], read: Read<S>, text: &str, folder: &Path) -> S {
    let (settings, told) = read_settings(known, read, text, folder);
    assert_eq!(told, "");
    settings.expect("nothing is wrong with them")
}

/// What is told of settings.
pub(crate) fn told<S>(known: &[Setting], read: Read<S>, text: &str) -> String {
    read_settings(known, read, text, Path::new("")).1
}

pub(crate) fn item(source: &str) -> Value {
    json!({
        "version": "1",
        "format": "raw",
        "meta": { "uuid": Uuid::new_v4(), "ts": 1, "type": "check", "source": source },
        "payload": { "raw": "b2s=", "verdict": "pass" },
    })
}

pub(crate) fn uuid(item: &Value) -> String {
    item.pointer("/meta/uuid").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Puts parcels into a queue.
pub(crate) async fn push(store: &MemoryStore, queue: &'static str, parcels: &[(String, Value)]) {
    let change = |(key, parcel): &(String, Value)| Change::Push {
        queue,
        key: key.clone(),
        value: parcel.to_string().into(),
    };
    store.commit(parcels.iter().map(change).collect()).await.unwrap();
}

pub(crate) async fn push_items(store: &MemoryStore, queue: &'static str, items: &[Value]) {
    let parcels: Vec<_> = items.iter().map(|it| (uuid(it), json!({ "item": it }))).collect();
    push(store, queue, &parcels).await;
}

/// What stands in a queue, by key.
pub(crate) fn entries(store: &MemoryStore, queue: &str) -> Vec<(String, Value)> {
    let kept = store.read(queue, 0, usize::MAX, usize::MAX).unwrap();
    kept.into_iter()
        .map(|it| (it.key, serde_json::from_slice(&it.value).unwrap_or_default()))
        .collect()
}

pub(crate) fn keys(store: &MemoryStore, queue: &str) -> Vec<String> {
    entries(store, queue).into_iter().map(|it| it.0).collect()
}

/// Forgets everything in a queue.
pub(crate) async fn clear(store: &MemoryStore, queue: &'static str) {
    let kept = store.read(queue, 0, usize::MAX, usize::MAX).unwrap();
    let drop = |it: runtime::Kept| Change::Drop { queue, number: it.number };
    store.commit(kept.into_iter().map(drop).collect()).await.unwrap();
}

/// Waits until a queue holds so many entries.
pub(crate) async fn holds(store: &MemoryStore, queue: &str, count: usize) {
    let mut changes = store.watch();
    let waiting = async {
        while entries(store, queue).len() != count {
            changes.changed().await.unwrap();
        }
    };
    let waited = tokio::time::timeout(NEVER, waiting).await;
    assert!(waited.is_ok(), "`{queue}` holds {} entries", entries(store, queue).len());
}

/// Waits for something that must come.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(NEVER, future).await.expect("it takes too long")
}

states! {
    /// States of [`Ear`].
    pub(crate) enum Hearing {
        /// Hands on what it hears.
        Listening => [Listening],
    }
}

/// Hands on what it hears.
pub(crate) struct Ear(mpsc::Sender<Arc<Message>>);

impl Behaviour for Ear {
    type State = Hearing;
    const NAME: &'static str = "ear";

    async fn step(&mut self, _: Hearing, ctx: &mut Context) -> Result<Hearing, Failure> {
        let message = ctx.receive().await?;
        self.0.send(message).await?;
        Ok(Hearing::Listening)
    }
}

/// Has an agent listen to everything.
pub(crate) fn listen(agent: &mut Agent) -> mpsc::Receiver<Arc<Message>> {
    let (sender, heard) = mpsc::channel(10_000);
    let spec = Spec { template: Template::Any, mailbox: 10_000, ..Spec::default() };
    agent.add(spec, move || Ear(sender.clone()));
    heard
}

/// A road that loses the first messages, and carries none that is too large.
#[derive(Debug)]
pub(crate) struct Strait {
    road: Arc<dyn Road>,
    pub(crate) sent: AtomicUsize,
    lose: usize,
    limit: usize,
}

impl Strait {
    pub(crate) fn new(hub: &Hub, agent: &Agent, lose: usize, limit: usize) -> Arc<Self> {
        let road = hub.join(agent.door());
        Arc::new(Self { road, sent: AtomicUsize::new(0), lose, limit })
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Road for Strait {
    fn send(&self, message: Message) -> Sending {
        let size = message.body.len();
        if size > self.limit {
            return Sending::Done(Err(SendError::TooLarge { size, limit: self.limit }));
        }
        if self.sent.fetch_add(1, Ordering::SeqCst) < self.lose {
            return Sending::Done(Ok(()));
        }
        self.road.send(message)
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.road.close()
    }
}

/// A collector that believes the probe of the tests to be the registrar.
pub(crate) fn collector() -> behaviours::collect::Collect {
    let registrar = "probe@test".into();
    behaviours::collect::Settings { registrar }.into()
}

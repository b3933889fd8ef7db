//! What a behaviour may do while it runs.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;
use types::{Announcement, BehaviourReport, Violation};

use crate::{
    Address, AgentId, Behaviour, Change, Clock, Delivery, Desk, Directory, Errand, EvidenceKey,
    Failure, Handle, INBOX, Interrupted, LETTER, Message, Mood, POST, Round, SendError, Sending,
    Spec, Store, StoreError, Template, TooMany, crew::Crew, handed::Handing, handle::Nudge,
    machine::Machine, mailbox::Mailbox, shown::Gate, talks,
};

/// A behaviour's view of its agent.
#[derive(Debug)]
pub struct Context {
    pub(crate) crew: Arc<Crew>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) mailbox: Mailbox,
    pub(crate) stop: CancellationToken,
    pub(crate) gate: Arc<Gate>,
    pub(crate) nudge: Arc<Nudge>,
    /// How many changes of its agent it has seen.
    pub(crate) changes: u64,
    pub(crate) due_ms: Option<i64>,
    pub(crate) redrawn: bool,
    /// What the end of this step shows as the last error; empty: none.
    pub(crate) shown_error: Option<String>,
    /// Letters that were taken and are not dealt with yet.
    pub(crate) taken: Vec<Arc<Message>>,
    /// Letters that everybody has dealt with, and that are on disk still, by key.
    pub(crate) dealt_with: Vec<Arc<str>>,
}

impl Context {
    /// The agent this runs on.
    pub fn me(&self) -> &AgentId {
        self.crew.door.me()
    }

    /// The name of this behaviour in its agent.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the agent says of itself.
    pub fn announcement(&self) -> &Announcement {
        self.crew.door.announcement()
    }

    /// How many messages no behaviour wanted.
    pub fn unwanted(&self) -> u64 {
        self.crew.door.unwanted()
    }

    /// How often somebody, this agent included, went against a protocol, and the last 100 times,
    /// the oldest first.
    pub fn violations(&self) -> (u64, Vec<Violation>) {
        self.crew.door.violations()
    }

    /// Who else is there.
    pub fn directory(&self) -> &Directory {
        self.crew.door.directory()
    }

    /// Where people call commands.
    pub fn desk(&self) -> &Desk {
        self.crew.door.desk()
    }

    /// What must survive a restart.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.crew.store
    }

    /// The time of day.
    pub fn clock(&self) -> Clock {
        self.crew.clock
    }

    /// The key that the agent signs its evidence with, if it has one.
    pub fn evidence_key(&self) -> Option<&dyn EvidenceKey> {
        self.crew.evidence_key.as_deref()
    }

    /// Waits for the turn to write results down. They are a chain: between reading where it ends
    /// and the commit that goes on with it, no other behaviour of the agent writes any.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.crew.turn).lock_owned().await
    }

    /// Whether others can be reached; wakes when that changes.
    pub fn online(&self) -> watch::Receiver<bool> {
        self.crew.door.watch_online()
    }

    /// How the agent is seen by others; wakes when that changes.
    pub fn mood(&self) -> watch::Receiver<Mood> {
        self.crew.door.mood()
    }

    /// Changes how the agent is seen by others.
    pub fn set_mood(&self, change: impl FnOnce(&mut Mood)) {
        self.crew.door.set_mood(change);
    }

    /// Who asks to see this agent's presence and waits for a person's yes or no.
    pub fn requests(&self) -> Vec<AgentId> {
        self.crew.door.requests()
    }

    /// Wakes when somebody new asks to see this agent's presence.
    pub fn watch_requests(&self) -> watch::Receiver<u64> {
        self.crew.door.watch_requests()
    }

    /// Wakes when the road refused something; what, [`violations`](Self::violations) tell.
    pub fn watch_complaints(&self) -> watch::Receiver<u64> {
        self.crew.door.watch_complaints()
    }

    /// Has the road do something else than carrying a message.
    pub async fn run(&self, errand: Errand) -> Result<(), SendError> {
        done(self.crew.door.run(errand)).await
    }

    /// Waits for the next message that the behaviour wants. While it is paused it takes none.
    ///
    /// A letter counts as dealt with when the behaviour asks for the next message, or reaches its
    /// end. Until then it is kept: when the behaviour fails it gets it again, and when the program
    /// ends it is handed over again at the next start.
    pub async fn receive(&mut self) -> Result<Arc<Message>, Interrupted> {
        self.settle().await;
        let Self { mailbox, stop, gate, .. } = self;
        let next = async {
            gate.passed().await;
            mailbox.next().await
        };
        let message = stop.run_until_cancelled(next).await.ok_or(Interrupted)?;
        self.note_taken(&message);
        Ok(message)
    }

    /// The next message if there is one already.
    pub fn try_receive(&mut self) -> Option<Arc<Message>> {
        let message = if self.gate.is_closed() { None } else { self.mailbox.take() }?;
        self.note_taken(&message);
        Some(message)
    }

    fn note_taken(&mut self, message: &Arc<Message>) {
        if message.kept_as.is_some() {
            self.taken.push(Arc::clone(message));
        }
    }

    /// Writes to disk what came of the letters that were taken so far, and takes them from it with
    /// the same commit: they are dealt with once, whatever is killed when. Where another behaviour
    /// still has such a letter, it stays until that one has dealt with it too.
    pub async fn commit(&mut self, mut changes: Vec<Change>) -> Result<(), StoreError> {
        let taken = self.taken.iter().filter_map(|it| it.kept_as.clone());
        let last: Vec<Arc<str>> = taken.filter(|it| self.crew.handed.is_last(it)).collect();
        let gone = |key: &Arc<str>| Change::Remove { queue: INBOX, key: key.to_string() };
        changes.extend(last.iter().map(gone));
        self.store().commit(changes).await?;
        for letter in std::mem::take(&mut self.taken) {
            self.is_done_with(&letter, true);
        }
        self.dealt_with.retain(|it| !last.contains(it));
        for key in &last {
            self.crew.handed.forget(key);
        }
        Ok(())
    }

    /// The letters that were taken so far are dealt with.
    pub(crate) async fn settle(&mut self) {
        for letter in std::mem::take(&mut self.taken) {
            self.is_done_with(&letter, true);
        }
        self.tidy_up().await;
    }

    /// The letters that wait for this behaviour, which is over, are for the others alone.
    pub(crate) async fn leave_letters(&mut self) {
        while let Some(message) = self.mailbox.take() {
            self.is_done_with(&message, false);
        }
        self.tidy_up().await;
    }

    fn is_done_with(&mut self, letter: &Message, is_read: bool) {
        let key = letter.kept_as.as_ref();
        self.dealt_with.extend(key.filter(|it| self.crew.handed.done(it, is_read)).cloned());
    }

    /// Takes from disk what everybody has dealt with. Where this is dropped before it is done,
    /// the next time does it.
    async fn tidy_up(&mut self) {
        if self.dealt_with.is_empty() {
            return;
        }
        self.take_from_disk(&self.dealt_with).await;
        self.dealt_with.clear();
    }

    async fn take_from_disk(&self, keys: &[Arc<str>]) {
        let changes = keys.iter().map(|it| Change::Remove { queue: INBOX, key: it.to_string() });
        if let Err(error) = self.store().commit(changes.collect()).await {
            tracing::warn!(%error, "letters that were dealt with will come again");
        }
        for key in keys {
            self.crew.handed.forget(key);
        }
    }

    /// Has a message delivered, however long that takes: it is on disk once this is answered, is
    /// sent again and again until the receiver has it on its disk too, and reaches it once. Where
    /// it is addressed to a duty, whoever does it by then gets it. It may come after one that was
    /// posted later. When the queue is full this is an error, and nothing is kept.
    ///
    /// What is returned is the id of the letter.
    pub async fn post(&self, mut message: Message) -> Result<String, Failure> {
        let id = uuid::Uuid::new_v4().to_string();
        message.from = Some(self.me().clone());
        message.set(LETTER, id.as_str());
        let value = serde_json::to_vec(&message)?.into();
        let change = Change::Push { queue: POST, key: id.clone(), value };
        self.store().commit(vec![change]).await?;
        Ok(id)
    }

    /// Hands a letter that is kept in the [`INBOX`] as `key` to the behaviours that want it. Each
    /// gets it once: it is `Full` until all of them have it, and leaves the inbox when all of
    /// them have dealt with it. Letters that were handed over before are passed over.
    pub async fn hand_over(
        &self,
        mut message: Message,
        key: &str,
        round: &mut Round,
    ) -> Result<Delivery, StoreError> {
        let handed = &self.crew.handed;
        if !handed.knows(key) && !self.store().has(INBOX, key)? {
            return Ok(Delivery::Taken(0));
        }
        let key = Arc::<str>::from(key);
        message.kept_as = Some(Arc::clone(&key));
        Ok(match self.crew.door.hand_over(message, &key, handed, round) {
            Handing::Waits => Delivery::Full,
            Handing::Unwanted => Delivery::Unwanted,
            Handing::Complete { is_dealt_with } => {
                if is_dealt_with {
                    self.take_from_disk(&[key]).await;
                }
                Delivery::Taken(0)
            }
        })
    }

    /// Like [`receive`](Self::receive), but gives up after `limit`.
    pub async fn receive_within(
        &mut self,
        limit: Duration,
    ) -> Result<Option<Arc<Message>>, Interrupted> {
        match tokio::time::timeout(limit, self.receive()).await {
            Ok(message) => message.map(Some),
            Err(_elapsed) => Ok(None),
        }
    }

    /// Who an address means now: a duty is turned into whoever does it.
    pub fn resolve(&self, address: &Address) -> Result<AgentId, SendError> {
        match address {
            Address::Agent(agent) => Ok(agent.clone()),
            Address::Duty(duty) => {
                let agent = self.directory().pick(duty, self.me());
                agent.ok_or_else(|| SendError::NobodyFor(duty.clone()))
            }
        }
    }

    /// Sends a message; waits while the road is busy. A duty is turned into whoever does it; what an
    /// agent says to itself takes no road.
    pub async fn send(&self, mut message: Message) -> Result<(), SendError> {
        message.from = Some(self.me().clone());
        let to = self.resolve(&message.to)?;
        message.to = to.clone().into();
        if to.bare() == self.me().bare() {
            return match self.crew.door.deliver(message) {
                Delivery::Full => Err(SendError::Full(to)),
                Delivery::Taken(_) | Delivery::Unwanted => Ok(()),
            };
        }
        let Some(road) = self.crew.road.get() else { return Err(SendError::Closed) };
        let door = &self.crew.door;
        door.said(&message);
        let conversation = talks::conversation(&message);
        let sent = done(road.send(message)).await;
        if let (Err(_), Some((id, partner))) = (&sent, conversation) {
            door.talks().unsaid(&id, &partner);
        }
        sent
    }

    /// Adds a behaviour to the running agent; `factory` makes it, and makes it again after a
    /// failure. It is stopped when the agent is, but not when the one that added it is.
    pub fn spawn<B: Behaviour>(
        &self,
        spec: Spec,
        factory: impl FnMut() -> B + Send + 'static,
    ) -> Result<Handle, TooMany> {
        self.crew.add(spec, &self.crew.stop, factory)
    }

    /// Adds a behaviour that is stopped when this one is.
    pub fn spawn_part<B: Behaviour>(
        &self,
        spec: Spec,
        factory: impl FnMut() -> B + Send + 'static,
    ) -> Result<Handle, TooMany> {
        self.crew.add(spec, &self.stop, factory)
    }

    /// Adds a machine that is stopped when this behaviour is; `run` is what it is called where
    /// behaviours are listed, `sample` is one like those that `factory` makes.
    pub fn spawn_machine<M: Machine>(
        &self,
        spec: Spec,
        run: &str,
        sample: &M,
        factory: impl FnMut() -> M + Send + 'static,
    ) -> Result<Handle, TooMany> {
        self.crew.add_machine(spec, run, sample.diagram(), &self.stop, factory)
    }

    /// Keeps what this behaviour must know after a restart of the program; it lasts once this is
    /// answered. The one before is forgotten.
    pub async fn remember<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        self.store().commit(vec![self.reminder(value)?]).await?;
        Ok(())
    }

    /// The change that [`remember`](Self::remember) makes, to be made together with others.
    pub fn reminder<T: Serialize>(&self, value: &T) -> Result<Change, serde_json::Error> {
        Ok(Change::Put { key: self.note(), value: serde_json::to_vec(value)?.into() })
    }

    /// What this behaviour kept last, before or after a restart. What cannot be read any more is
    /// told in the log and counts as nothing.
    pub fn recall<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Some(note) = self.store().note(&self.note())? else { return Ok(None) };
        match serde_json::from_slice(&note) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                tracing::warn!(%error, "what was kept before cannot be read; it starts anew");
                Ok(None)
            }
        }
    }

    fn note(&self) -> String {
        format!("behaviour {}", self.name)
    }

    /// Waits until somebody has this behaviour do at once what it would do at its time.
    pub async fn nudged(&self) {
        self.nudge.heed().await;
    }

    /// Keeps in mind what can be said of a result, for who asks why it is as it is. The last
    /// 1,000 of an agent are remembered, until the program ends.
    pub fn explain(&self, result: impl Into<String>, why: impl Into<String>) {
        self.crew.recent.note(result.into(), why.into());
    }

    /// What can be said of a result of this agent, if it is remembered.
    pub fn explanation(&self, result: &str) -> Option<String> {
        self.crew.recent.find(result)
    }

    /// Says by when this behaviour is to have made its next result, in milliseconds since
    /// 1970 UTC: one that is overdue is shown.
    pub fn due_by(&mut self, due_ms: Option<i64>) {
        self.due_ms = due_ms;
    }

    /// Changes which messages this behaviour wants from now on. Those that wait stay. Who was added
    /// with [`Template::None`] gets none, whatever it wants later.
    pub fn want(&self, template: Template) {
        self.crew.door.change(self.mailbox.slit().wanting(template));
    }

    /// Counts a message that was taken as dropped, since there was no use for it.
    pub fn count_dropped(&self) {
        self.mailbox.slit().count_dropped();
    }

    /// Waits while this behaviour is paused.
    pub async fn unpaused(&self) -> Result<(), Interrupted> {
        self.until_stopped(self.gate.passed()).await
    }

    /// Has the end of this step show an error though the behaviour goes on; an empty one has it
    /// show none any more.
    pub fn show_error(&mut self, error: impl Into<String>) {
        self.shown_error = Some(error.into());
    }

    /// Says that the machine's states and moves are others from this step on.
    pub fn redraw(&mut self) {
        self.redrawn = true;
    }

    pub(crate) fn is_redrawn(&mut self) -> bool {
        std::mem::take(&mut self.redrawn)
    }

    /// Where every behaviour of this agent is now.
    pub fn siblings(&self) -> Vec<BehaviourReport> {
        self.handles().iter().map(Handle::report).collect()
    }

    /// The handles of every behaviour of this agent.
    pub fn handles(&self) -> Arc<[Handle]> {
        self.crew.handles()
    }

    /// Waits until some behaviour of this agent moved since the last call.
    pub async fn changed(&mut self) -> Result<(), Interrupted> {
        let seen = self.changes;
        let changed = self.crew.changes.after(seen);
        self.changes = self.stop.run_until_cancelled(changed).await.ok_or(Interrupted)?;
        Ok(())
    }

    /// Sleeps, unless the agent shuts down first.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        self.until_stopped(tokio::time::sleep(duration)).await
    }

    /// Runs `future`, unless the agent shuts down first.
    pub async fn until_stopped<F: Future>(&self, future: F) -> Result<F::Output, Interrupted> {
        self.stop.run_until_cancelled(future).await.ok_or(Interrupted)
    }

    /// Whether the agent is shutting down.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }
}

async fn done(sending: Sending) -> Result<(), SendError> {
    match sending {
        Sending::Done(result) => result,
        Sending::Later(result) => result.await,
    }
}

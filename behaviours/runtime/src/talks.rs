//! An agent listens to itself: what it hears and says is followed by protocol, and what goes
//! against one is told in the log and kept to be looked at.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{runtime::Handle, sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;
use types::Violation;

use crate::{Address, AgentId, Clock, Conversations, LETTER, Message, Slot};

/// How long to sleep at most before the time of day is looked up again: it can be set.
const NAP: Duration = Duration::from_mins(1);
/// Violations that are told in the log within [`PERIOD`]; further ones are only counted and kept.
const TOLD: u32 = 32;
const PERIOD: Duration = Duration::from_secs(1);
/// Letters that are remembered as followed; the oldest are forgotten first.
const LETTERS: usize = 4_096;

/// The conversations of one agent while they go on.
#[derive(Debug)]
pub(crate) struct Talks {
    me: AgentId,
    state: Mutex<State>,
    /// There is an earlier deadline than the one that is waited for.
    sooner: Notify,
    started: OnceLock<Started>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Started {
    clock: Clock,
    stop: CancellationToken,
    runtime: Handle,
}

#[derive(Debug)]
struct State {
    conversations: Conversations,
    /// The deadline that is waited for, while one is.
    awaited: Option<SystemTime>,
    told: (Instant, u32),
    letters: HashSet<Letter>,
    letters_order: VecDeque<Letter>,
}

/// A letter and who sent it.
type Letter = (Option<AgentId>, Arc<str>);

impl Talks {
    pub(crate) fn new(me: AgentId) -> Arc<Self> {
        let state = State {
            conversations: Conversations::default(),
            awaited: None,
            told: (Instant::now(), 0),
            letters: HashSet::new(),
            letters_order: VecDeque::new(),
        };
        Arc::new(Self {
            me,
            state: Mutex::new(state),
            sooner: Notify::new(),
            started: OnceLock::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// From now on deadlines are waited for, until `stop`.
    pub(crate) fn start(self: &Arc<Self>, clock: Clock, stop: CancellationToken) {
        let Ok(runtime) = Handle::try_current() else { return };
        // An agent starts once.
        drop(self.started.set(Started { clock, stop, runtime }));
        self.keep_time(&mut self.lock());
    }

    /// Waits until nothing of this runs any more.
    pub(crate) async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Follows a message that came in.
    pub(crate) fn heard(self: &Arc<Self>, message: &Message) {
        if is_of_a_conversation(message) {
            self.follow(message, Conversations::heard);
        }
    }

    /// Follows a message that goes out: its sender is filled in and it is known to whom it goes.
    pub(crate) fn said(self: &Arc<Self>, message: &Message) {
        if is_of_a_conversation(message) {
            self.follow(message, Conversations::said);
        }
    }

    /// A message that was followed did not go out after all.
    pub(crate) fn unsaid(&self, id: &str, partner: &AgentId) {
        self.lock().conversations.unsaid(id, partner);
    }

    /// How many violations there were, and the last of them, the oldest first.
    pub(crate) fn violations(&self) -> (u64, Vec<Violation>) {
        let state = self.lock();
        let kept = state.conversations.violations().cloned().collect();
        (state.conversations.violated(), kept)
    }

    fn follow(
        self: &Arc<Self>,
        message: &Message,
        follow: fn(&mut Conversations, &Message, SystemTime) -> Option<Violation>,
    ) {
        let now = self.now();
        let mut state = self.lock();
        if !state.is_first(message) {
            return;
        }
        if let Some(violation) = follow(&mut state.conversations, message, now) {
            self.tell(&mut state, &violation);
        }
        self.keep_time(&mut state);
    }

    /// Has somebody wait for the next deadline, if there is one.
    fn keep_time(self: &Arc<Self>, state: &mut State) {
        let Some(next) = state.conversations.next_deadline() else { return };
        match (state.awaited, self.started.get()) {
            (Some(awaited), _) if next < awaited => self.sooner.notify_one(),
            (Some(_), _) | (None, None) => {}
            (None, Some(started)) => {
                state.awaited = Some(next);
                let (talks, stop) = (Arc::clone(self), started.stop.clone());
                let waits = async move { stop.run_until_cancelled(talks.wait()).await };
                self.tasks.spawn_on(waits, &started.runtime);
            }
        }
    }

    /// Waits for deadlines as long as there are any.
    async fn wait(&self) {
        while let Some(left) = self.look() {
            tokio::select! {
                () = self.sooner.notified() => {}
                () = tokio::time::sleep(left.min(NAP)) => {}
            }
        }
    }

    /// Tells what is overdue; how long it is until something else may be.
    fn look(&self) -> Option<Duration> {
        let now = self.now();
        let mut state = self.lock();
        for violation in state.conversations.overdue(now) {
            self.tell(&mut state, &violation);
        }
        state.awaited = state.conversations.next_deadline();
        state.awaited.map(|it| it.duration_since(now).unwrap_or_default())
    }

    /// Notes one that was found elsewhere; it is told as the others are, so that nobody can fill
    /// the log with them.
    pub(crate) fn note(&self, violation: Violation) {
        let mut state = self.lock();
        self.tell(&mut state, &violation);
        state.conversations.note(violation);
    }

    fn tell(&self, state: &mut State, violation: &Violation) {
        let now = Instant::now();
        if now.duration_since(state.told.0) >= PERIOD {
            state.told = (now, 0);
        }
        state.told.1 += 1;
        if state.told.1 > TOLD {
            return;
        }
        let Violation { protocol, conversation, with, what, .. } = violation;
        warn!(
            agent.jid = %self.me,
            violation.protocol = protocol,
            violation.conversation = conversation,
            violation.with = with,
            "`{protocol}` with `{with}` was violated: {what}",
        );
    }

    fn now(&self) -> SystemTime {
        self.started.get().map(|it| it.clock).unwrap_or_default().now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A letter is sent until it is confirmed, and handed over again after a restart; what it
    /// says was said once.
    fn is_first(&mut self, message: &Message) -> bool {
        let Some(letter) = message.slot(&LETTER) else { return true };
        let letter: Letter = (message.from.as_ref().map(AgentId::to_bare), letter.into());
        if !self.letters.insert(letter.clone()) {
            return false;
        }
        self.letters_order.push_back(letter);
        if self.letters_order.len() > LETTERS
            && let Some(oldest) = self.letters_order.pop_front()
        {
            self.letters.remove(&oldest);
        }
        true
    }
}

fn is_of_a_conversation(message: &Message) -> bool {
    message.slots().any(|(slot, _)| matches!(slot, Slot::Protocol | Slot::ConversationId))
}

/// What names a conversation that a message we say opens or goes on with.
pub(crate) fn conversation(message: &Message) -> Option<(Arc<str>, AgentId)> {
    match &message.to {
        Address::Agent(to) => message.thread().map(|id| (id.into(), to.to_bare())),
        Address::Duty(_) => None,
    }
}

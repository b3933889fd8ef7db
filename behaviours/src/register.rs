//! Keeps the directory: tells who asks who does what, and has every coming and going kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use runtime::{
    AgentId, Behaviour, Change, Context, Directory, Failure, Fields, Message, Performative,
    Setting, Slot, StoreError, Template, states,
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};
use types::{Content, Presence, Roll, RollCall, Show};

use crate::{
    patience::until,
    queue::{self, OUTBOX, Parcel},
    report::presence_key,
};

mod flapping;

use flapping::Flapping;

/// How long members have to show up after a start before they count as gone.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when there is no room for news.
const NO_ROOM: Duration = Duration::from_secs(1);
/// News that wait for room, at most; then the oldest are let go.
const UNKEPT: usize = 10_000;
/// Who may ask to be kept informed, at most.
const SUBSCRIBERS: usize = 100_000;

/// The note of everybody who ever came.
const KNOWN: &str = "known members";

/// What can be set.
pub const SETTINGS: &[Setting] = &[Setting {
    key: "members",
    about: "who belongs here, by JID",
    example: "members = [\"probe1@vedette.local\"]",
    required: false,
}];

/// Who belongs here.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    members: Vec<String>,
}

impl Settings {
    /// Reads who belongs here.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let members = fields.take("members", "a list of JIDs").unwrap_or_default();
        Some(Self { members })
    }
}

/// Which messages it wants: questions who is there.
pub fn template() -> Template {
    Template::ontology(RollCall::ONTOLOGY)
}

states! {
    /// Where a registrar is.
    pub enum State {
        /// Takes note of itself and who is there already.
        Starting => [Noting],
        /// Waits for questions, and for somebody to come or go.
        Watching => [Answering, Noting, Calling],
        /// Answers a question.
        Answering => [Watching],
        /// Has a coming or going kept, and tells who wanted to know.
        Noting => [Watching],
        /// Counts as gone who did not show up after the start.
        Calling => [Watching],
    }
}

/// A registrar at work.
#[derive(Debug)]
pub struct Register {
    settings: Settings,
    moves: Option<broadcast::Receiver<Presence>>,
    /// Who wants to hear news, which, and an answer to be filled in with them.
    subscribers: BTreeMap<AgentId, (RollCall, Message)>,
    question: Option<std::sync::Arc<Message>>,
    news: Vec<Presence>,
    /// Everybody who ever came, so that who does not come back counts as gone.
    known: BTreeSet<String>,
    /// What there was no room for in the outbox yet.
    unkept: VecDeque<Presence>,
    /// When to look for room again.
    retry: Option<Instant>,
    /// When the members are called, once.
    call: Option<Instant>,
    flapping: Flapping,
}

impl From<Settings> for Register {
    fn from(settings: Settings) -> Self {
        Self {
            settings,
            moves: None,
            subscribers: BTreeMap::new(),
            question: None,
            news: Vec::new(),
            known: BTreeSet::new(),
            unkept: VecDeque::new(),
            retry: None,
            call: None,
            flapping: Flapping::default(),
        }
    }
}

impl Behaviour for Register {
    type State = State;
    const NAME: &'static str = "register";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        match state {
            State::Starting => {
                self.known = self.settings.members.iter().cloned().collect();
                if let Some(note) = ctx.store().note(KNOWN)? {
                    self.known.extend(serde_json::from_slice::<Vec<String>>(&note)?);
                }
                let me = presence(ctx, ctx.me().bare(), Show::Available);
                ctx.directory().note(me);
                self.moves = Some(ctx.directory().moves());
                self.news = ctx.directory().members();
                self.call = Some(Instant::now() + GRACE);
                Ok(State::Noting)
            }
            State::Watching => self.watch(ctx).await,
            State::Answering => {
                if let Some(question) = self.question.take() {
                    self.answer(ctx, &question).await?;
                }
                Ok(State::Watching)
            }
            State::Noting => {
                let mut news = std::mem::take(&mut self.news);
                for presence in &mut news {
                    if self.flapping.judge(presence) {
                        self.unkept.push_back(presence.clone());
                    }
                }
                self.keep(ctx).await?;
                self.tell(ctx, &news).await?;
                Ok(State::Watching)
            }
            State::Calling => {
                self.call = None;
                self.count_as_gone(ctx);
                Ok(State::Watching)
            }
        }
    }
}

impl Register {
    async fn watch(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let Some(moves) = &mut self.moves else { return Err(Failure::Interrupted) };
        let (calling, retrying) = (until(self.call), until(self.retry));
        let stillness = until(self.flapping.calm());
        tokio::select! {
            question = ctx.receive() => {
                self.question = Some(question?);
                Ok(State::Answering)
            }
            news = moves.recv() => {
                self.news = match news {
                    Ok(presence) => vec![presence],
                    // Too much at once: what everybody is now says it all.
                    Err(RecvError::Lagged(_)) => ctx.directory().members(),
                    Err(RecvError::Closed) => return Err(Failure::Interrupted),
                };
                while self.news.len() < 1000 && let Ok(presence) = moves.try_recv() {
                    self.news.push(presence);
                }
                Ok(State::Noting)
            }
            () = retrying => Ok(State::Noting),
            () = stillness => {
                let calmed = self.flapping.calmed().into_iter();
                let members = calmed.filter_map(|jid| ctx.directory().get(&jid.as_str().into()));
                self.news = members.collect();
                Ok(State::Noting)
            }
            () = calling => Ok(State::Calling),
        }
    }

    async fn answer(&mut self, ctx: &Context, question: &Message) -> Result<(), Failure> {
        let Some(from) = question.from.clone() else { return Ok(()) };
        match question.performative {
            None
            | Some(
                Performative::QueryRef
                | Performative::QueryIf
                | Performative::Request
                | Performative::Subscribe,
            ) => {}
            Some(Performative::Cancel) => return self.let_go(ctx, question, &from).await,
            // What another registrar tells is no question.
            Some(_) => return Ok(()),
        }
        let Ok(call) = question.read::<RollCall>() else { return Ok(()) };
        let subscribes = question.performative == Some(Performative::Subscribe);
        let account = from.to_bare();
        let has_room =
            self.subscribers.len() < SUBSCRIBERS || self.subscribers.contains_key(&account);
        if subscribes && !has_room {
            let refusal = question.reply(Performative::Refuse, "too many are kept informed");
            return self.answer_with(ctx, refusal).await;
        }
        let mut members = ctx.directory().find(&call);
        for member in &mut members {
            member.flapping = self.flapping.is_flapping(&member.jid);
        }
        if subscribes {
            let answer = question.reply(Performative::Inform, "");
            let answer = answer.map(|it| it.with(Slot::Ontology, Presence::ONTOLOGY));
            self.subscribers.extend(answer.map(|it| (account, (call.clone(), it))));
        }
        let answer = question.reply_with(Performative::Inform, &Roll { members })?;
        self.answer_with(ctx, answer).await
    }

    /// Tells somebody no news any more, as it wishes.
    async fn let_go(
        &mut self,
        ctx: &Context,
        cancel: &Message,
        from: &AgentId,
    ) -> Result<(), Failure> {
        let account = from.to_bare();
        let is_this = self
            .subscribers
            .get(&account)
            .is_some_and(|(_, answer)| answer.thread() == cancel.thread());
        let (act, what) = if is_this {
            self.subscribers.remove(&account);
            (Performative::Inform, "cancelled")
        } else {
            (Performative::Failure, "there is no such subscription")
        };
        // It is no roll.
        let answer = cancel.reply(act, what).map(|it| it.without(&Slot::Ontology));
        self.answer_with(ctx, answer).await
    }

    async fn answer_with(&self, ctx: &Context, answer: Option<Message>) -> Result<(), Failure> {
        match answer {
            Some(answer) => self.send(ctx, answer).await,
            None => Ok(()),
        }
    }

    /// Has the news kept. While there is no room for them they wait, and questions are answered.
    async fn keep(&mut self, ctx: &Context) -> Result<(), Failure> {
        self.retry = None;
        let surplus = self.unkept.len().saturating_sub(UNKEPT);
        if surplus > 0 {
            tracing::warn!(surplus, "no room for who came and went; the oldest news are let go");
            self.unkept.drain(..surplus);
        }
        let changes: Result<Vec<Change>, _> = self
            .unkept
            .iter()
            .map(|it| queue::push(OUTBOX, presence_key(it), &Parcel::Presence(it.clone())))
            .collect();
        let mut changes = changes?;
        let before = self.known.len();
        self.known.extend(self.unkept.iter().map(|it| it.jid.clone()));
        if self.known.len() > before {
            let value = serde_json::to_vec(&self.known)?.into();
            changes.push(Change::Put { key: KNOWN.to_owned(), value });
        }
        match ctx.store().commit(changes).await {
            Err(StoreError::Full { .. }) => self.retry = Some(Instant::now() + NO_ROOM),
            kept => {
                kept?;
                self.unkept.clear();
            }
        }
        Ok(())
    }

    async fn tell(&mut self, ctx: &Context, news: &[Presence]) -> Result<(), Failure> {
        for presence in news {
            let account = AgentId::from(presence.jid.as_str());
            if presence.show == Show::Unavailable {
                self.subscribers.remove(&account);
            }
            for (subscriber, (call, answer)) in &self.subscribers {
                if *subscriber != account && Directory::answers(presence, call) {
                    let mut inform = answer.clone();
                    inform.to = subscriber.clone().into();
                    inform.body = serde_json::to_string(presence)?.into();
                    self.send(ctx, inform).await?;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, ctx: &Context, message: Message) -> Result<(), Failure> {
        // Who misses it asks again when it comes back.
        if let Err(error) = ctx.until_stopped(ctx.send(message)).await? {
            tracing::debug!(%error, "a word on who is there could not be sent");
        }
        Ok(())
    }

    fn count_as_gone(&self, ctx: &Context) {
        let directory: &Directory = ctx.directory();
        for member in &self.known {
            if directory.get(&member.as_str().into()).is_none() {
                directory.note(presence(ctx, member, Show::Unavailable));
            }
        }
    }
}

/// What is noted of somebody on our own word.
fn presence(ctx: &Context, jid: &str, show: Show) -> Presence {
    let me = ctx.me().bare() == jid;
    let announcement = if me { ctx.announcement().clone() } else { types::Announcement::default() };
    let since_ms = ctx.clock().now_ms();
    Presence {
        jid: jid.to_owned(),
        show,
        priority: 1,
        since_ms,
        announcement,
        ..Presence::default()
    }
}

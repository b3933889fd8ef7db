//! Serves conversations that others open: what every participant does the same way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::mpsc, time::Instant};

use super::{Answer, Bid, News, Participant, Word as Verdict, say, until};
use crate::{
    AgentId, Behaviour, Context, Dialogue, Failure, Handle, Interrupted, Message, OneShot,
    Performative, Protocol, Restart, Role, Slot, Spec, Stage, Task, Template, states,
};

/// Conversations at once; a further one is refused.
const AT_ONCE: usize = 256;
/// Words of those at work that wait to be said.
const WORDS: usize = 256;
/// How long work may take before `agree` says that it is on its way.
const SOON: Duration = Duration::from_secs(1);
/// How long a proposal holds.
const HOLDS: Duration = Duration::from_mins(5);

states! {
    /// Where somebody who serves is.
    pub enum Serving {
        /// Waits for somebody to ask, and for work to be done.
        Listening => [Listening],
    }
}

/// Serves the conversations of a [`Participant`], each in a behaviour of its own.
///
/// Where work takes longer than a second, `agree` is said first, and a refusal after that is a
/// `failure`. Where a reply is due by some time and work is not done by then, nothing is said:
/// whoever asked has given up. A `cancel` ends the work. 256 conversations are served at once,
/// and a proposal holds for 5 minutes.
#[derive(Debug)]
pub struct Serve<P> {
    participant: P,
    talks: BTreeMap<u64, Talk>,
    by_id: HashMap<(AgentId, Arc<str>), u64>,
    opened: u64,
    words: mpsc::Sender<(u64, Word)>,
    inbox: mpsc::Receiver<(u64, Word)>,
}

/// What whoever is at work has to say.
#[derive(Debug)]
pub(super) enum Word {
    News(Arc<str>),
    Last(Performative, Arc<str>),
}

/// One conversation.
#[derive(Debug)]
struct Talk {
    key: (AgentId, Arc<str>),
    opening: Arc<Message>,
    dialogue: Dialogue,
    work: Option<Handle>,
    /// When `agree` is said.
    agree: Option<Instant>,
    /// When it is over anyway.
    end: Option<Instant>,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.work.iter().for_each(Handle::kill);
    }
}

impl<P: Participant> Serve<P> {
    /// Serves for `participant`.
    pub fn new(participant: P) -> Self {
        let (words, inbox) = mpsc::channel(WORDS);
        Self { participant, talks: BTreeMap::new(), by_id: HashMap::new(), opened: 0, words, inbox }
    }

    /// How it is run: which messages it wants, and how many may wait.
    pub fn spec() -> Spec {
        let protocols = P::PROTOCOLS.iter().map(|it| Template::protocol(it.name())).collect();
        let mut acts: Vec<Performative> =
            P::PROTOCOLS.iter().flat_map(|it| it.openings()).copied().collect();
        acts.extend([
            Performative::Cancel,
            Performative::AcceptProposal,
            Performative::RejectProposal,
            Performative::NotUnderstood,
        ]);
        let acts = acts.into_iter().map(Template::from).collect();
        let all = vec![Template::Either(protocols), Template::Either(acts), P::template()];
        Spec { template: Template::All(all), ..Spec::default() }
    }

    async fn hear(&mut self, ctx: &Context, message: Arc<Message>) {
        let (Some(from), Some(protocol)) = (&message.from, protocol(&message)) else { return };
        let Some(id) = message.thread() else {
            let why = "a conversation-id is missing";
            return answer(ctx, &message, Performative::NotUnderstood, why.into()).await;
        };
        let key = (from.to_bare(), Arc::<str>::from(id));
        let Some(number) = self.by_id.get(&key).copied() else {
            let opens = message.performative.is_some_and(|it| protocol.openings().contains(&it));
            if opens {
                self.open(ctx, protocol, key, message).await;
            } else if message.performative == Some(Performative::AcceptProposal) {
                let why = "there is no such proposal, or it does not hold any more";
                answer(ctx, &message, Performative::NotUnderstood, why.into()).await;
            }
            return;
        };
        self.go_on(ctx, number, message).await;
    }

    async fn open(
        &mut self,
        ctx: &Context,
        protocol: Protocol,
        key: (AgentId, Arc<str>),
        message: Arc<Message>,
    ) {
        let mut dialogue = Dialogue::open(protocol, Role::Participant);
        if dialogue.observe(&message, Role::Initiator, ctx.clock().now()).is_err() {
            return;
        }
        self.opened += 1;
        let number = self.opened;
        let work = self.work(number, protocol, &message, None);
        let work = if self.talks.len() < AT_ONCE { Self::spawn(ctx, work).ok() } else { None };
        let Some(work) = work else {
            let act = match protocol {
                Protocol::Propose => Performative::RejectProposal,
                Protocol::Request
                | Protocol::Query
                | Protocol::ContractNet
                | Protocol::Subscribe => Performative::Refuse,
            };
            return answer(ctx, &message, act, "too much is asked here at once".into()).await;
        };
        let now = Instant::now();
        let agrees = protocol.next(Stage::Asked, Performative::Agree, Role::Participant).is_some();
        let left = message.reply_by().map(|it| it.duration_since(ctx.clock().now()));
        let end = left.and_then(|it| now.checked_add(it.unwrap_or_default()));
        let talk = Talk {
            key: key.clone(),
            opening: message,
            dialogue,
            work: Some(work),
            agree: agrees.then(|| now + SOON),
            end,
        };
        self.talks.insert(number, talk);
        self.by_id.insert(key, number);
    }

    async fn go_on(&mut self, ctx: &Context, number: u64, message: Arc<Message>) {
        let Some(talk) = self.talks.get_mut(&number) else { return };
        let observed = talk.dialogue.observe(&message, Role::Initiator, ctx.clock().now());
        let repeats = observed.is_ok() && message.performative == talk.opening.performative;
        if observed.is_err() || repeats {
            // It is told where violations are.
            return;
        }
        match talk.dialogue.state() {
            Stage::Cancelling => {
                self.close(number);
                answer(ctx, &message, Performative::Inform, "cancelled".into()).await;
            }
            Stage::Accepted => {
                talk.end = None;
                let opening = Arc::clone(&talk.opening);
                let work = self.work(number, Protocol::ContractNet, &opening, Some(message));
                let spawned = Self::spawn(ctx, work);
                let Some(talk) = self.talks.get_mut(&number) else { return };
                match spawned {
                    Ok(work) => talk.work = Some(work),
                    Err(error) => {
                        self.close(number);
                        let why = error.to_string().into();
                        answer(ctx, &opening, Performative::Failure, why).await;
                    }
                }
            }
            stage if stage.is_over() => self.close(number),
            _ => {}
        }
    }

    fn work(
        &self,
        number: u64,
        protocol: Protocol,
        opening: &Arc<Message>,
        accept: Option<Arc<Message>>,
    ) -> Work<P> {
        let news = News { number, words: self.words.clone() };
        let participant = self.participant.clone();
        Work { participant, protocol, opening: Arc::clone(opening), accept, news }
    }

    fn spawn(ctx: &Context, work: Work<P>) -> Result<Handle, crate::TooMany> {
        let spec = Spec {
            name: format!("{}/work", ctx.name()),
            supervision: Restart::Never.into(),
            ..Spec::default()
        };
        let work = Mutex::new(Some(work));
        // It is made once: it is not started again.
        ctx.spawn_part(spec, move || {
            OneShot(Once(work.lock().unwrap_or_else(PoisonError::into_inner).take()))
        })
    }

    /// Says what somebody at work has to say.
    async fn speak(&mut self, ctx: &Context, number: u64, word: Word) {
        let Some(talk) = self.talks.get_mut(&number) else { return };
        let has_agreed = talk.dialogue.state() == Stage::Agreed;
        let is_subscription = talk.dialogue.protocol() == Protocol::Subscribe;
        let words = match word {
            Word::News(what) => vec![(Performative::Inform, what)],
            // Whoever agreed cannot refuse any more.
            Word::Last(Performative::Refuse, why)
                if has_agreed || talk.dialogue.state() == Stage::Informing =>
            {
                vec![(Performative::Failure, why)]
            }
            Word::Last(Performative::Inform, what) if is_subscription => {
                let over = "there are no more news".into();
                vec![(Performative::Inform, what), (Performative::Failure, over)]
            }
            Word::Last(act, what) => vec![(act, what)],
        };
        let opening = Arc::clone(&talk.opening);
        for (act, what) in words {
            self.say(ctx, number, &opening, act, what).await;
        }
    }

    async fn say(
        &mut self,
        ctx: &Context,
        number: u64,
        opening: &Message,
        act: Performative,
        what: Arc<str>,
    ) {
        let Some(talk) = self.talks.get_mut(&number) else { return };
        let Some(message) = opening.reply(act, what) else { return };
        // What would be wrong here is not said.
        if let Err(breach) = talk.dialogue.observe(&message, Role::Participant, ctx.clock().now()) {
            tracing::debug!(%breach, "this is not said");
            return;
        }
        (talk.agree, talk.end) = (None, None);
        match talk.dialogue.state() {
            Stage::Proposed => talk.end = Some(Instant::now() + HOLDS),
            stage if stage.is_over() => self.close(number),
            _ => {}
        }
        say(ctx, message).await;
    }

    /// Agrees where work takes long, and ends what is too late.
    async fn look_at_the_time(&mut self, ctx: &Context) {
        let now = Instant::now();
        let due = |time: Option<Instant>| time.is_some_and(|it| it <= now);
        let late: Vec<u64> =
            self.talks.iter().filter(|(_, it)| due(it.end)).map(|(number, _)| *number).collect();
        for number in late {
            self.close(number);
        }
        let long = self.talks.iter().filter(|(_, it)| due(it.agree));
        let long: Vec<_> = long.map(|(number, it)| (*number, Arc::clone(&it.opening))).collect();
        for (number, opening) in long {
            self.say(ctx, number, &opening, Performative::Agree, "".into()).await;
        }
    }

    fn close(&mut self, number: u64) {
        if let Some(talk) = self.talks.remove(&number) {
            self.by_id.remove(&talk.key);
        }
    }
}

impl<P: Participant> Behaviour for Serve<P> {
    type State = Serving;
    const NAME: &'static str = P::NAME;

    async fn step(&mut self, _: Serving, ctx: &mut Context) -> Result<Serving, Failure> {
        let times = self.talks.values().flat_map(|it| [it.agree, it.end]).flatten();
        let next = times.min();
        tokio::select! {
            message = ctx.receive() => {
                let message = message?;
                self.hear(ctx, message).await;
            }
            Some((number, word)) = self.inbox.recv() => self.speak(ctx, number, word).await,
            () = until(next) => self.look_at_the_time(ctx).await,
        }
        Ok(Serving::Listening)
    }

    /// Tells everybody who waits for something that nothing comes of it.
    async fn stopped(&mut self, ctx: &mut Context) {
        while let Ok((number, word)) = self.inbox.try_recv() {
            self.speak(ctx, number, word).await;
        }
        let words = self.talks.values().filter_map(|talk| {
            let (protocol, stage) = (talk.dialogue.protocol(), talk.dialogue.state());
            let ends = [Performative::Failure, Performative::Refuse, Performative::RejectProposal];
            let may = |it: &Performative| protocol.next(stage, *it, Role::Participant).is_some();
            talk.opening.reply(ends.into_iter().find(may)?, "whoever was asked is being stopped")
        });
        join_all(words.map(|it| say(ctx, it))).await;
    }
}

/// The work of one conversation.
#[derive(Debug)]
struct Work<P> {
    participant: P,
    protocol: Protocol,
    opening: Arc<Message>,
    accept: Option<Arc<Message>>,
    news: News,
}

impl<P: Participant> Work<P> {
    async fn answer(&mut self, ctx: &mut Context) -> (Performative, Arc<str>) {
        let Self { participant, opening, .. } = self;
        match (self.protocol, &self.accept) {
            (Protocol::Request, _) => word(participant.requested(ctx, opening).await),
            (Protocol::Query, _) => word(participant.queried(ctx, opening).await),
            (Protocol::Subscribe, _) => {
                word(participant.subscribed(ctx, opening, &self.news).await)
            }
            (Protocol::ContractNet, Some(accept)) => {
                word(participant.accepted(ctx, opening, accept).await)
            }
            (Protocol::ContractNet, None) => match participant.called(ctx, opening).await {
                Bid::Propose(what) => (Performative::Propose, what),
                Bid::Refuse(why) => (Performative::Refuse, why),
                Bid::NotUnderstood(why) => (Performative::NotUnderstood, why),
            },
            (Protocol::Propose, _) => match participant.offered(ctx, opening).await {
                Verdict::Accept(what) => (Performative::AcceptProposal, what),
                Verdict::Reject(why) => (Performative::RejectProposal, why),
            },
        }
    }
}

/// Work that is done once; none when it was done before.
#[derive(Debug)]
struct Once<P>(Option<Work<P>>);

/// Says that it failed where work ends without a word.
struct LastWord(Option<News>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(News { number, words }) = self.0.take() {
            let why = "something went wrong here".into();
            // Where too many words wait, whoever asked hears nothing in time.
            drop(words.try_send((number, Word::Last(Performative::Failure, why))));
        }
    }
}

impl<P: Participant> Task for Once<P> {
    const NAME: &'static str = P::NAME;

    async fn run(&mut self, ctx: &mut Context) -> Result<std::ops::ControlFlow<()>, Failure> {
        let Some(mut work) = self.0.take() else { return Err(Interrupted.into()) };
        let News { number, words } = work.news.clone();
        let mut last = LastWord(Some(work.news.clone()));
        let (act, what) = work.answer(ctx).await;
        last.0 = None;
        drop(words.send((number, Word::Last(act, what))).await);
        Ok(std::ops::ControlFlow::Break(()))
    }
}

fn word(answer: Answer) -> (Performative, Arc<str>) {
    match answer {
        Answer::Done(what) => (Performative::Inform, what),
        Answer::Refuse(why) => (Performative::Refuse, why),
        Answer::Failure(why) => (Performative::Failure, why),
        Answer::NotUnderstood(why) => (Performative::NotUnderstood, why),
    }
}

fn protocol(message: &Message) -> Option<Protocol> {
    message.slot(&Slot::Protocol)?.parse().ok()
}

async fn answer(ctx: &Context, to: &Message, act: Performative, what: Arc<str>) {
    if let Some(message) = to.reply(act, what) {
        say(ctx, message).await;
    }
}

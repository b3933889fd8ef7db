//! Keeps an agent's list of members up to date: what the registry signed, and nothing else.

use std::{sync::Arc, time::Duration};

use runtime::{
    AgentId, Behaviour, Context, Failure, Heard, Message, Performative, Slot, Spec, Template,
    Trust, states,
};
use tokio::{sync::watch, time::Instant};
use types::{ListQuestion, ListUpdate};

use crate::patience::until;

/// How often the registrar is asked though nothing was told, so that nobody can keep news away
/// unnoticed, and how soon again when it does not answer.
const OFTEN: Duration = Duration::from_mins(30);
/// The least time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Whom it asks, and what keeps the list.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who tells of the list.
    pub registrar: AgentId,
    /// What keeps it.
    pub trust: Arc<dyn Trust>,
}

/// How it is run.
pub fn spec() -> Spec {
    let is_news = Template::Performative(Performative::Inform);
    let is_list = Template::ontology(<ListUpdate as types::Content>::ONTOLOGY);
    Spec { template: Template::All(vec![is_list, is_news]), mailbox: 1024, ..Spec::default() }
}

states! {
    /// Where it is.
    pub enum State {
        /// Asks the registrar what changed.
        Asking => [Listening],
        /// Waits for news of the list, or for a time to ask.
        Listening => [Judging, Asking],
        /// Takes a part of a newer list in, if the registry signed it.
        Judging => [Listening, Asking],
    }
}

/// What keeps the list up to date.
#[derive(Debug)]
pub struct KeepTrust {
    settings: Settings,
    online: Option<watch::Receiver<bool>>,
    news: Option<Arc<Message>>,
    /// When to ask again.
    ask_at: Option<Instant>,
    asked: Option<Instant>,
}

impl From<Settings> for KeepTrust {
    fn from(settings: Settings) -> Self {
        Self { settings, online: None, news: None, ask_at: None, asked: None }
    }
}

impl Behaviour for KeepTrust {
    type State = State;
    const NAME: &'static str = "trust";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        match state {
            State::Asking => {
                self.settings.trust.lapse(ctx.clock().now_ms());
                self.ask(ctx).await?;
                Ok(State::Listening)
            }
            State::Listening => self.listen(ctx).await,
            State::Judging => self.judge(ctx).await,
        }
    }
}

impl KeepTrust {
    async fn listen(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let online = self.online.get_or_insert_with(|| ctx.online());
        tokio::select! {
            news = ctx.receive() => {
                self.news = Some(news?);
                Ok(State::Judging)
            }
            changed = online.changed() => {
                changed.map_err(|_| Failure::Interrupted)?;
                let is_online = *online.borrow_and_update();
                Ok(if is_online { State::Asking } else { State::Listening })
            }
            () = until(self.ask_at) => Ok(State::Asking),
        }
    }

    async fn judge(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let Some(news) = self.news.take() else { return Ok(State::Listening) };
        let is_theirs =
            news.from.as_ref().is_some_and(|it| self.settings.registrar.covers(&it.to_bare()));
        let update = news.read::<ListUpdate>().ok().filter(|_| is_theirs);
        let Some(update) = update else {
            ctx.count_dropped();
            return Ok(State::Listening);
        };
        let serial = update.head.serial;
        let (trust, now_ms) = (Arc::clone(&self.settings.trust), ctx.clock().now_ms());
        let heard = tokio::task::spawn_blocking(move || trust.hear(&update, now_ms)).await?;
        match heard {
            Ok(Heard::Taken) => {
                tracing::info!(list.serial = serial, "list {serial} of members is believed");
                ctx.show_error("");
            }
            Ok(Heard::Known | Heard::Part) => {}
            Ok(Heard::Gap) => return Ok(self.soon()),
            Err(why) => {
                tracing::warn!(list.serial = serial, "a list of members was refused: {why}");
                ctx.show_error(why.to_string());
            }
        }
        Ok(State::Listening)
    }

    /// Asks at once, or, when it just did, in a moment.
    fn soon(&mut self) -> State {
        match self.asked {
            Some(asked) if asked.elapsed() < PAUSE => {
                self.ask_at = Some(asked + PAUSE);
                State::Listening
            }
            _ => State::Asking,
        }
    }

    async fn ask(&mut self, ctx: &Context) -> Result<(), Failure> {
        let now = Instant::now();
        (self.asked, self.ask_at) = (Some(now), Some(now + OFTEN));
        let question = ListQuestion { serial: self.settings.trust.serial() };
        let to = self.settings.registrar.clone();
        let question = Message::new(Performative::QueryRef, to, &question)?
            .with(Slot::Protocol, "fipa-query")
            // An answer can be read by who has no list to believe anybody by.
            .with(Slot::ReplyWith, "list")
            .in_new_conversation();
        if let Err(error) = ctx.until_stopped(ctx.send(question)).await? {
            // It is asked again once the connection is there.
            tracing::debug!(%error, "the registrar could not be asked for the list of members");
        }
        Ok(())
    }
}

//! Answers people: what an operator asks in an ordinary XMPP client, or by a command with a form.
//!
//! Who may do what is policy. Everything that is asked for is written down before it is done, as an
//! item of type `audit`, which is stored and stamped like any other.

use std::{sync::Arc, time::Duration};

use runtime::{
    Behaviour, Call, Command, Context, Failure, Message, Page, Performative, Setting, Slot, Spec,
    StoreError, Template, states,
};
use tokio::time::Instant;

use crate::chain;

mod audit;
mod order;
mod policy;
mod work;

use audit::Refusals;
use order::{Order, Way};
pub use policy::{BadOperator, Operators, Right};

/// How long to wait when there is no room to write down what was asked for.
const NO_ROOM: Duration = Duration::from_secs(1);
/// Within what time somebody who may not ask is told so once, and written down once.
const ONCE: Duration = Duration::from_mins(1);

/// What can be set. Who may ask is a setting of the agent.
pub const SETTINGS: &[Setting] = &[];

/// How it is run: what names no act is people's chat, and comes to it.
pub fn spec() -> Spec {
    let acts = Performative::ALL.iter().map(|act| Template::from(*act)).collect();
    let unknown = Template::has(Slot::Other("performative".into()));
    let answers = Template::has(Slot::InReplyTo);
    let template = !Template::Either(acts) & !unknown & !answers;
    Spec { template, mailbox: 64, ..Spec::default() }
}

states! {
    /// Where a chat is.
    pub enum State {
        /// Waits for somebody to ask.
        Listening => [Noting],
        /// Writes down who asked for what, and whether they may.
        Noting => [Doing, NoRoom],
        /// Does it, and answers.
        Doing => [Listening],
        /// The disk queue is full; nothing is done that could not be written down.
        NoRoom => [Noting],
    }
}

/// A chat at work.
#[derive(Debug)]
pub struct Chat {
    operators: Operators,
    asked: Option<Asked>,
    refusals: Refusals,
}

/// Something that somebody asked for.
#[derive(Debug)]
struct Asked {
    who: runtime::AgentId,
    order: Order,
    allowed: bool,
    answer: Answer,
}

/// Where the answer goes.
#[derive(Debug)]
enum Answer {
    Message(Arc<Message>),
    Call(Call),
}

impl From<Operators> for Chat {
    fn from(operators: Operators) -> Self {
        Self { operators, asked: None, refusals: Refusals::default() }
    }
}

impl Behaviour for Chat {
    type State = State;
    const NAME: &'static str = "chat";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Listening => {
                self.asked = Some(self.listen(ctx).await?);
                State::Noting
            }
            State::Noting => self.note(ctx).await?,
            State::Doing => {
                if let Some(asked) = self.asked.take() {
                    self.answer(ctx, asked).await?;
                }
                State::Listening
            }
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Noting
            }
        })
    }
}

impl Chat {
    async fn listen(&self, ctx: &mut Context) -> Result<Asked, Failure> {
        // Whoever nobody may ask has nothing to offer.
        let offered = if self.operators.is_empty() { Vec::new() } else { order::commands() };
        ctx.desk().offer(offered);
        let desk = ctx.desk().clone();
        let (who, order, answer) = tokio::select! {
            message = ctx.receive() => {
                let message = message?;
                let Some(who) = message.from.clone() else { return Err(Failure::Interrupted) };
                let order = Order::read(&message.body);
                (who, order, Answer::Message(message))
            }
            call = desk.next() => {
                let Some(call) = call else { return Err(Failure::Interrupted) };
                (call.from.clone(), Order::of(&call), Answer::Call(call))
            }
        };
        let allowed = self.operators.may(&who, order.right());
        Ok(Asked { who, order, allowed, answer })
    }

    async fn note(&mut self, ctx: &Context) -> Result<State, Failure> {
        let Some(asked) = &self.asked else { return Ok(State::Doing) };
        if !asked.order.is_heard(asked.answer.way()) {
            return Ok(State::Doing);
        }
        if !asked.allowed && !self.refusals.is_first(&asked.who, Instant::now()) {
            // Whoever goes on asking is not written down again and again.
            self.asked = None;
            return Ok(State::Doing);
        }
        let Asked { who, order, allowed, answer } = asked;
        let change = audit::change(ctx, who, order, answer.way(), *allowed)?;
        let links = chain::link(ctx, &[change]).await?;
        match ctx.store().commit(links.changes).await {
            Err(StoreError::Full { .. }) => return Ok(State::NoRoom),
            kept => kept?,
        }
        tracing::info!(
            audit.who = %who, audit.what = %order, audit.allowed = allowed, "somebody asked"
        );
        Ok(State::Doing)
    }

    async fn answer(&self, ctx: &Context, asked: Asked) -> Result<(), Failure> {
        let Asked { who, order, allowed, answer } = asked;
        let page = if allowed {
            work::perform(ctx, &order).await
        } else {
            self.operators.refusal(&who, order.right())
        };
        match answer {
            // Whoever called does not wait any more when this does not get there.
            Answer::Call(call) => drop(call.answer.send(page)),
            Answer::Message(message) => {
                let Some(mut reply) = message.reply(Performative::Inform, page.text) else {
                    return Ok(());
                };
                // People's chat names no act. And an answer is none to be answered, or two agents
                // might talk to each other for ever.
                reply.performative = None;
                // Whoever names somebody else in `reply-to` has us tell nobody else.
                reply.to = who.into();
                reply.set(Slot::InReplyTo, message.id.clone().unwrap_or_else(|| "chat".into()));
                if let Err(error) = ctx.until_stopped(ctx.send(reply)).await? {
                    tracing::debug!(%error, "an answer could not be sent");
                }
            }
        }
        Ok(())
    }
}

/// Reads what somebody wrote; an order reads as itself.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(text: &str) {
    let order = Order::read(text);
    assert_eq!(Order::read(&order.to_string()), order);
}

impl Answer {
    fn way(&self) -> Way {
        match self {
            Self::Message(_) => Way::Chat,
            Self::Call(_) => Way::Command,
        }
    }
}

/// A page that says something and asks for nothing.
fn said(text: impl Into<String>) -> Page {
    Page { text: text.into(), ..Page::default() }
}

/// A page that says no.
fn refused(text: impl Into<String>) -> Page {
    Page { text: text.into(), refused: true, ..Page::default() }
}

/// A command as it is offered.
fn command(node: &str, title: &str) -> Command {
    Command { node: node.to_owned(), title: title.to_owned() }
}

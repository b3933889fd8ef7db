//! Who asks one other: the machine of an initiator.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use types::{Diagram, Node};

use super::{Leash, NoOpening, Outcome, further, say, until};
use crate::{
    Address, AgentId, Context, Dialogue, Failure, Interrupted, Machine, Message, Performative,
    Protocol, Restart, Role, Slot, Spec, Stage, Template,
};

/// Answers that may wait.
const MAILBOX: usize = 64;

/// Where it is: in a stage of its protocol, or at an end that no protocol has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    At(Stage),
    Overdue,
    Broken,
    Unsent,
}

/// One conversation that we open. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    opening: Message,
    dialogue: Dialogue,
    /// How long the first answer may take and, where there are no news, the end.
    within: Duration,
    deadline: Option<Instant>,
    /// Where news go, in the order in which they come.
    news: Option<mpsc::Sender<Arc<Message>>>,
    cancel: CancellationToken,
    outcome: Arc<Mutex<Option<oneshot::Sender<Outcome>>>>,
}

/// A conversation that was opened, and whoever waits for its end.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) outcome: oneshot::Receiver<Outcome>,
    pub(super) cancel: CancellationToken,
    pub(super) leash: Leash,
}

impl Context {
    /// Asks somebody to do something (`fipa-request`) and waits for the end, so long at most.
    /// Whoever does not wait to the end takes the request back.
    pub async fn request(&self, message: Message, within: Duration) -> Result<Outcome, Failure> {
        self.ask(Protocol::Request, message, within).await
    }

    /// Asks somebody whether something is so, or what is (`fipa-query`), and waits for the answer,
    /// so long at most.
    pub async fn query(&self, message: Message, within: Duration) -> Result<Outcome, Failure> {
        self.ask(Protocol::Query, message, within).await
    }

    /// Offers somebody to do something (`fipa-propose`) and waits for a yes
    /// ([`Outcome::Done`]) or no, so long at most.
    pub async fn offer(&self, message: Message, within: Duration) -> Result<Outcome, Failure> {
        self.ask(Protocol::Propose, message, within).await
    }

    async fn ask(
        &self,
        protocol: Protocol,
        message: Message,
        within: Duration,
    ) -> Result<Outcome, Failure> {
        match open(self, protocol, message, within, None)? {
            Ok(asked) => {
                let _leash = asked.leash;
                Ok(asked.outcome.await.map_err(|_gone| Interrupted)?)
            }
            Err(outcome) => Ok(outcome),
        }
    }
}

/// Opens a conversation; where nobody can be found for it, it is over already.
pub(super) fn open(
    ctx: &Context,
    protocol: Protocol,
    message: Message,
    within: Duration,
    news: Option<mpsc::Sender<Arc<Message>>>,
) -> Result<Result<Asked, Outcome>, Failure> {
    NoOpening::check(&message, protocol)?;
    let partner = match ctx.resolve(&message.to) {
        Ok(partner) => partner,
        Err(error) => return Ok(Err(Outcome::Unsent(error))),
    };
    let opening = opening(ctx, protocol, message, &partner.clone().into(), within);
    let id = opening.thread().unwrap_or_default().to_owned();
    let (sender, outcome) = oneshot::channel();
    let cancel = CancellationToken::new();
    let ask = Ask {
        dialogue: Dialogue::open(protocol, Role::Initiator),
        opening,
        within,
        deadline: None,
        news,
        cancel: cancel.clone(),
        outcome: Arc::new(Mutex::new(Some(sender))),
    };
    let spec = Spec {
        template: Template::thread(&id) & Template::From(partner.to_bare()),
        mailbox: MAILBOX,
        supervision: Restart::Never.into(),
        ..Spec::default()
    };
    let sample = ask.clone();
    let handle = ctx.spawn_machine(spec, protocol.name(), &sample, move || ask.clone())?;
    Ok(Ok(Asked { outcome, cancel, leash: Leash(handle) }))
}

/// `message` with what opens a conversation with `to`.
pub(super) fn opening(
    ctx: &Context,
    protocol: Protocol,
    mut message: Message,
    to: &Address,
    within: Duration,
) -> Message {
    message.to = to.clone();
    message.set(Slot::Protocol, protocol.name());
    let id = message.thread().map_or_else(Message::new_conversation, Arc::from);
    if message.slot(&Slot::ReplyWith).is_none() {
        message.set(Slot::ReplyWith, Arc::clone(&id));
    }
    let message = message.in_conversation(id);
    if message.reply_by().is_some() {
        return message;
    }
    match ctx.clock().now().checked_add(within) {
        Some(until) => message.with_reply_by(until),
        None => message,
    }
}

impl Ask {
    async fn open(&mut self, ctx: &Context) -> Place {
        let message = self.opening.clone();
        self.deadline = Instant::now().checked_add(self.within);
        // It was looked at before: it does open a conversation.
        drop(self.dialogue.observe(&message, Role::Initiator, ctx.clock().now()));
        match ctx.send(message).await {
            Ok(()) => Place::At(Stage::Asked),
            Err(error) => self.end(Outcome::Unsent(error), Place::Unsent),
        }
    }

    async fn listen(&mut self, ctx: &mut Context) -> Result<Place, Interrupted> {
        let is_cancelling = self.dialogue.state() == Stage::Cancelling;
        let (cancel, deadline) = (self.cancel.clone(), self.deadline);
        tokio::select! {
            biased;
            message = ctx.receive() => Ok(self.hear(ctx, message?).await),
            () = cancel.cancelled(), if !is_cancelling => {
                self.take_back(ctx).await;
                Ok(Place::At(self.dialogue.state()))
            }
            () = until(deadline) => {
                if self.dialogue.state() == Stage::Agreed {
                    // It is still at work.
                    say(ctx, further(&self.opening, Performative::Cancel)).await;
                }
                Ok(self.end(Outcome::Overdue, Place::Overdue))
            }
        }
    }

    async fn take_back(&mut self, ctx: &Context) {
        let cancel = further(&self.opening, Performative::Cancel);
        // Nothing is over yet: it may be taken back.
        drop(self.dialogue.observe(&cancel, Role::Initiator, ctx.clock().now()));
        self.deadline = Instant::now().checked_add(self.within);
        say(ctx, cancel).await;
    }

    async fn hear(&mut self, ctx: &Context, message: Arc<Message>) -> Place {
        let before = self.dialogue.state();
        let heard = self.dialogue.observe(&message, Role::Participant, ctx.clock().now());
        if let Err(breach) = heard {
            return self.end(Outcome::Broken(breach, message), Place::Broken);
        }
        let stage = self.dialogue.state();
        if let Some(outcome) = Outcome::of(stage, Arc::clone(&message)) {
            return self.end(outcome, Place::At(stage));
        }
        if let Some(news) = &self.news {
            if before != Stage::Cancelling {
                self.deadline = None;
            }
            if message.performative == Some(Performative::Inform) {
                // Who does not want to hear it any more has let go of it all.
                drop(ctx.until_stopped(news.send(message)).await);
            }
        }
        Place::At(stage)
    }

    fn end(&self, outcome: Outcome, place: Place) -> Place {
        let waiting = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            // Who does not wait for it any more does not want to know.
            drop(waiting.send(outcome));
        }
        place
    }
}

impl Machine for Ask {
    type Place = Place;

    fn diagram(&self) -> Diagram {
        drawn(self.dialogue.protocol())
    }

    fn begin(&mut self, _: &Context) -> Result<Place, Failure> {
        Ok(Place::At(Stage::Start))
    }

    fn label(&self, place: Place) -> Cow<'static, str> {
        match place {
            Place::At(stage) => stage.name().into(),
            Place::Overdue => "Overdue".into(),
            Place::Broken => "Broken".into(),
            Place::Unsent => "Unsent".into(),
        }
    }

    fn allows(&self, from: Place, to: Place) -> bool {
        let (Place::At(stage), name) = (from, self.label(to)) else { return false };
        let diagram = self.diagram();
        let node = diagram.states.iter().find(|it| it.name == stage.name());
        // A word that comes again leads nowhere.
        from == to || node.is_some_and(|it| it.moves.contains(&name))
    }

    fn is_final(&self, place: Place) -> bool {
        match place {
            Place::At(stage) => stage.is_over(),
            Place::Overdue | Place::Broken | Place::Unsent => true,
        }
    }

    async fn step(&mut self, place: Place, ctx: &mut Context) -> Result<Place, Failure> {
        match place {
            Place::At(Stage::Start) => Ok(self.open(ctx).await),
            Place::At(_) | Place::Overdue | Place::Broken | Place::Unsent => {
                Ok(self.listen(ctx).await?)
            }
        }
    }

    /// Takes back what is not over.
    async fn stopped(&mut self, ctx: &mut Context) {
        let stage = self.dialogue.state();
        if !stage.is_over() && !matches!(stage, Stage::Start | Stage::Cancelling) {
            say(ctx, further(&self.opening, Performative::Cancel)).await;
        }
    }
}

/// A protocol as the machine goes through it: it stops at the end, and may end before.
fn drawn(protocol: Protocol) -> Diagram {
    let mut diagram = protocol.diagram();
    let is_over = |name: &str| Stage::ALL.iter().any(|it| it.name() == name && it.is_over());
    for node in &mut diagram.states {
        if is_over(&node.name) {
            node.moves.clear();
        } else if node.name == Stage::Start.name() {
            node.moves.push("Unsent".into());
        } else {
            node.moves.extend(["Overdue".into(), "Broken".into()]);
        }
    }
    let end = |name: &'static str, about: &'static str| Node {
        name: name.into(),
        about: about.into(),
        moves: Vec::new(),
    };
    diagram.states.extend([
        end("Overdue", "There was no end in time."),
        end("Broken", "The other one went against the protocol."),
        end("Unsent", "What opens it could not be sent."),
    ]);
    diagram
}

/// Everybody whom an address means, but for ourselves: a duty means all who do it.
pub(super) fn everybody(ctx: &Context, address: &Address) -> Vec<AgentId> {
    match address {
        Address::Agent(agent) => vec![agent.clone()],
        Address::Duty(duty) => ctx.directory().all_for(duty, ctx.me()),
    }
}

//! A short visit to the server, to ask the registrar for something.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use registry::{Account, BareJid, ConnectError, LinkState, Members, RoadError, Trust, XmppRoad};
use runtime::{
    Agent, AgentHandle, AgentId, Context, Errand, Failure, MemoryStore, Message, OneShot,
    Performative, Road, SendError, Sending, Slot, Spec, Task, Template,
};
use tokio::sync::mpsc;
use types::{Announcement, Content, ListQuestion};

use crate::Role;

/// How long the server may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an answer may take, and how often the question is said again until then.
const ANSWER: Duration = Duration::from_secs(10);
const TRIES: usize = 3;

/// Why the registrar could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PetitionError {
    /// The connection cannot be secured.
    #[error("cannot connect securely")]
    Road(#[from] RoadError),
    /// There is no connection.
    #[error("cannot connect `{account}`")]
    Link {
        /// Whom.
        account: String,
        /// Why.
        source: Arc<ConnectError>,
    },
    /// It took too long.
    #[error("no connection for `{0}` within 30 seconds")]
    Slow(String),
    /// The registrar does not answer.
    #[error("the registrar `{0}` does not answer; is it there?")]
    Silent(AgentId),
    /// The question cannot be written, or the visit ended.
    #[error("the registrar could not be asked")]
    Broken,
}

impl PetitionError {
    pub(crate) fn of(account: &BareJid, state: &LinkState) -> Self {
        let account = account.to_string();
        match state {
            LinkState::Failing(source) | LinkState::Refused(source) => {
                Self::Link { account, source: Arc::clone(source) }
            }
            _ => Self::Slow(account),
        }
    }
}

/// A visit.
pub(crate) struct Petition {
    agent: AgentHandle,
    road: XmppRoad,
    registrar: AgentId,
}

impl Petition {
    /// Begins to connect; meanwhile a list of members is kept up to date.
    pub(crate) fn open(
        account: Account,
        role: &str,
        trust: &Arc<Trust>,
    ) -> Result<Self, PetitionError> {
        let announcement = Announcement { role: role.to_owned(), ..Announcement::default() };
        let me = AgentId::from(account.jid.as_str());
        let registrar = account.registrar.clone();
        let mut agent = Agent::new(me, announcement, Arc::new(MemoryStore::default()))
            .with_registrar(registrar.clone());
        Role::believe(&mut agent, &registrar, trust);
        let road = XmppRoad::connect(account, agent.door().clone())?;
        let agent = agent.start(Arc::new(road.clone()));
        Ok(Self { agent, road, registrar })
    }

    /// Waits until it is connected, or will not be.
    pub(crate) async fn connected(&self) -> LinkState {
        let mut link = self.road.state();
        let settled = |it: &LinkState| matches!(it, LinkState::Online | LinkState::Refused(_));
        // When time is over, the state says what the trouble is.
        drop(tokio::time::timeout(CONNECT, link.wait_for(settled)).await);
        link.borrow_and_update().clone()
    }

    pub(crate) async fn run(&self, errand: Errand) -> Result<(), SendError> {
        match self.road.run(errand) {
            Sending::Done(result) => result,
            Sending::Later(result) => result.await,
        }
    }

    /// Asks; the answer is what was asked for, or why not.
    pub(crate) async fn ask<Q: Content, A: Content + Send + 'static>(
        &self,
        registrar: AgentId,
        question: &Q,
    ) -> Result<Result<A, String>, PetitionError> {
        let conversation = Message::new_conversation();
        let message = Message::new(Performative::Request, registrar.clone(), question)
            .map_err(|_| PetitionError::Broken)?
            .with(Slot::Protocol, "fipa-request")
            .with(Slot::ConversationId, &*conversation);
        let (heard, mut answer) = mpsc::channel(1);
        let template = Template::All(vec![
            Template::thread(&conversation),
            Template::From(registrar.to_bare()),
        ]);
        let spec = Spec { template, ..Spec::default() };
        let asking = move || OneShot(Asking { question: message.clone(), answer: heard.clone() });
        self.agent.add(spec, asking).map_err(|_| PetitionError::Broken)?;
        let Some(answer) = answer.recv().await else {
            return Err(PetitionError::Silent(registrar));
        };
        match answer.performative {
            Some(Performative::Inform) => {
                Ok(answer.read().map_err(|error| format!("its answer cannot be read: {error}")))
            }
            _ => Ok(Err(answer.body.chars().take(500).collect())),
        }
    }

    /// Asks for the list of members until one with this number, or a newer one, is believed.
    pub(crate) async fn list(&self, trust: &Trust, serial: u64) -> Result<(), PetitionError> {
        let registrar = self.registrar.clone();
        let mut members = trust.members();
        for _ in 0..TRIES {
            let question = ListQuestion { serial: members.borrow_and_update().serial() };
            let mut message = Message::new(Performative::QueryRef, registrar.clone(), &question)
                .map_err(|_| PetitionError::Broken)?
                .with(Slot::ReplyWith, "list");
            message.from = Some(self.agent.me().clone());
            let sent = match self.road.send(message) {
                Sending::Done(result) => result,
                Sending::Later(result) => result.await,
            };
            sent.map_err(|_| PetitionError::Broken)?;
            let is_here = |it: &Arc<Members>| it.serial() >= serial;
            if let Ok(Ok(_)) = tokio::time::timeout(ANSWER, members.wait_for(is_here)).await {
                return Ok(());
            }
        }
        Err(PetitionError::Silent(registrar))
    }

    pub(crate) async fn leave(&self) {
        self.agent.shutdown().await;
    }
}

/// Says the question until there is an answer.
struct Asking {
    question: Message,
    answer: mpsc::Sender<Arc<Message>>,
}

impl Task for Asking {
    const NAME: &'static str = "petition";

    async fn run(&mut self, ctx: &mut Context) -> Result<ControlFlow<()>, Failure> {
        for _ in 0..TRIES {
            ctx.send(self.question.clone()).await?;
            if let Some(message) = ctx.receive_within(ANSWER).await? {
                // Whoever asked may have given up.
                drop(self.answer.send(message).await);
                break;
            }
        }
        Ok(ControlFlow::Break(()))
    }
}

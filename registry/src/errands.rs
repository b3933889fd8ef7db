//! What an agent may want beside sending messages, step by step.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runtime::{AgentId, Errand, SendError};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_xmpp::{
    jid::{BareJid, Jid},
    minidom::Element,
};
use xmpp_parsers::stanza_error::{DefinedCondition, StanzaError};

use crate::{
    Account, admin, artifacts, codec,
    requests::{Answer, Question},
};

/// Wishes that may wait for the connection; whoever has more waits.
const WAITING: usize = 64;

/// How long an errand may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One step of an errand, for the task that owns the connection.
pub(crate) enum Wish {
    Ask(Question),
    Approve(AgentId),
    Deny(AgentId),
    Subscribe(AgentId),
    Unsubscribe(AgentId),
    Follow(BareJid, oneshot::Sender<Result<(), SendError>>),
    Unfollow(BareJid),
}

/// Where wishes are made.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    queue: mpsc::Sender<Wish>,
    me: BareJid,
    service: Jid,
    /// Whether our node was made.
    made: Arc<AtomicBool>,
}

impl Wishes {
    pub(crate) fn new(account: &Account) -> (Self, mpsc::Receiver<Wish>) {
        let (queue, inbox) = mpsc::channel(WAITING);
        (
            Self {
                queue,
                me: account.jid.clone(),
                service: account.service(),
                made: Arc::default(),
            },
            inbox,
        )
    }

    /// Runs an errand to its end, or until patience is at its.
    pub(crate) async fn run(&self, errand: Errand) -> Result<(), SendError> {
        let silent = |_| SendError::Silent(self.server());
        timeout(PATIENCE, self.begin(errand)).await.map_err(silent)?
    }

    async fn begin(&self, errand: Errand) -> Result<(), SendError> {
        match errand {
            Errand::Approve(who) => self.wish(Wish::Approve(known(who)?)).await,
            Errand::Deny(who) => self.wish(Wish::Deny(known(who)?)).await,
            Errand::Subscribe(who) => self.wish(Wish::Subscribe(known(who)?)).await,
            Errand::Unsubscribe(who) => self.wish(Wish::Unsubscribe(known(who)?)).await,
            Errand::Publish(text) => self.publish(&text).await,
            Errand::Follow(who) => self.follow(account(&who)?).await,
            Errand::Unfollow(who) => {
                let who = account(&who)?;
                self.wish(Wish::Unfollow(who.clone())).await?;
                self.ask(artifacts::unsubscribe(&who, &self.me)).await
            }
            Errand::AddAccount { account: who, password, again } => {
                self.add_account(&account(&who)?, password.reveal(), again).await
            }
            Errand::RemoveAccount(who) => self.remove_account(&account(&who)?).await,
            Errand::ChangePassword(password) => {
                let change = admin::change_password(&self.me, password.reveal());
                let answer = self.try_ask_of(admin::server(&self.me), change).await?;
                answer.map(drop).map_err(|error| self.refusal(condition(&error)))
            }
            other => Err(SendError::Unable(other.name())),
        }
    }

    /// Makes an account. One that is there already is somebody's, unless it may be there `again`.
    async fn add_account(
        &self,
        who: &BareJid,
        password: &str,
        again: bool,
    ) -> Result<(), SendError> {
        let made = self.administer(admin::Command::AddUser, who, password).await;
        match made {
            Err(SendError::Refused { .. }) if again => {
                self.administer(admin::Command::ChangeUserPassword, who, password).await
            }
            made => made,
        }
    }

    /// Removes an account first, so that its owner cannot come back once its sessions end.
    async fn remove_account(&self, who: &BareJid) -> Result<(), SendError> {
        let removed = self.administer(admin::Command::DeleteUser, who, "").await;
        // Not every server ends what a removed account has open; that it has nothing open, or is
        // not there, is what is wanted.
        let ended = self.administer(admin::Command::EndUserSession, who, "").await;
        match (removed, ended) {
            (Err(SendError::Refused { why, .. }), _) if is_forbidden(&why) => {
                Err(self.refusal(why))
            }
            (Ok(()) | Err(SendError::Refused { .. }), Ok(()) | Err(SendError::Refused { .. })) => {
                Ok(())
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Has the server do a command of XEP-0133.
    async fn administer(
        &self,
        command: admin::Command,
        who: &BareJid,
        password: &str,
    ) -> Result<(), SendError> {
        let server = admin::server(&self.me);
        let refused = |error: StanzaError| self.refusal(condition(&error));
        let form = self.try_ask_of(server.clone(), command.begin()).await?.map_err(refused)?;
        let session = admin::session(form.as_ref()).ok_or_else(|| {
            self.refusal(admin::complaint(form.as_ref()).unwrap_or_else(|| "no form".to_owned()))
        })?;
        let submitted = command.submit(&session, who, password);
        let answer = self.try_ask_of(server, submitted).await?.map_err(refused)?;
        match admin::complaint(answer.as_ref()) {
            Some(why) => Err(self.refusal(why)),
            None => Ok(()),
        }
    }

    fn refusal(&self, why: String) -> SendError {
        SendError::Refused { by: AgentId::from(admin::server(&self.me).as_str()), why }
    }

    /// Publishes. The node is made first, once in our life and whenever the service forgot it, so
    /// that it is set up alike everywhere; some services would make one of their own.
    async fn publish(&self, text: &str) -> Result<(), SendError> {
        let size = codec::escaped(text);
        if size > codec::LARGEST {
            return Err(SendError::TooLarge { size, limit: codec::LARGEST });
        }
        if !self.made.load(Ordering::Relaxed) {
            self.create().await?;
        }
        match self.try_ask(artifacts::publish(&self.me, text)).await? {
            Err(error) if error.defined_condition == DefinedCondition::ItemNotFound => {
                self.create().await?;
                self.ask(artifacts::publish(&self.me, text)).await
            }
            answer => self.judge(answer),
        }
    }

    /// Whether it is there already, or others make nodes here, is seen when we publish.
    async fn create(&self) -> Result<(), SendError> {
        drop(self.try_ask(artifacts::create(&self.me)).await?);
        self.made.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What is followed is noted before the service is asked, so that nothing is missed.
    async fn follow(&self, who: BareJid) -> Result<(), SendError> {
        let (answer, noted) = oneshot::channel();
        self.wish(Wish::Follow(who.clone(), answer)).await?;
        noted.await.map_err(|_| SendError::Closed)??;
        let done = self.ask(artifacts::subscribe(&who, &self.me)).await;
        if done.is_err() {
            self.wish(Wish::Unfollow(who)).await?;
        }
        done
    }

    async fn wish(&self, wish: Wish) -> Result<(), SendError> {
        self.queue.send(wish).await.map_err(|_| SendError::Closed)
    }

    async fn ask(&self, payload: Element) -> Result<(), SendError> {
        let answer = self.try_ask(payload).await?;
        self.judge(answer)
    }

    async fn try_ask(&self, payload: Element) -> Result<Answer, SendError> {
        self.try_ask_of(self.service.clone(), payload).await
    }

    async fn try_ask_of(&self, to: Jid, payload: Element) -> Result<Answer, SendError> {
        let (answer, answered) = oneshot::channel();
        let silent = SendError::Silent(AgentId::from(to.as_str()));
        self.wish(Wish::Ask(Question { to, payload, answer })).await?;
        // It is dropped when the session ends before there is an answer.
        answered.await.map_err(|_| silent)
    }

    fn judge(&self, answer: Answer) -> Result<(), SendError> {
        let refused =
            |error: StanzaError| SendError::Refused { by: self.server(), why: condition(&error) };
        answer.map(drop).map_err(refused)
    }

    fn server(&self) -> AgentId {
        AgentId::from(self.service.as_str())
    }
}

/// The condition as it stands in RFC 6120 section 8.3.3, and what the server says besides.
fn condition(error: &StanzaError) -> String {
    let element = Element::from(error.defined_condition.clone());
    match error.texts.values().find(|it| !it.is_empty()) {
        Some(text) => format!("{} ({text})", element.name()),
        None => element.name().to_owned(),
    }
}

/// Whether we are no administrator, by the conditions of RFC 6120 section 8.3.3.
fn is_forbidden(why: &str) -> bool {
    ["forbidden", "not-allowed", "not-authorized", "service-unavailable", "feature-not-implemented"]
        .iter()
        .any(|it| why.starts_with(it))
}

fn account(who: &AgentId) -> Result<BareJid, SendError> {
    who.bare().parse().map_err(|_| SendError::Unknown(who.clone()))
}

/// Nobody waits for an address that cannot be.
fn known(who: AgentId) -> Result<AgentId, SendError> {
    account(&who).map(|_| who)
}

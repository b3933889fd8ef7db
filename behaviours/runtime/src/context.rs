//! What a behaviour may do while it runs.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use types::{Announcement, BehaviourReport};

use crate::{
    Address, AgentId, Clock, Delivery, Directory, Door, Handle, Interrupted, Message, Road,
    SendError, Sending, Store, mailbox::Mailbox,
};

/// A behaviour's view of its agent.
#[derive(Debug)]
pub struct Context {
    pub(crate) door: Door,
    pub(crate) road: Arc<dyn Road>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    pub(crate) stop: CancellationToken,
    pub(crate) siblings: Arc<OnceLock<Arc<[Handle]>>>,
    pub(crate) changes: watch::Receiver<u64>,
    pub(crate) online: watch::Receiver<bool>,
}

impl Context {
    /// The agent this runs on.
    pub fn me(&self) -> &AgentId {
        self.door.me()
    }

    /// What the agent says of itself.
    pub fn announcement(&self) -> &Announcement {
        self.door.announcement()
    }

    /// How many messages no behaviour wanted.
    pub fn unwanted(&self) -> u64 {
        self.door.unwanted()
    }

    /// Who else is there.
    pub fn directory(&self) -> &Directory {
        self.door.directory()
    }

    /// What must survive a restart.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time of day.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Whether others can be reached; wakes when that changes.
    pub fn online(&self) -> watch::Receiver<bool> {
        self.online.clone()
    }

    /// Waits for the next message that the behaviour wants.
    pub async fn receive(&mut self) -> Result<Arc<Message>, Interrupted> {
        if let Some(message) = self.mailbox.take() {
            return Ok(message);
        }
        let Self { mailbox, stop, .. } = self;
        stop.run_until_cancelled(mailbox.next()).await.ok_or(Interrupted)
    }

    /// The next message if there is one already.
    pub fn try_receive(&mut self) -> Option<Arc<Message>> {
        self.mailbox.take()
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

    /// Sends a message; waits while the road is busy. A duty is turned into whoever does it; what an
    /// agent says to itself takes no road.
    pub async fn send(&self, mut message: Message) -> Result<(), SendError> {
        message.from = Some(self.me().clone());
        if let Address::Duty(duty) = &message.to {
            let Some(agent) = self.directory().pick(duty, self.me()) else {
                return Err(SendError::NobodyFor(duty.clone()));
            };
            message.to = agent.into();
        }
        if let Address::Agent(to) = &message.to
            && to.bare() == self.me().bare()
        {
            let to = to.clone();
            return match self.door.deliver(message) {
                Delivery::Full => Err(SendError::Full(to)),
                Delivery::Taken(_) | Delivery::Unwanted => Ok(()),
            };
        }
        match self.road.send(message) {
            Sending::Done(result) => result,
            Sending::Later(result) => result.await,
        }
    }

    /// Where every behaviour of this agent is now.
    pub fn siblings(&self) -> Vec<BehaviourReport> {
        self.siblings.get().map(|it| it.iter().map(Handle::report).collect()).unwrap_or_default()
    }

    /// The handles of every behaviour of this agent.
    pub fn handles(&self) -> Arc<[Handle]> {
        self.siblings.get().map_or_else(|| Arc::from([]), Arc::clone)
    }

    /// Waits until some behaviour of this agent moved since the last call.
    pub async fn changed(&mut self) -> Result<(), Interrupted> {
        let Self { changes, stop, .. } = self;
        match stop.run_until_cancelled(changes.changed()).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Interrupted),
        }
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

//! Being kept informed.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Leash, Outcome, ask};
use crate::{Context, Failure, Interrupted, Message, Protocol};

/// News that may wait until they are looked at; then whoever sends them waits.
const NEWS: usize = 64;

/// Somebody keeps us informed. Whoever lets go of it does not want to hear more, and says so.
#[derive(Debug)]
pub struct Subscription {
    news: mpsc::Receiver<Arc<Message>>,
    outcome: oneshot::Receiver<Outcome>,
    cancel: CancellationToken,
    _leash: Leash,
}

impl Context {
    /// Asks somebody to keep us informed (`fipa-subscribe`). The first answer is awaited so long
    /// at most, and so is the one to a [`cancel`](Subscription::cancel); between these, news may
    /// be as rare as they like.
    pub fn subscribe(
        &self,
        message: Message,
        within: Duration,
    ) -> Result<Result<Subscription, Outcome>, Failure> {
        let (sender, news) = mpsc::channel(NEWS);
        let opened = ask::open(self, Protocol::Subscribe, message, within, Some(sender))?;
        Ok(opened.map(|it| Subscription {
            news,
            outcome: it.outcome,
            cancel: it.cancel,
            _leash: it.leash,
        }))
    }
}

impl Subscription {
    /// Waits for the next news; none come any more when it is over.
    pub async fn next(&mut self) -> Option<Arc<Message>> {
        self.news.recv().await
    }

    /// Waits for how it ends; news that were not looked at are let go.
    pub async fn outcome(mut self) -> Result<Outcome, Failure> {
        self.news.close();
        Ok(self.outcome.await.map_err(|_gone| Interrupted)?)
    }

    /// Takes it back and waits for the end.
    pub async fn cancel(self) -> Result<Outcome, Failure> {
        self.cancel.cancel();
        self.outcome().await
    }
}

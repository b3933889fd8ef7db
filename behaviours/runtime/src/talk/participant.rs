//! What the author of somebody who is asked writes.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::serve::Word as Inner;
use crate::{Context, Message, Protocol, Template};

/// What somebody who is asked to do or to say something answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done; or this is so (`inform`).
    Done(Arc<str>),
    /// It will not be done (`refuse`).
    Refuse(Arc<str>),
    /// It was tried and did not work out (`failure`).
    Failure(Arc<str>),
    /// It makes no sense (`not-understood`).
    NotUnderstood(Arc<str>),
}

/// What somebody who is called for a proposal answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bid {
    /// It would be done, under these conditions (`propose`).
    Propose(Arc<str>),
    /// It would not (`refuse`).
    Refuse(Arc<str>),
    /// It makes no sense (`not-understood`).
    NotUnderstood(Arc<str>),
}

/// What somebody to whom something is offered answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Yes (`accept-proposal`).
    Accept(Arc<str>),
    /// No (`reject-proposal`).
    Reject(Arc<str>),
}

/// Where news for one subscriber go.
#[derive(Clone, Debug)]
pub struct News {
    pub(super) number: u64,
    pub(super) words: mpsc::Sender<(u64, Inner)>,
}

impl News {
    /// Tells the subscriber something; waits while others are told.
    pub async fn tell(&self, what: impl Into<Arc<str>>) {
        // Nobody is told any more when the agent stops.
        drop(self.words.send((self.number, Inner::News(what.into()))).await);
    }
}

/// Takes part in conversations that others open.
///
/// Each conversation is served by a clone, in a behaviour of its own: they go on side by side, and
/// what they share is behind an `Arc`. It is dropped where it stands when its conversation is taken
/// back. Write the methods of those [`PROTOCOLS`](Self::PROTOCOLS) that it takes part in.
pub trait Participant: Clone + Send + Sync + 'static {
    /// Its name in configuration files and on the dashboard.
    const NAME: &'static str;

    /// By which protocols it can be asked.
    const PROTOCOLS: &'static [Protocol];

    /// What it is asked about: other messages it does not see.
    fn template() -> Template {
        Template::Any
    }

    /// Is asked to do something (`fipa-request`).
    fn requested(&mut self, _: &mut Context, _: &Message) -> impl Future<Output = Answer> + Send {
        async { Answer::NotUnderstood("there is nothing to request here".into()) }
    }

    /// Is asked what is so (`fipa-query`).
    fn queried(&mut self, _: &mut Context, _: &Message) -> impl Future<Output = Answer> + Send {
        async { Answer::NotUnderstood("there is nothing to know here".into()) }
    }

    /// Is asked to keep somebody informed (`fipa-subscribe`), for as long as this takes. With
    /// [`Answer::Done`] these were the last news.
    fn subscribed(
        &mut self,
        _: &mut Context,
        _: &Message,
        _: &News,
    ) -> impl Future<Output = Answer> + Send {
        async { Answer::NotUnderstood("there are no news here".into()) }
    }

    /// Is called for a proposal (`fipa-contract-net`).
    fn called(&mut self, _: &mut Context, _: &Message) -> impl Future<Output = Bid> + Send {
        async { Bid::NotUnderstood("there is nothing to propose here".into()) }
    }

    /// Its proposal was accepted: does it. Both what called for it and what accepts it are there.
    fn accepted(
        &mut self,
        _: &mut Context,
        _: &Message,
        _: &Message,
    ) -> impl Future<Output = Answer> + Send {
        async { Answer::Failure("nothing comes of it here".into()) }
    }

    /// Is offered something (`fipa-propose`).
    fn offered(&mut self, _: &mut Context, _: &Message) -> impl Future<Output = Word> + Send {
        async { Word::Reject("nothing is wanted here".into()) }
    }
}

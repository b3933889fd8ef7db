//! What the thread that watches tells the behaviour, within bounds.

use std::collections::VecDeque;

use serde_json::Value;
use tokio::sync::mpsc::{Sender, error::TrySendError};
use types::Traffic;

use crate::finding::Finding;

/// How many pieces of news wait, beside those on their way.
const MOST: usize = 1024;

/// One piece of news.
#[derive(Debug)]
pub(super) enum News {
    /// Something to keep as an item.
    Finding(Finding),
    /// Something to send.
    Batch(Traffic),
    /// Something to go on with after a restart.
    Memory(Value),
    /// Something that does not work as it should, though the watch goes on.
    Trouble(String),
    /// The watch is over, and not in order.
    Broken(eye_error::Broken),
}

pub(super) mod eye_error {
    //! Why a watch ended.

    /// What went wrong, with its causes.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    pub(in crate::watch) struct Broken(pub(in crate::watch) String);
}

/// The way out of the thread.
#[derive(Debug)]
pub(super) struct Outlet {
    sender: Sender<News>,
    /// A capture of the past waits; the present does not.
    waits: bool,
    waiting: VecDeque<News>,
    /// Findings that were let go because there was no room.
    pub(super) lost: u64,
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Outlet {
    pub(super) fn new(sender: Sender<News>, waits: bool) -> Self {
        Self { sender, waits, waiting: VecDeque::new(), lost: 0 }
    }

    /// Tells something; where it may not wait and there is no room, it is counted and let go.
    pub(super) fn tell(&mut self, news: News) -> Result<(), Gone> {
        if self.waits {
            return self.sender.blocking_send(news).map_err(|_| Gone);
        }
        if self.waiting.len() >= MOST {
            self.lost += 1;
        } else {
            self.waiting.push_back(news);
        }
        self.flush()
    }

    /// Passes on what waits, as far as there is room.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        while let Some(news) = self.waiting.pop_front() {
            match self.sender.try_send(news) {
                Ok(()) => {}
                Err(TrySendError::Full(news)) => {
                    self.waiting.push_front(news);
                    return Ok(());
                }
                Err(TrySendError::Closed(_)) => return Err(Gone),
            }
        }
        if self.sender.is_closed() { Err(Gone) } else { Ok(()) }
    }

    /// Whether something more could be passed on at once.
    pub(super) fn has_room(&self) -> bool {
        self.waits || (self.waiting.is_empty() && self.sender.capacity() > 0)
    }
}

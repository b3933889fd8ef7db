//! The road messages travel: XMPP in the field, memory within one process.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;
use types::{Announcement, Presence};

use crate::{AgentId, Directory, Duty, Message, mailbox::Slit};

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is gone.
    #[error("the connection is closed")]
    Closed,
    /// Nobody has that address.
    #[error("no agent `{0}`")]
    Unknown(AgentId),
    /// Nobody who is there does that.
    #[error("nobody is there for duty `{0}`")]
    NobodyFor(Duty),
    /// Whoever should get it has no room.
    #[error("`{0}` has no room for another message")]
    Full(AgentId),
    /// It is larger than the road carries.
    #[error("a message of {size} bytes is too large; the road carries {limit}")]
    TooLarge {
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
}

/// How far a message got.
pub enum Sending {
    /// It is known already.
    Done(Result<(), SendError>),
    /// It will be known.
    Later(Pin<Box<dyn Future<Output = Result<(), SendError>> + Send>>),
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// One agent's way to the others. What comes the other way goes through the agent's [`Door`].
pub trait Road: Send + Sync + fmt::Debug + 'static {
    /// Sends a message whose sender is filled in and whose address is an agent's.
    fn send(&self, message: Message) -> Sending;

    /// Takes leave and closes the connection.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What became of a message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// So many behaviours took it.
    Taken(usize),
    /// No behaviour wants such a message.
    Unwanted,
    /// Those that want it have no room.
    Full,
}

/// Where a road brings in what is for an agent.
#[derive(Clone, Debug)]
pub struct Door {
    me: AgentId,
    announcement: Arc<Announcement>,
    directory: Directory,
    slits: Arc<RwLock<Vec<Slit>>>,
    unwanted: Arc<AtomicU64>,
    online: Arc<watch::Sender<bool>>,
}

impl Door {
    pub(crate) fn new(me: AgentId, announcement: Announcement) -> Self {
        Self {
            me,
            announcement: Arc::new(announcement),
            directory: Directory::default(),
            slits: Arc::default(),
            unwanted: Arc::default(),
            online: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Whose door it is.
    pub fn me(&self) -> &AgentId {
        &self.me
    }

    /// What the agent says of itself.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Who else is there.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Says whether the road is passable.
    pub fn set_online(&self, online: bool) {
        self.online.send_if_modified(|it| std::mem::replace(it, online) != online);
    }

    /// Takes note of somebody's presence.
    pub fn presence(&self, presence: Presence) {
        self.directory.note(presence);
    }

    /// Hands a message to every behaviour that wants it. A mailbox that is full turns it away
    /// and counts it.
    pub fn deliver(&self, message: Message) -> Delivery {
        let message = Arc::new(message);
        let (taken, full) = self.offer(&message);
        full.iter().for_each(Slit::count_dropped);
        match (taken, full.is_empty()) {
            (0, true) => Delivery::Unwanted,
            (0, false) => Delivery::Full,
            (taken, _) => Delivery::Taken(taken),
        }
    }

    /// How many messages no behaviour wanted.
    pub fn unwanted(&self) -> u64 {
        self.unwanted.load(Ordering::Relaxed)
    }

    pub(crate) fn watch_online(&self) -> watch::Receiver<bool> {
        self.online.subscribe()
    }

    pub(crate) fn add(&self, slit: Slit) {
        self.slits.write().unwrap_or_else(PoisonError::into_inner).push(slit);
    }

    /// How many took it, and who would have but for want of room.
    pub(crate) fn offer(&self, message: &Arc<Message>) -> (usize, Vec<Slit>) {
        let (mut taken, mut full, mut wanted) = (0, Vec::new(), false);
        for slit in self.slits.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if !slit.wants(message) {
                continue;
            }
            wanted = true;
            match slit.put(Arc::clone(message)) {
                Ok(()) => taken += 1,
                Err(crate::Full) => full.push(slit.clone()),
            }
        }
        if !wanted {
            self.unwanted.fetch_add(1, Ordering::Relaxed);
        }
        (taken, full)
    }
}

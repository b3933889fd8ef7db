//! What happened: events, and the hub that hands them to whoever listens in this process.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::broadcast;
use uuid::Uuid;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Scan,
    Tst,
    Proof,
    Presence,
    Agent,
    Behaviour,
    Alert,
    Audit,
}

impl Topic {
    pub(crate) const ALL: [Self; 8] = [
        Self::Scan,
        Self::Tst,
        Self::Proof,
        Self::Presence,
        Self::Agent,
        Self::Behaviour,
        Self::Alert,
        Self::Audit,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Tst => "tst",
            Self::Proof => "proof",
            Self::Presence => "presence",
            Self::Agent => "agent",
            Self::Behaviour => "behaviour",
            Self::Alert => "alert",
            Self::Audit => "audit",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its place in the database; events that are not kept have none.
    pub(crate) id: Option<i64>,
    pub(crate) topic: Topic,
    /// What is told of it: JSON.
    pub(crate) data: Arc<str>,
    pub(crate) scandale: Scandale,
}

/// What SCANDALE's subscribers are told instead. Kept in the parts that exist anyway, since most
/// events have no such subscriber.
#[derive(Clone, Debug)]
pub(crate) enum Scandale {
    /// The same.
    Same,
    /// The item itself: its canonical record.
    Item(Arc<[u8]>),
    /// The item's token.
    Token { token: Arc<[u8]>, uuid: Uuid },
}

/// What travels from the writer and from publishers to listeners.
#[derive(Clone, Debug)]
pub(crate) enum Bulletin {
    /// What was committed together, in order.
    Events(Arc<[Event]>),
    /// What a client of `/pubsub` published, for the other clients there.
    Published { publisher: Uuid, topics: Arc<[String]>, data: Arc<str> },
}

/// Hands bulletins to listeners. A listener that falls more than [`Hub::SLOTS`] bulletins behind
/// loses the oldest and is told how many.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    bulletins: broadcast::Sender<Bulletin>,
    newest: Arc<AtomicI64>,
}

impl Hub {
    /// How many bulletins wait for a slow listener.
    pub(crate) const SLOTS: usize = 1024;
    /// How many events at most share a bulletin. A commit of thousands takes some slots and not all.
    const TOGETHER: usize = 16;

    pub(crate) fn new(newest: i64) -> Self {
        let (bulletins, _) = broadcast::channel(Self::SLOTS);
        Self { bulletins, newest: Arc::new(AtomicI64::new(newest)) }
    }

    pub(crate) fn tell(&self, events: &[Event]) {
        for together in events.chunks(Self::TOGETHER) {
            if let Some(id) = together.iter().filter_map(|event| event.id).max() {
                self.newest.store(id, Ordering::Release);
            }
            self.send(Bulletin::Events(together.into()));
        }
    }

    pub(crate) fn publish(&self, publisher: Uuid, topics: Vec<String>, data: Arc<str>) {
        self.send(Bulletin::Published { publisher, topics: topics.into(), data });
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Bulletin> {
        self.bulletins.subscribe()
    }

    pub(crate) fn listeners(&self) -> usize {
        self.bulletins.receiver_count()
    }

    /// The id of the newest event that was told.
    pub(crate) fn newest(&self) -> i64 {
        self.newest.load(Ordering::Acquire)
    }

    fn send(&self, bulletin: Bulletin) {
        // Nobody listening is no failure.
        drop(self.bulletins.send(bulletin));
    }
}

//! One agent's way to the others over an XMPP server.

use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use omemo::store::StoreError;
use runtime::{Door, Errand, Message, Road, SendError, Sending};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tokio_xmpp::jid::Jid;

use crate::{
    Account, ConnectError, Sealing, TlsError,
    addresses::Addresses,
    chance, codec,
    errands::Wishes,
    link::{Inbox, Link},
    outbox::WINDOW,
};

/// How the connection is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkState {
    /// Trying for the first time, or again after a break.
    Waiting,
    /// Trying again and again; this was the last reason.
    Failing(Arc<ConnectError>),
    /// The server does not let the account in, and it would be pointless to try again.
    Refused(Arc<ConnectError>),
    /// Connected.
    Online,
    /// Left for good.
    Closed,
}

/// Why there is no road.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoadError {
    /// The connection cannot be secured.
    #[error("the connection cannot be secured")]
    Tls(#[from] TlsError),
    /// The keys cannot be opened.
    #[error("the keys in `{}`, which messages are sealed with, cannot be opened", path.display())]
    Keys {
        /// Where they are.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

/// An XMPP connection that mends itself.
///
/// A message that it takes is kept until the server acknowledges it (XEP-0198), through broken
/// connections and restarts of the server; at most 512 are kept, then senders wait. A message may
/// arrive twice after a break: it has the same id then.
#[derive(Clone)]
pub struct XmppRoad {
    messages: mpsc::Sender<(Jid, Message)>,
    wishes: Wishes,
    addresses: Arc<Addresses>,
    stop: CancellationToken,
    tasks: TaskTracker,
    state: watch::Receiver<LinkState>,
    ids: Arc<Ids>,
}

impl fmt::Debug for XmppRoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmppRoad").field("state", &self.state.borrow()).finish_non_exhaustive()
    }
}

/// Gives every message an identity.
#[derive(Debug)]
struct Ids {
    run: u64,
    next: AtomicU64,
}

impl XmppRoad {
    /// Starts to connect; what comes in goes through `door`.
    pub fn connect(account: Account, door: Door) -> Result<Self, RoadError> {
        Self::connect_sealed(account, door, None)
    }

    /// The same; what is said is sealed, and what is heard opened, by these keys.
    pub fn connect_sealed(
        account: Account,
        door: Door,
        sealing: Option<Sealing>,
    ) -> Result<Self, RoadError> {
        let (messages, received) = mpsc::channel(WINDOW);
        let (wishes, inbox) = Wishes::new(&account);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let sender = Arc::new(watch::Sender::new(LinkState::Waiting));
        let state = sender.subscribe();
        let link = Link::new(account, door, sealing, sender, tasks.clone())?;
        let inbox = Inbox { messages: received, wishes: inbox };
        tasks.spawn(link.run(inbox, stop.clone()));
        let ids = Ids { run: u64::from_le_bytes(chance::bytes()), next: AtomicU64::new(0) };
        let addresses = Arc::default();
        Ok(Self { messages, wishes, addresses, stop, tasks, state, ids: Arc::new(ids) })
    }

    /// How the connection is; wakes when that changes.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }
}

impl Road for XmppRoad {
    fn send(&self, mut message: Message) -> Sending {
        if message.id.is_none() {
            let number = self.ids.next.fetch_add(1, Ordering::Relaxed);
            message.id = Some(format!("{:016x}-{number}", self.ids.run).into());
        }
        let to = match codec::fits(&message).and_then(|()| self.addresses.read(&message.to)) {
            Ok(to) => to,
            Err(error) => return Sending::Done(Err(error)),
        };
        match self.messages.try_send((to, message)) {
            Ok(()) => Sending::Done(Ok(())),
            Err(mpsc::error::TrySendError::Closed(_)) => Sending::Done(Err(SendError::Closed)),
            Err(mpsc::error::TrySendError::Full(message)) => {
                let messages = self.messages.clone();
                Sending::Later(Box::pin(async move {
                    messages.send(message).await.map_err(|_| SendError::Closed)
                }))
            }
        }
    }

    fn run(&self, errand: Errand) -> Sending {
        let wishes = self.wishes.clone();
        Sending::Later(Box::pin(async move { wishes.run(errand).await }))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.stop.cancel();
            self.tasks.close();
            self.tasks.wait().await;
        })
    }
}

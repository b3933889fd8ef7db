//! Makes connections: again and again, soon at first and then later and later.

use std::{sync::Arc, time::Duration};

use runtime::Chain;
use tokio::{
    sync::{Mutex, oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tokio_xmpp::{
    jid::{BareJid, Jid},
    stanzastream::{Connection, StanzaStream},
    xmlstream::Timeouts,
};
use tracing::{debug, warn};

use crate::{
    Account, ConnectError, LinkState, Secret, TlsError, backoff::Backoff, chance,
    connect::Connector, login::login, outbox::WINDOW,
};

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Silence after which the server is asked for a sign of life, and how long it has for it.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_mins(1), response_timeout: Duration::from_secs(15) };

/// Makes connections for a stream, again and again.
#[derive(Clone)]
pub(crate) struct Dialler {
    connector: Connector,
    account: BareJid,
    password: Secret,
    resource: String,
    backoff: Arc<Mutex<Backoff>>,
    state: Arc<watch::Sender<LinkState>>,
    tasks: TaskTracker,
    /// Ends the attempts for the stream that is in use.
    hang_up: CancellationToken,
}

impl Dialler {
    pub(crate) fn new(
        account: &Account,
        state: Arc<watch::Sender<LinkState>>,
        tasks: TaskTracker,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            connector: Connector { server: account.server.clone(), tls: account.roots.config()? },
            account: account.jid.clone(),
            password: account.password.clone(),
            resource: format!("vedette-{:08x}", u32::from_le_bytes(chance::bytes())),
            backoff: Arc::default(),
            state,
            tasks,
            hang_up: CancellationToken::new(),
        })
    }

    /// No more attempts.
    pub(crate) fn hang_up(&self) {
        self.hang_up.cancel();
    }

    /// A fresh stream. Attempts for the one before end.
    pub(crate) fn stream(&mut self) -> StanzaStream {
        self.hang_up.cancel();
        self.hang_up = CancellationToken::new();
        let dialler = self.clone();
        let connect = move |_location: Option<String>, slot: oneshot::Sender<Connection>| {
            let dialler = dialler.clone();
            dialler.tasks.clone().spawn(Box::pin(dialler.dial(slot)));
        };
        StanzaStream::new(Box::new(connect), WINDOW)
    }

    async fn dial(self, slot: oneshot::Sender<Connection>) {
        let Ok(resource) = self.resource.parse::<tokio_xmpp::jid::ResourcePart>() else { return };
        let identity = Jid::from(self.account.with_resource(&resource));
        let mut backoff = self.backoff.lock().await;
        loop {
            let wait = backoff.wait();
            tokio::select! {
                () = self.hang_up.cancelled() => return abandon(slot),
                () = tokio::time::sleep(wait) => {}
            }
            let attempt = login(&self.connector, &self.account, &self.password, TIMEOUTS);
            let attempt = async {
                timeout(ATTEMPT, attempt)
                    .await
                    .unwrap_or(Err(ConnectError::Slow(ATTEMPT.as_secs())))
            };
            let result = tokio::select! {
                () = self.hang_up.cancelled() => return abandon(slot),
                result = attempt => result,
            };
            match result {
                Ok((features, stream)) => {
                    backoff.succeeded();
                    let stream = stream.box_stream();
                    // The stream may have been given up meanwhile.
                    drop(slot.send(Connection { stream, features, identity }));
                    return;
                }
                Err(error) if error.is_final() => {
                    warn!(agent.jid = %self.account, error = %Chain(&error), "cannot log in");
                    self.state.send_replace(LinkState::Refused(Arc::new(error)));
                    return abandon(slot);
                }
                Err(error) => {
                    debug!(agent.jid = %self.account, error = %Chain(&error), "cannot connect");
                    backoff.failed();
                    self.state.send_if_modified(|it| {
                        let told = matches!(it, LinkState::Failing(_));
                        *it = LinkState::Failing(Arc::new(error));
                        !told
                    });
                }
            }
        }
    }
}

/// Leaves a stream without a connection for good. Its task would panic if the slot were dropped,
/// and it never looks up while it waits for one: so both stay where they are.
fn abandon(slot: oneshot::Sender<Connection>) {
    std::mem::forget(slot);
}

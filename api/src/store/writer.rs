//! The one task that writes: deeds that wait together share a transaction, and so a sync to disk.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use super::{StoreError, events, ids::Ids};
use crate::{
    clock,
    events::{Event, Hub, Scandale, Topic},
};

/// How many deeds may wait; who comes then waits in line, for at most [`PATIENCE`].
const QUEUE: usize = 256;
/// How long a deed may wait for its place in the queue before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many rows a transaction takes before those who still wait must wait for the next.
const ROWS: usize = 8192;

/// Something that changes the database.
///
/// It may be applied twice: when a transaction fails, its deeds are tried again one by one.
pub(crate) trait Deed: Send + Sync + 'static {
    /// What it leads to.
    type Done: Send + 'static;

    /// About how many rows it writes.
    fn rows(&self) -> usize {
        1
    }

    fn apply(
        &self,
        ledger: &mut Ledger<'_>,
    ) -> impl Future<Output = Result<Self::Done, DbErr>> + Send;
}

/// What a deed writes to: the transaction, and the events that are told once it is committed.
pub(crate) struct Ledger<'a> {
    tx: &'a DatabaseTransaction,
    pub(super) ids: Ids,
    pub(super) now_ms: i64,
    events: Vec<Event>,
}

impl Ledger<'_> {
    pub(super) fn tx(&self) -> &DatabaseTransaction {
        self.tx
    }

    /// Tells an event that is kept for readers who are away.
    pub(super) fn tell(
        &mut self,
        topic: Topic,
        data: &impl Serialize,
        scandale: Scandale,
    ) -> Result<(), DbErr> {
        let data = json(data)?.into();
        let id = Some(self.ids.event());
        self.events.push(Event { id, topic, data, scandale });
        Ok(())
    }

    /// Tells an event that only those hear who listen now.
    pub(super) fn mention(&mut self, topic: Topic, data: &impl Serialize) -> Result<(), DbErr> {
        let data = json(data)?.into();
        self.events.push(Event { id: None, topic, data, scandale: Scandale::Same });
        Ok(())
    }
}

/// JSON text for a column.
pub(super) fn json(value: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|cause| DbErr::Json(cause.to_string()))
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Order>>,
}

impl Writer {
    /// Starts the writer. When all handles are gone, it does what is left in its queue, closes the
    /// database, and ends.
    pub(super) fn start(
        db: DatabaseConnection,
        reader: DatabaseConnection,
        ids: Ids,
        hub: Hub,
        tasks: &TaskTracker,
    ) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE);
        tasks.spawn(Desk { db, reader, ids, hub }.run(orders));
        Self { queue }
    }

    /// Does it, and answers once it is on disk.
    pub(super) async fn perform<D: Deed>(&self, deed: D) -> Result<D::Done, StoreError> {
        let (reply, answer) = oneshot::channel();
        let order = Box::new(Waiting { deed, done: None, reply });
        self.queue.send_timeout(order, PATIENCE).await.map_err(|refused| match refused {
            mpsc::error::SendTimeoutError::Timeout(_) => StoreError::Busy,
            mpsc::error::SendTimeoutError::Closed(_) => StoreError::Stopped,
        })?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

/// A deed whose type the writer need not know.
trait Order: Send {
    fn rows(&self) -> usize;
    fn apply<'a>(&'a mut self, ledger: &'a mut Ledger<'_>) -> Attempt<'a>;
    fn answer(self: Box<Self>, outcome: Result<(), Arc<DbErr>>);
}

type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send + 'a>>;

struct Waiting<D: Deed> {
    deed: D,
    done: Option<D::Done>,
    reply: oneshot::Sender<Result<D::Done, StoreError>>,
}

impl<D: Deed> Order for Waiting<D> {
    fn rows(&self) -> usize {
        self.deed.rows()
    }

    fn apply<'a>(&'a mut self, ledger: &'a mut Ledger<'_>) -> Attempt<'a> {
        Box::pin(async move {
            self.done = Some(self.deed.apply(ledger).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, outcome: Result<(), Arc<DbErr>>) {
        let answer = match (outcome, self.done) {
            (Ok(()), Some(done)) => Ok(done),
            (Ok(()), None) => Err(StoreError::Stopped),
            (Err(cause), _) => Err(StoreError::Database(cause)),
        };
        // Who asked may have gone; the deed is done all the same.
        drop(self.reply.send(answer));
    }
}

/// Where the writer sits: its connection, the numbers it gives out, and whom it tells.
struct Desk {
    db: DatabaseConnection,
    /// The readers' connections, closed with the own one.
    reader: DatabaseConnection,
    ids: Ids,
    hub: Hub,
}

impl Desk {
    async fn run(mut self, mut orders: mpsc::Receiver<Box<dyn Order>>) {
        while let Some(first) = orders.recv().await {
            let mut rows = first.rows();
            let mut together = vec![first];
            while rows < ROWS
                && let Ok(next) = orders.try_recv()
            {
                rows += next.rows();
                together.push(next);
            }
            self.commit(together).await;
        }
        for db in [self.reader, self.db] {
            if let Err(cause) = db.close().await {
                error!(error = %cause, "the database could not be closed: {cause}");
            }
        }
    }

    /// Does all of them in one transaction; when that fails, each in its own, so that one that can
    /// not be done takes no other with it.
    async fn commit(&mut self, mut together: Vec<Box<dyn Order>>) {
        match self.attempt(&mut together).await {
            Ok(()) => {
                for order in together {
                    order.answer(Ok(()));
                }
            }
            Err(cause) if together.len() == 1 => {
                error!(error = %cause, "a write failed: {cause}");
                let cause = Arc::new(cause);
                for order in together {
                    order.answer(Err(Arc::clone(&cause)));
                }
            }
            Err(cause) => {
                warn!(error = %cause, deeds = together.len(), "a shared write failed, trying each");
                for order in together {
                    Box::pin(self.commit(vec![order])).await;
                }
            }
        }
    }

    async fn attempt(&mut self, together: &mut [Box<dyn Order>]) -> Result<(), DbErr> {
        // Another process may write to the file: the lock is taken before anything is read.
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = self.db.begin_with_options(immediate).await?;
        let mut ledger =
            Ledger { tx: &tx, ids: self.ids, now_ms: clock::now_ms(), events: Vec::new() };
        for order in together {
            order.apply(&mut ledger).await?;
        }
        let Ledger { ids, events, .. } = ledger;
        events::keep(&tx, &events).await?;
        tx.commit().await?;
        self.ids = ids;
        self.hub.tell(&events);
        Ok(())
    }
}

//! The queues that an agent keeps on disk, and what stands in them.

use bytes::Bytes;
use runtime::{Change, Context, Interrupted, Kept, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::{Leaf, Presence, Proof};

/// Results that whoever aggregates has not confirmed yet.
pub(crate) const OUTBOX: &str = "outbox";
/// Items that wait for a time stamp.
pub(crate) const ANCHOR: &str = "anchor";
/// What the API has not got yet, in the order in which it must get it.
pub(crate) const FORWARD: &str = "forward";
/// What the API refused for good; kept to be looked at.
pub(crate) const REFUSED: &str = "refused";

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Parcel {
    /// A result, as it was made.
    Item(Value),
    /// A change of somebody's presence.
    Presence(Presence),
    /// A time stamp over a batch of items that went before it.
    Proof(Proof),
}

/// What stands in [`ANCHOR`].
pub(crate) type Pending = Leaf;

/// Puts a value at the end of a queue, once.
pub(crate) fn push<T: Serialize>(
    queue: &'static str,
    key: impl Into<String>,
    value: &T,
) -> Result<Change, serde_json::Error> {
    let value = Bytes::from(serde_json::to_vec(value)?);
    Ok(Change::Push { queue, key: key.into(), value })
}

/// Takes entries out of a queue.
pub(crate) fn drop_all<'a>(
    queue: &'static str,
    entries: impl IntoIterator<Item = &'a Kept>,
) -> Vec<Change> {
    entries.into_iter().map(|it| Change::Drop { queue, number: it.number }).collect()
}

/// Moves an entry to where it is looked at by a person.
pub(crate) fn set_aside(queue: &'static str, entry: &Kept) -> [Change; 2] {
    let (key, value) = (entry.key.clone(), entry.value.clone());
    [Change::Push { queue: REFUSED, key, value }, Change::Drop { queue, number: entry.number }]
}

/// Makes changes that put entries aside. Where there is no room for them any more, they are let
/// go: what nobody will ever take must not hold up the rest.
pub(crate) async fn settle(ctx: &Context, changes: Vec<Change>) -> Result<(), StoreError> {
    match ctx.store().commit(changes.clone()).await {
        Err(StoreError::Full { queue, limit }) if queue == REFUSED => {
            tracing::warn!(limit, "queue `{REFUSED}` is full; what is refused now is let go");
            let is_aside = |it: &Change| matches!(it, Change::Push { queue: REFUSED, .. });
            let others = changes.into_iter().filter(|it| !is_aside(it));
            ctx.store().commit(others.collect()).await
        }
        done => done,
    }
}

/// Waits until a queue holds something.
pub(crate) async fn wait_for(ctx: &Context, queue: &str) -> Result<(), Interrupted> {
    let mut changes = ctx.store().watch();
    loop {
        changes.mark_unchanged();
        // A queue that cannot be read is not empty: whoever reads it next says what is wrong.
        if ctx.store().count(queue).map_or(true, |count| count > 0) {
            return Ok(());
        }
        if ctx.until_stopped(changes.changed()).await?.is_err() {
            return Err(Interrupted);
        }
    }
}

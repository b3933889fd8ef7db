//! What the handlers share.

use std::sync::Arc;

use evidence::{Authority, OwnAuthority};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Gate, config::Limits, events::Hub, integrity::Integrity, metrics::Metrics, store::Store,
};

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) gate: Gate,
    pub(crate) limits: Limits,
    /// Whose tokens are believed; the own one first.
    pub(crate) authorities: Arc<[Authority]>,
    /// Their certificates, PEM.
    pub(crate) anchors: String,
    pub(crate) own: Option<Arc<OwnAuthority>>,
    pub(crate) metrics: Metrics,
    /// Whether the database is what was stored.
    pub(crate) integrity: Arc<Integrity>,
    pub(crate) started_ms: i64,
    /// How many items are missing, and when that was counted: it takes a walk over all of them.
    pub(crate) missing: tokio::sync::Mutex<Option<(i64, u64)>>,
    /// Wakes the registrar when something is wanted of it.
    pub(crate) orders: tokio::sync::Notify,
    /// Ends every stream.
    pub(crate) closing: CancellationToken,
}

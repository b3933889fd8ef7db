//! The file that says that everything is available, and where.

use serde::{Deserialize, Serialize};

/// What `ready.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// The API and the dashboard.
    pub(crate) http: String,
    /// The XMPP server.
    pub(crate) xmpp: String,
    /// The domain of its accounts.
    pub(crate) domain: String,
    /// The process of the platform.
    pub(crate) pid: u32,
}

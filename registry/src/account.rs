//! Who logs in, and where.

use std::{fmt, sync::Arc};

use runtime::AgentId;
use tokio_xmpp::jid::BareJid;

use crate::Roots;

/// A password. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The password itself, for who must have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// Where the SRV records of the account's domain say (RFC 6120 section 3.2.1).
    Srv,
    /// At this `host:port`.
    At(String),
}

/// An account and the way to its server.
#[derive(Clone, Debug)]
pub struct Account {
    /// `name@domain`.
    pub jid: BareJid,
    /// Its password.
    pub password: Secret,
    /// Where its server is.
    pub server: Server,
    /// Who may vouch for the server's certificate.
    pub roots: Roots,
    /// Who keeps the directory; an agent that is the registrar names itself.
    pub registrar: AgentId,
    /// Whose subscription to our presence is approved, and whose presence we want, besides the
    /// registrar's. A stranger's is never approved.
    pub contacts: Vec<AgentId>,
    /// For which duties the registrar is asked who does them.
    pub wants: Vec<String>,
}

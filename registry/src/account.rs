//! Who logs in, and where.

use std::{fmt, sync::Arc};

use runtime::AgentId;
use tokio_xmpp::jid::{BareJid, Jid};

use crate::Roots;

/// A password. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The password itself, for who must have it.
    pub fn reveal(&self) -> &str {
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

/// Whose wish to see our presence is granted, besides the contacts'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscriptions {
    /// Nobody's, and nobody is troubled with it.
    Contacts,
    /// That of everybody in our own domain, who counts as a contact from then on; about others a
    /// person decides.
    Domain,
    /// A person decides ([`runtime::Errand::Approve`], [`runtime::Errand::Deny`]).
    #[default]
    Ask,
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
    /// registrar's. Whom a person let in counts as one too: the server's roster remembers it.
    pub contacts: Vec<AgentId>,
    /// Who else may see our presence.
    pub subscriptions: Subscriptions,
    /// Where artifacts are published (XEP-0060); none: `pubsub.` and our domain.
    pub pubsub: Option<AgentId>,
    /// For which duties the registrar is asked who does them.
    pub wants: Vec<String>,
}

impl Account {
    /// The address of the service where artifacts are published.
    pub(crate) fn service(&self) -> Jid {
        let usual = || format!("pubsub.{}", self.jid.domain());
        let wanted = self.pubsub.as_ref().map_or_else(usual, ToString::to_string);
        // Nobody answers at one's own account, which is better than a broken address.
        wanted.parse().unwrap_or_else(|_| self.jid.clone().into())
    }
}

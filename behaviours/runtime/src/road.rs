//! The road messages travel: XMPP in the field, memory within one process.

use std::{fmt, pin::Pin, sync::Arc};

use crate::{AgentId, Duty, Message};

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
    /// The road cannot do that.
    #[error("this road cannot {0}")]
    Unable(&'static str),
    /// Whoever should do it does not want to.
    #[error("`{by}` refuses: {why}")]
    Refused {
        /// Who.
        by: AgentId,
        /// What it says.
        why: String,
    },
    /// Whoever should do it does not answer, or the connection broke before it did.
    #[error("`{0}` does not answer")]
    Silent(AgentId),
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

/// Something that a road does beside carrying messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Errand {
    /// Lets somebody see our presence who asked to.
    Approve(AgentId),
    /// Does not, or no longer.
    Deny(AgentId),
    /// Asks to see somebody's presence.
    Subscribe(AgentId),
    /// Does not want to see it any more.
    Unsubscribe(AgentId),
    /// Publishes something under our own name, for everybody who follows us.
    Publish(Arc<str>),
    /// Wants to hear what somebody publishes. It comes as a message: `inform`, from the one who
    /// publishes, with the ontology [`PUBLISHED`].
    Follow(AgentId),
    /// Does not want to hear it any more.
    Unfollow(AgentId),
    /// Makes an account on our server (XEP-0133); for administrators.
    AddAccount {
        /// Which.
        account: AgentId,
        /// Its password.
        password: Hidden,
        /// Whether it may be there already, and gets the password all the same.
        again: bool,
    },
    /// Ends the sessions of an account and removes it (XEP-0133); for administrators. That there
    /// is none is no mistake.
    RemoveAccount(AgentId),
    /// Changes our own password (XEP-0077).
    ChangePassword(Hidden),
}

/// Words that are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Arc<str>);

impl Hidden {
    /// The words themselves, for who must have them.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(words: &str) -> Self {
        Self(words.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Errand {
    /// What it is, for who cannot do it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve(_) | Self::Deny(_) => "answer who wants to see us",
            Self::Subscribe(_) | Self::Unsubscribe(_) => "ask for presence",
            Self::Publish(_) => "publish",
            Self::Follow(_) | Self::Unfollow(_) => "follow what others publish",
            Self::AddAccount { .. } | Self::RemoveAccount(_) => "make or remove accounts",
            Self::ChangePassword(_) => "change a password",
        }
    }
}

/// The ontology of what comes from somebody who is followed.
pub const PUBLISHED: &str = "vedette:published";

/// One agent's way to the others. What comes the other way goes through the agent's
/// [`Door`](crate::Door).
pub trait Road: Send + Sync + fmt::Debug + 'static {
    /// Sends a message whose sender is filled in and whose address is an agent's.
    fn send(&self, message: Message) -> Sending;

    /// Does something else than carrying a message; it is done once this is answered.
    fn run(&self, errand: Errand) -> Sending {
        Sending::Done(Err(SendError::Unable(errand.name())))
    }

    /// Takes leave and closes the connection.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

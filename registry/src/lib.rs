//! Whom agents reach, and how safely: the XMPP road.
//!
//! An [`Account`] says who logs in where. [`XmppRoad::connect`] makes the road: one task owns the
//! connection (`link`), logs in (`login`) over a verified TLS (`connect`, `tls`), greets
//! the server and the registrar, and from then on turns stanzas into messages (`codec`),
//! presence into what the agent's directory knows (`contacts`), published items into messages
//! (`artifacts`), and forms into calls of commands (`commands`).
//!
//! Where there is no server, [`prosody`] runs one of our own.
//!
//! Behaviours never see a stanza, and nothing here knows a behaviour.

mod account;
mod road;

mod addresses;
mod dialler;
mod link;
mod outbox;

mod codec;
mod sealing;

mod announce;
mod contacts;
mod greetings;

mod admin;
mod artifacts;
mod errands;
mod requests;

mod caps;
mod commands;
mod disco;
mod element;
mod form;
mod queries;

mod backoff;
mod chance;
mod connect;
mod guard;
mod login;
mod tls;

pub mod enrolment;
mod identity;
mod key_file;
mod members;
mod notary;
mod pin;
mod signing;
mod token;
mod transcript;
mod trust;

pub mod prosody;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use account::{Account, Secret, Server, Subscriptions};
pub use connect::ConnectError;
pub use identity::DeviceIdentity;
pub use key_file::{KeyFileError, write as write_private};
pub use members::{Members, MembersError, Validity};
pub use notary::Notary;
pub use pin::{PinError, pinned_authority};
pub use road::{LinkState, RoadError, XmppRoad};
pub use sealing::{Policies, Sealing};
pub use signing::{NoKey, SigningKey, VerifyingKey};
pub use tls::{Roots, TlsError};
pub use token::{Token, TokenError};
pub use tokio_xmpp::jid::BareJid;
pub use trust::{Trust, TrustError};
pub use types::Policy;

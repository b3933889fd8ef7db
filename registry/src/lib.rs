//! Whom agents reach, and how safely: the XMPP road.
//!
//! An [`Account`] says who logs in where. [`XmppRoad::connect`] makes the road: one task owns the
//! connection (`link`), logs in (`login`) over a verified TLS (`connect`, `tls`), greets
//! the server and the registrar, and from then on turns stanzas into messages (`codec`) and
//! presence into what the agent's directory knows (`contacts`).
//!
//! Where there is no server, [`prosody`] runs one of our own.
//!
//! Behaviours never see a stanza, and nothing here knows a behaviour.

mod account;
mod road;

mod addresses;
mod link;
mod outbox;

mod codec;

mod announce;
mod contacts;

mod queries;

mod backoff;
mod chance;
mod connect;
mod login;
mod tls;

pub mod prosody;

pub use account::{Account, Secret, Server};
pub use connect::ConnectError;
pub use road::{LinkState, XmppRoad};
pub use tls::{Roots, TlsError};
pub use tokio_xmpp::jid::BareJid;

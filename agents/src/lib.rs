//! Who: a file becomes a running agent.
//!
//! A [`Config`] is what a file says, every mistake told at once; a [`Role`] says what an agent
//! may run and what it runs by itself; a [`Running`] agent has its state on disk ([`DiskStore`])
//! before it says a word.

mod config;
mod role;

mod running;

mod disk;

mod joining;
mod petition;
mod rotation;

mod listing;

pub use behaviours::{chat::Operators, enrol::REVOKED};
pub use config::{Config, ConfigError};
pub use disk::DiskStore;
pub use joining::{JoinError, Joined, join};
pub use listing::{Listed, listing, protocols, stock_kinds};
pub use petition::PetitionError;
pub use registry::{
    ConnectError, DeviceIdentity, KeyFileError, LinkState, Secret, SigningKey, TlsError, Token,
    TokenError, VerifyingKey, prosody,
};
pub use role::Role;
pub use rotation::{RotateError, rotate};
pub use running::{Running, StartError};
pub use runtime::{Catalogue, Chain, Clock, Entry, Hub, Problem, Setting, dot, mermaid};
pub use types::{Announcement, BehaviourReport, Device, Diagram, Member};

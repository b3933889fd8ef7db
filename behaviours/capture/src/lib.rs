//! Packets, and the conversations that they make up.
//!
//! A [`Flow`] is one conversation with both its ways (a biflow, RFC 5103), told in Zeek's terms
//! (`conn_state`, `history`). What a packet says beside that (a name asked for, a claim to an
//! address) is told when it is [`Seen`]. An [`Engine`] makes the one out of the other; it does no I/O.

mod counters;
mod engine;
mod file;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod live;
pub mod logs;
mod metadata;
mod moment;
mod seen;
mod service;
mod settings;
mod spread;
mod state;

mod bytes;
mod checksum;
mod community;
mod decode;
mod fragments;
mod history;
mod icmp;
mod inspect;
mod link;
mod packet;
mod ports;
mod record;
mod redact;
mod table;
mod tcp;
mod tunnel;
mod wheel;

pub use counters::Counters;
pub use engine::{Engine, Frame};
pub use file::{File, FileError, merge};
pub use flow::{Ended, Endpoint, Flow, Protocol, Way};
pub use live::{Kernel, Live, LiveError, LiveSettings};
pub use metadata::{
    Arp, ArpKind, Credentials, Dhcp, Dns, DnsAnswer, Http, Metadata, Request, Ssh, Tls,
};
pub use moment::Moment;
pub use seen::Seen;
pub use service::Service;
pub use settings::Settings;
pub use spread::Spread;
pub use state::State;

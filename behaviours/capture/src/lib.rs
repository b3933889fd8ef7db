//! Packets, and the conversations that they make up.
//!
//! A [`Flow`] is one conversation with both its ways (a biflow, RFC 5103), told in Zeek's terms
//! (`conn_state`, `history`). What a packet says beside that (a name asked for, a claim to an
//! address) is told when it is [`Seen`].

mod flow;
pub mod logs;
mod metadata;
mod moment;
mod seen;
mod service;
mod spread;
mod state;

pub use flow::{Ended, Endpoint, Flow, Protocol, Way};
pub use metadata::{
    Arp, ArpKind, Credentials, Dhcp, Dns, DnsAnswer, Http, Metadata, Request, Ssh, Tls,
};
pub use moment::Moment;
pub use seen::Seen;
pub use service::Service;
pub use spread::Spread;
pub use state::State;

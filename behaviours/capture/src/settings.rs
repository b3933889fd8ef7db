//! How packets become flows.

use serde::{Deserialize, Serialize};

/// The limits of the flow table and what is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many conversations are followed at once. When there are more, the one whose time-out is
    /// nearest is told and forgotten: attempts that nobody answered before all others.
    pub max_flows: usize,
    /// Seconds of silence after which a conversation over TCP is over; of SSH and FTP it is an hour.
    pub tcp_idle: f64,
    /// Seconds of silence after which any other conversation is over.
    pub idle: f64,
    /// Seconds after which an attempt that nobody answered is told.
    pub attempt: f64,
    /// Seconds that a closed conversation is kept for what comes late.
    pub linger: f64,
    /// Seconds after which a conversation that goes on is told in parts; 0 for never.
    pub active: f64,
    /// How many of the first payload bytes each way are kept; logins, cookies and queries in them are
    /// overwritten with `*`.
    pub payload_bytes: usize,
    /// Whether packets with a wrong checksum are left out. A card that computes checksums itself
    /// makes all that this host sends look wrong.
    pub verify_checksums: bool,
    /// How many tunnels, one inside the other, are looked into.
    pub max_tunnels: u8,
    /// How many packets are put together out of fragments at once. When there are more, the oldest is
    /// given up.
    pub max_fragmented: usize,
    /// Of how many conversations the first bytes are put together at once, up to 16 KiB each. Of those
    /// beyond, nothing is read.
    pub max_heads: usize,
    /// What the table is mixed with. A live capture draws one at its start, so that nobody can make
    /// all conversations meet in one place; of a file the same seed gives the same order.
    #[serde(skip)]
    pub seed: u64,
    /// Whether names, requests and handshakes are read.
    pub metadata: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_flows: 250_000,
            tcp_idle: 300.0,
            idle: 60.0,
            attempt: 5.0,
            linger: 5.0,
            active: 1800.0,
            payload_bytes: 0,
            verify_checksums: false,
            max_tunnels: 4,
            max_fragmented: 1024,
            max_heads: 8192,
            seed: 0,
            metadata: true,
        }
    }
}

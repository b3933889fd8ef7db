//! What became of the packets, in figures that are shown.

use serde::{Deserialize, Serialize};

/// Counts since the start. What is not in a flow is in one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Frames that came in.
    pub frames: u64,
    /// Their bytes, as they were on the wire.
    pub bytes: u64,
    /// IP packets that went into flows, those in tunnels too.
    pub packets: u64,
    /// Frames that carry neither IP nor ARP.
    pub other: u64,
    /// Frames and packets whose headers make no sense or are cut off.
    pub malformed: u64,
    /// Frames of a link type that is not read, or of an interface that its file does not describe.
    pub unread: u64,
    /// Packets whose checksum is wrong, where checksums are looked at.
    pub bad_checksums: u64,
    /// ARP messages.
    pub arp: u64,
    /// Fragments that came in.
    pub fragments: u64,
    /// Packets put together out of them.
    pub reassembled: u64,
    /// Fragments given up: too late, too many, or lying.
    pub fragments_lost: u64,
    /// Packets in tunnels deeper than is looked into.
    pub too_deep: u64,
    /// Flows told.
    pub flows: u64,
    /// Of them, those told because the table was full.
    pub evicted: u64,
    /// Packets captured earlier than the one before.
    pub backwards: u64,
    /// Conversations whose first bytes were not read, because too many were being read.
    pub unread_heads: u64,
}

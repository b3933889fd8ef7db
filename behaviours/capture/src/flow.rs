//! A conversation with both its ways.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Metadata, Moment, Service, Spread, State};

/// One conversation: what one side started, and what the other answered (RFC 5103).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// When its first packet was seen.
    pub start: Moment,
    /// When its last packet was seen.
    pub end: Moment,
    /// Who started it.
    pub originator: Endpoint,
    /// Who was spoken to.
    pub responder: Endpoint,
    /// What carries it.
    pub protocol: Protocol,
    /// What is spoken, where that could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// How it stands.
    pub state: State,
    /// What happened, a letter each, as Zeek's `history` has it.
    pub history: String,
    /// From the originator to the responder.
    pub forward: Way,
    /// From the responder to the originator.
    pub reverse: Way,
    /// Times between packets, whichever way, in seconds.
    #[serde(default)]
    pub gaps: Spread,
    /// Why it was told.
    pub ended: Ended,
    /// Which part of a long conversation this is; the first is 0.
    #[serde(default)]
    pub part: u32,
    /// How many others of its kind are added to it, because there was no room for each.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub merged: u32,
    /// The outer VLAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The tunnel that it went through, of several the innermost: `gre`, `vxlan:42`, `ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<String>,
    /// The Ethernet addresses of originator and responder, where the link has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<[[u8; 6]; 2]>,
    /// What the two said of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Metadata>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port; of ICMP what Zeek writes there (the type, and the type of the answer or the code).
    pub port: u16,
}

/// What carries a conversation: the number that IANA gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMP of IPv4.
    pub const ICMP: Self = Self(1);
    /// ICMP of IPv6.
    pub const ICMP6: Self = Self(58);

    /// Whether it is ICMP, of IPv4 or of IPv6.
    pub fn is_icmp(self) -> bool {
        self == Self::ICMP || self == Self::ICMP6
    }

    /// As Zeek writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::ICMP | Self::ICMP6 => "icmp",
            _ => "unknown_transport",
        }
    }
}

/// What went one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets, headers and all.
    pub bytes: u64,
    /// Bytes of payload; of TCP what the sequence numbers say, as Zeek counts.
    pub payload: u64,
    /// TCP's flags of all its packets, or-ed.
    #[serde(default)]
    pub flags: u8,
    /// Packets that brought what had been there already.
    #[serde(default)]
    pub repeated: u32,
    /// Lengths of IP packets, in bytes.
    #[serde(default)]
    pub lengths: Spread,
    /// Times between packets, in seconds.
    #[serde(default)]
    pub gaps: Spread,
    /// The first bytes of payload, where the configuration says that they are kept; secrets in them
    /// are overwritten with `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<u8>,
}

/// Why a flow was told (IPFIX `flowEndReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Nothing came for long.
    Idle,
    /// It goes on; this is what there was so far.
    Active,
    /// It came to its end.
    Closed,
    /// The capture ended.
    Forced,
    /// The table was full.
    LackOfResources,
}

impl Flow {
    /// How long it went on, in seconds.
    pub fn duration(&self) -> f64 {
        self.end.since(self.start).max(0.0)
    }
}

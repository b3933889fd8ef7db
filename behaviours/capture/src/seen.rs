//! What is told of traffic as it happens.

use serde::{Deserialize, Serialize};

use crate::{Arp, Dhcp, Dns, Flow, Moment};

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// A conversation, at its end or a part of it.
    Flow(Box<Flow>),
    /// A question or an answer of the domain name system.
    Dns(Dns),
    /// Who has an address.
    Arp(Arp),
    /// A host that asked for an address.
    Dhcp(Dhcp),
}

impl Seen {
    /// When it was known: of a flow, when it was told last.
    pub fn at(&self) -> Moment {
        match self {
            Self::Flow(flow) => flow.end,
            Self::Dns(dns) => dns.at,
            Self::Arp(arp) => arp.at,
            Self::Dhcp(dhcp) => dhcp.at,
        }
    }
}

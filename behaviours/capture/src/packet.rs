//! One packet as the flow table wants it.

use std::net::{IpAddr, Ipv6Addr};

use crate::{Endpoint, Moment, Protocol};

/// What one IP packet says, without its payload's meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// When it was captured.
    pub(crate) at: Moment,
    /// Who sent it.
    pub(crate) source: Side,
    /// Whom it was for.
    pub(crate) destination: Side,
    pub(crate) protocol: Protocol,
    /// TCP's part, where it is TCP.
    pub(crate) tcp: Option<Tcp>,
    /// Bytes of the IP packet, as its header says.
    pub(crate) bytes: u32,
    /// Bytes of payload above TCP, UDP or ICMP, as the headers say.
    pub(crate) length: u32,
    /// What of the payload was captured.
    pub(crate) payload: &'a [u8],
    pub(crate) outer: Outer,
}

/// An address and a port in the form in which they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Side {
    /// The address; of IPv4 in IPv6's mapped form (RFC 4291, 2.5.5.2).
    pub(crate) address: u128,
    /// The port; of ICMP as Zeek writes it.
    pub(crate) port: u16,
}

/// What TCP's header says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tcp {
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
}

/// TCP's flags (RFC 9293, 3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x10;
}

/// What was around the IP packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outer {
    /// Source and destination on Ethernet.
    pub(crate) link: Option<[[u8; 6]; 2]>,
    pub(crate) vlan: Option<u16>,
    /// The innermost tunnel, and the network that it names.
    pub(crate) tunnel: Option<Tunnel>,
    /// How many tunnels it went through.
    pub(crate) depth: u8,
}

/// What carries a packet inside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tunnel {
    Ip,
    Gre,
    Vxlan(u32),
    Geneve(u32),
    Teredo,
    Gtp(u32),
}

impl Tunnel {
    /// Keeps conversations of different networks apart that use the same addresses.
    pub(crate) fn scope(self) -> u32 {
        match self {
            Self::Ip => 1,
            Self::Gre => 2,
            Self::Teredo => 3,
            // What a GTP tunnel is called differs by direction.
            Self::Gtp(_) => 4,
            Self::Vxlan(network) => 0x0100_0000 | network,
            Self::Geneve(network) => 0x0200_0000 | network,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Ip => "ip".to_owned(),
            Self::Gre => "gre".to_owned(),
            Self::Teredo => "teredo".to_owned(),
            Self::Gtp(_) => "gtp".to_owned(),
            Self::Vxlan(network) => format!("vxlan:{network}"),
            Self::Geneve(network) => format!("geneve:{network}"),
        }
    }
}

impl Side {
    /// Whether it is a multicast or the broadcast address.
    pub(crate) fn is_for_many(self) -> bool {
        let address = Ipv6Addr::from_bits(self.address);
        match address.to_ipv4_mapped() {
            Some(address) => address.is_multicast() || address.is_broadcast(),
            None => address.is_multicast(),
        }
    }

    pub(crate) fn endpoint(self) -> Endpoint {
        let address = Ipv6Addr::from_bits(self.address);
        let address = address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4);
        Endpoint { address, port: self.port }
    }
}

impl Tcp {
    #[inline]
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

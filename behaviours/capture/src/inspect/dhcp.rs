//! DHCP for IPv4 (RFC 2131, RFC 2132).

use std::net::{IpAddr, Ipv4Addr};

use crate::{Dhcp, bytes::Bytes, inspect::text, packet::Packet};

pub(super) fn read(packet: &Packet<'_>) -> Option<Dhcp> {
    let mut bytes = Bytes(packet.payload);
    let [_, hardware, length, _] = bytes.array::<4>()?;
    if (hardware, length) != (1, 6) {
        return None;
    }
    bytes.take(8)?;
    let client_address = bytes.u32()?;
    let your_address = bytes.u32()?;
    bytes.take(8)?;
    let client = bytes.array::<6>()?;
    bytes.take(10 + 64 + 128)?;
    if bytes.u32()? != 0x6382_5363 {
        return None;
    }
    let given = [your_address, client_address].into_iter().find(|address| *address != 0);
    let mut dhcp = Dhcp {
        at: packet.at,
        client,
        kind: 0,
        host_name: None,
        address: given.map(|address| IpAddr::V4(Ipv4Addr::from_bits(address))),
        vendor: None,
        routers: Vec::new(),
    };
    while let Some(option) = bytes.u8() {
        if option == 0 {
            continue;
        }
        if option == 255 {
            break;
        }
        let Some(value) = bytes.short() else { break };
        match (option, value.0) {
            (53, [kind]) => dhcp.kind = *kind,
            (12, name) => dhcp.host_name = Some(text::kept(name)),
            (50, value) => {
                if let Ok(octets) = <[u8; 4]>::try_from(value) {
                    dhcp.address.get_or_insert(IpAddr::V4(Ipv4Addr::from(octets)));
                }
            }
            (60, vendor) => dhcp.vendor = Some(text::kept(vendor)),
            (3, routers) => {
                let (routers, _) = routers.as_chunks::<4>();
                let routers = routers.iter().take(8);
                dhcp.routers = routers.map(|octets| IpAddr::V4(Ipv4Addr::from(*octets))).collect();
            }
            _ => {}
        }
    }
    Some(dhcp)
}

//! The community id of a flow, version 1: the same in every tool that knows it
//! (<https://github.com/corelight/community-id-spec>).

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use crate::{Flow, Protocol, icmp};

impl Flow {
    /// Its community id, with that seed (0 where nothing else was agreed on).
    pub fn community_id(&self, seed: u16) -> String {
        let (mut source, mut target) = (self.originator, self.responder);
        let mut ordered = (source.address, source.port) < (target.address, target.port);
        if self.protocol.is_icmp() {
            let narrow = |port: u16| u8::try_from(port).unwrap_or(u8::MAX);
            let (kind, protocol) = (narrow(source.port), self.protocol.0);
            // Messages that nothing answers have a direction of their own.
            let answered = icmp::counterpart(protocol, kind, u8::MAX) != u16::from(u8::MAX);
            ordered = ordered || !answered;
        }
        if !ordered {
            std::mem::swap(&mut source, &mut target);
        }
        let mut hash = Sha1::new();
        hash.update(seed.to_be_bytes());
        for address in [source.address, target.address] {
            match address {
                IpAddr::V4(address) => hash.update(address.octets()),
                IpAddr::V6(address) => hash.update(address.octets()),
            }
        }
        hash.update([self.protocol.0, 0]);
        let has_ports = matches!(self.protocol, Protocol::TCP | Protocol::UDP)
            || self.protocol.is_icmp()
            || self.protocol.0 == 132;
        if has_ports {
            hash.update(source.port.to_be_bytes());
            hash.update(target.port.to_be_bytes());
        }
        format!("1:{}", STANDARD.encode(hash.finalize()))
    }
}

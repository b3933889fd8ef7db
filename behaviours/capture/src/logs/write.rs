//! Writes conversations as other programs do, so that their tools can read them.

mod eve;
mod table;

pub use eve::{Alert, EveWriter};
pub use table::TableWriter;

use crate::{Flow, Protocol};

/// A number for a conversation that is the same wherever it is computed: FNV-1a of who, what and
/// when.
fn identity(flow: &Flow) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for side in [flow.originator, flow.responder] {
        match side.address {
            std::net::IpAddr::V4(address) => add(&address.octets()),
            std::net::IpAddr::V6(address) => add(&address.octets()),
        }
        add(&side.port.to_be_bytes());
    }
    let Protocol(protocol) = flow.protocol;
    add(&[protocol]);
    add(&flow.start.0.to_be_bytes());
    hash
}

//! What came of a conversation, as detectors ask it.

use std::net::IpAddr;

use capture::{Flow, Protocol, State};

/// Whether it is an address of many: multicast, broadcast, or of nobody. A directed broadcast is
/// taken to end in 255.
pub(crate) fn is_of_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_multicast()
                || address.is_unspecified()
                || address.octets().last() == Some(&255)
        }
        IpAddr::V6(address) => address.is_multicast() || address.is_unspecified(),
    }
}

/// Whether the originator tried to reach the responder: it sent something, to one host, for the
/// first time (a later part of a conversation is no new one), and not from a well-known port to a high one, as an answer would whose question was not seen.
pub(crate) fn is_attempt(flow: &Flow) -> bool {
    let looks_answered = flow.originator.port < 1024
        && flow.responder.port >= 1024
        && !flow.history.starts_with('S')
        && !flow.protocol.is_icmp();
    flow.part == 0
        && flow.forward.packets > 0
        && !is_of_many(flow.responder.address)
        && !is_of_many(flow.originator.address)
        && !looks_answered
}

/// Whether nothing came of it: no answer, turned away, or broken off before a word was said.
pub(crate) fn is_fruitless(flow: &Flow) -> bool {
    let reset = matches!(flow.state, State::Rsto | State::Rstr | State::Oth);
    let mute = flow.forward.payload == 0 && flow.reverse.payload == 0;
    match flow.protocol {
        Protocol::TCP => flow.state.failed() || (reset && mute),
        Protocol::UDP => flow.state == State::S0,
        _ => false,
    }
}

/// How many conversations it stands for: itself, and those that were added to it for want of room.
pub(crate) fn times(flow: &Flow) -> u64 {
    u64::from(flow.merged) + 1
}

/// Whether both sides of a TCP conversation said something.
pub(crate) fn is_talk(flow: &Flow) -> bool {
    flow.protocol == Protocol::TCP
        && !flow.state.failed()
        && flow.forward.payload > 0
        && flow.reverse.payload > 0
}

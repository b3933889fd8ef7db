//! How a conversation stands, where a log tells only TCP's flags.

use crate::{Protocol, State};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PUSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URGENT: u8 = 0x20;

/// Zeek's state, as near as the or-ed flags of both ways can tell it: they do not tell an order.
pub(super) fn state(forward: u8, reverse: u8) -> State {
    let [fin, reset] = [FIN, RST].map(|flag| (forward & flag != 0, reverse & flag != 0));
    match (forward & SYN != 0, reverse & SYN != 0) {
        (true, true) => match (reset, fin) {
            ((true, _), _) => State::Rsto,
            ((_, true), _) => State::Rstr,
            (_, (true, true)) => State::Sf,
            (_, (true, false)) => State::S2,
            (_, (false, true)) => State::S3,
            (_, (false, false)) => State::S1,
        },
        (true, false) if reset.1 => State::Rej,
        (true, false) if reverse != 0 => State::Oth,
        (true, false) if reset.0 => State::Rstos0,
        (true, false) if fin.0 => State::Sh,
        (true, false) => State::S0,
        (false, true) if forward == 0 && reset.1 => State::Rstrh,
        (false, true) if forward == 0 && fin.1 => State::Shr,
        (false, _) => State::Oth,
    }
}

/// Zeek's state of what has no flags: whether either side spoke.
pub(super) fn spoken(protocol: Protocol, forward: u64, reverse: u64) -> State {
    match (forward > 0, reverse > 0) {
        _ if protocol != Protocol::UDP => State::Oth,
        (true, true) => State::Sf,
        (true, false) => State::S0,
        (false, true) => State::Shr,
        (false, false) => State::Oth,
    }
}

/// Letters of Zeek's `history` for what flags say, in the order of a usual conversation.
pub(super) fn history(forward: u8, reverse: u8) -> String {
    let both_ways =
        [(SYN, 'S', 'h'), (ACK, 'A', 'a'), (PUSH, 'D', 'd'), (FIN, 'F', 'f'), (RST, 'R', 'r')];
    let mut history = String::new();
    for (flag, ours, theirs) in both_ways {
        if forward & flag != 0 {
            history.push(ours);
        }
        if reverse & flag != 0 {
            history.push(theirs);
        }
    }
    history
}

/// Bytes of payload, where a log counts only whole packets: without the least headers that they
/// must have had.
pub(super) fn payload(protocol: Protocol, v6: bool, packets: u64, bytes: u64) -> u64 {
    let network = if v6 { 40 } else { 20 };
    let transport = match protocol {
        Protocol::TCP => 20,
        Protocol::UDP | Protocol::ICMP | Protocol::ICMP6 => 8,
        _ => 0,
    };
    bytes.saturating_sub(packets.saturating_mul(network + transport))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tell_how_it_stands() {
        let table = [
            (SYN, 0, State::S0),
            (SYN, RST | ACK, State::Rej),
            (SYN | RST, 0, State::Rstos0),
            (SYN | FIN, 0, State::Sh),
            (SYN | ACK, SYN | ACK, State::S1),
            (SYN | ACK | FIN, SYN | ACK | FIN, State::Sf),
            (SYN | ACK | FIN, SYN | ACK, State::S2),
            (SYN | ACK, SYN | ACK | FIN, State::S3),
            (SYN | ACK | RST, SYN | ACK, State::Rsto),
            (SYN | ACK, SYN | ACK | RST, State::Rstr),
            (0, SYN | ACK | RST, State::Rstrh),
            (0, SYN | ACK | FIN, State::Shr),
            (ACK | PUSH, ACK, State::Oth),
        ];
        for (forward, reverse, wanted) in table {
            assert_eq!(state(forward, reverse), wanted, "{forward:#x} {reverse:#x}");
        }
    }
}

//! One row of what Argus' `ra -n -c ,` prints, by its own names of columns.

use super::{
    Fault, Label,
    columns::{Column, Row},
    flags, zeek,
};
use crate::{Endpoint, Flow, Moment, Protocol, Spread, State, Way};

/// Argus counts the Ethernet header, too.
const LINK: u64 = 14;

/// The conversation that a row tells, and its label. What Argus does not print by default is
/// estimated: packets of each way by the share of its bytes, payload by the least headers.
pub(super) fn read(row: &Row<'_>) -> Result<(Flow, Option<Label>), Fault> {
    let start = row.moment(Column::Start)?;
    let end = match (row.span(Column::Duration)?, row.get(Column::End)) {
        (Some(span), _) => Moment(start.0.saturating_add(span)),
        (None, Some(_)) => row.moment(Column::End)?.max(start),
        (None, None) => start,
    };
    let mut originator = endpoint(row, Column::Source, Column::SourcePort)?;
    let mut responder = endpoint(row, Column::Target, Column::TargetPort)?;
    let protocol = zeek::named(row.must(Column::Protocol)?, originator.address);
    let v6 = originator.address.is_ipv6();
    let [mut forward, mut reverse] = ways(row, protocol, v6)?;
    if row.get(Column::Direction).is_some_and(|it| it.starts_with('<') && !it.ends_with('>')) {
        std::mem::swap(&mut originator, &mut responder);
        std::mem::swap(&mut forward, &mut reverse);
    }
    let state =
        state(row.get(Column::State).unwrap_or_default(), protocol, &mut forward, &mut reverse);
    let flow = Flow {
        start,
        end,
        originator,
        responder,
        protocol,
        service: None,
        state,
        history: flags::history(forward.flags, reverse.flags),
        forward,
        reverse,
        gaps: Spread::default(),
        ended: zeek::ended(state),
        part: 0,
        merged: 0,
        vlan: None,
        tunnel: None,
        link: None,
        metadata: None,
    };
    Ok((flow, zeek::label(row)))
}

fn endpoint(row: &Row<'_>, address: Column, port: Column) -> Result<Endpoint, Fault> {
    Ok(Endpoint { address: row.address(address)?, port: row.port(port)? })
}

fn ways(row: &Row<'_>, protocol: Protocol, v6: bool) -> Result<[Way; 2], Fault> {
    let both = |all, one, other| -> Result<[Option<u64>; 3], Fault> {
        Ok([row.maybe_count(all)?, row.maybe_count(one)?, row.maybe_count(other)?])
    };
    let bytes = both(Column::Bytes, Column::SourceBytes, Column::TargetBytes)?;
    let packets = both(Column::Packets, Column::SourcePackets, Column::TargetPackets)?;
    let bytes = split(bytes, 1, 1);
    let packets = split(packets, bytes[0], bytes[1]);
    let payload = [Column::SourcePayload, Column::TargetPayload];
    let way = |packets: u64, bytes: u64, payload| -> Result<Way, Fault> {
        let bytes = bytes.saturating_sub(packets.saturating_mul(LINK));
        let told = row.maybe_count(payload)?;
        let payload = told.unwrap_or_else(|| flags::payload(protocol, v6, packets, bytes));
        Ok(Way { packets, bytes, payload, ..Way::default() })
    };
    Ok([way(packets[0], bytes[0], payload[0])?, way(packets[1], bytes[1], payload[1])?])
}

/// Both ways of what may be told as a sum, by shares where nothing else is told.
fn split(told: [Option<u64>; 3], forward: u64, reverse: u64) -> [u64; 2] {
    match told {
        [_, Some(one), Some(other)] => [one, other],
        [Some(all), Some(one), None] => [one, all.saturating_sub(one)],
        [Some(all), None, Some(other)] => [all.saturating_sub(other), other],
        [Some(all), None, None] if reverse == 0 => [all, 0],
        [Some(all), None, None] => {
            let sum = u128::from(forward) + u128::from(reverse);
            let share = u128::from(all) * u128::from(forward) / sum.max(1);
            let one = u64::try_from(share).unwrap_or(all).max(all.min(1));
            [one, all - one.min(all)]
        }
        [None, one, other] => [one.unwrap_or(0), other.unwrap_or(0)],
    }
}

/// Of `FSPA_FSPA`, or of a word.
fn state(text: &str, protocol: Protocol, forward: &mut Way, reverse: &mut Way) -> State {
    if protocol != Protocol::TCP {
        return flags::spoken(protocol, forward.packets, reverse.packets);
    }
    if let Some((ours, theirs)) = text.split_once('_') {
        forward.flags = letters(ours);
        reverse.flags = letters(theirs);
        return flags::state(forward.flags, reverse.flags);
    }
    match text {
        "REQ" | "INT" => State::S0,
        "RST" if reverse.packets == 0 => State::Rstos0,
        "RST" => State::Rstr,
        "FIN" | "CLO" => State::Sf,
        "ACC" | "CON" | "TIM" => State::S1,
        _ => State::Oth,
    }
}

fn letters(text: &str) -> u8 {
    text.chars().fold(0, |all, letter| {
        all | match letter {
            'F' => flags::FIN,
            'S' => flags::SYN,
            'R' => flags::RST,
            'P' => flags::PUSH,
            'A' => flags::ACK,
            'U' => flags::URGENT,
            _ => 0,
        }
    })
}

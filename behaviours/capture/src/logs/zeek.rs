//! One line of Zeek's `conn.log`.

use std::{borrow::Cow, net::IpAddr};

use serde_json::{Map, Value};

use super::{
    Fault, Label,
    columns::{Column, Row},
};
use crate::{Ended, Endpoint, Flow, Protocol, Service, Spread, State, Way};

/// The most letters of a history that are kept.
const HISTORY: usize = 64;

/// The conversation that a row tells, and its label.
pub(super) fn read(row: &Row<'_>) -> Result<(Flow, Option<Label>), Fault> {
    let start = row.moment(Column::Start)?;
    let originator =
        Endpoint { address: row.address(Column::Source)?, port: row.port(Column::SourcePort)? };
    let responder =
        Endpoint { address: row.address(Column::Target)?, port: row.port(Column::TargetPort)? };
    let state = match row.get(Column::State) {
        None => State::Oth,
        Some(name) => State::named(name)
            .ok_or_else(|| Fault::value(Column::State.name(), name, "a state such as `SF`"))?,
    };
    let way = |packets, bytes, payload| -> Result<Way, Fault> {
        Ok(Way {
            packets: row.count(packets)?,
            bytes: row.count(bytes)?,
            payload: row.count(payload)?,
            ..Way::default()
        })
    };
    let flow = Flow {
        start,
        end: crate::Moment(start.0.saturating_add(row.span(Column::Duration)?.unwrap_or(0))),
        protocol: protocol(row, originator.address)?,
        service: row.get(Column::Service).and_then(Service::named),
        state,
        history: row.get(Column::History).unwrap_or_default().chars().take(HISTORY).collect(),
        forward: way(Column::SourcePackets, Column::SourceBytes, Column::SourcePayload)?,
        reverse: way(Column::TargetPackets, Column::TargetBytes, Column::TargetPayload)?,
        gaps: Spread::default(),
        ended: ended(state),
        part: 0,
        merged: 0,
        vlan: row.maybe_count(Column::Vlan)?.and_then(|it| u16::try_from(it).ok()),
        tunnel: None,
        link: link(row),
        metadata: None,
        originator,
        responder,
    };
    Ok((flow, label(row)))
}

/// Why it was told, as far as its state says it.
pub(super) fn ended(state: State) -> Ended {
    match state {
        State::S0 | State::S1 | State::S2 | State::S3 | State::Oth => Ended::Idle,
        State::Sf
        | State::Rej
        | State::Rsto
        | State::Rstr
        | State::Rstos0
        | State::Rstrh
        | State::Sh
        | State::Shr => Ended::Closed,
    }
}

fn protocol(row: &Row<'_>, address: IpAddr) -> Result<Protocol, Fault> {
    if let Some(number) = row.maybe_count(Column::Number)?
        && let Ok(number) = u8::try_from(number)
    {
        return Ok(Protocol(number));
    }
    Ok(named(row.must(Column::Protocol)?, address))
}

/// The protocol of a name or a number; 255 (which IANA reserves) where it is not known.
pub(super) fn named(name: &str, address: IpAddr) -> Protocol {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "icmp" if address.is_ipv6() => Protocol::ICMP6,
        "icmp" => Protocol::ICMP,
        "icmp6" | "ipv6-icmp" | "icmpv6" => Protocol::ICMP6,
        "igmp" => Protocol(2),
        "gre" => Protocol(47),
        "esp" => Protocol(50),
        "sctp" => Protocol(132),
        number => Protocol(number.parse().unwrap_or(255)),
    }
}

/// The label, in whichever words the data sets write it.
pub(super) fn label(row: &Row<'_>) -> Option<Label> {
    let label = row.get(Column::Label);
    let detail = row.get(Column::Detail);
    let said = label.or(detail)?.to_ascii_lowercase();
    let malicious = match said.as_str() {
        "malicious" | "malware" | "attack" => Some(true),
        "benign" | "normal" => Some(false),
        // Those of CTU-13: `flow=From-Botnet-V42-TCP-CC6`, `flow=To-Normal-V42`.
        _ if said.contains("botnet") => Some(true),
        _ if said.contains("normal") && !said.contains("background") => Some(false),
        _ => None,
    };
    let detail = match (malicious, label, detail) {
        (Some(_), Some(label), None) if label.contains('=') => label,
        (Some(_), _, detail) => detail.unwrap_or_default(),
        (None, label, detail) => detail.or(label).unwrap_or_default(),
    };
    Some(Label { malicious, detail: detail.chars().take(256).collect() })
}

fn link(row: &Row<'_>) -> Option<[[u8; 6]; 2]> {
    Some([mac(row.get(Column::SourceLink)?)?, mac(row.get(Column::TargetLink)?)?])
}

/// An Ethernet address: `00:1b:21:3c:9d:f8`.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut address {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(address)
}

/// The row of a line of JSON.
pub(super) fn row_of_json(object: &Map<String, Value>) -> Row<'_> {
    let mut row = Row::default();
    for (name, value) in object {
        let Some(column) = Column::named(name) else { continue };
        let cell = match value {
            Value::String(text) if text.is_empty() || text == "-" || text == "(empty)" => continue,
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => continue,
        };
        row.set(column, cell);
    }
    row
}

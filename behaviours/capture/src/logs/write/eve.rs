//! Suricata's `eve.json`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::identity;
use crate::{Ended, Endpoint, Flow, Moment, Protocol, logs::when::Iso};

/// Writes events, one a line. Times to the microsecond.
///
/// A conversation has an object `vedette` beside what Suricata writes, with what Suricata has no
/// place for: Zeek's state and history, and bytes of payload. Bytes of packets are written without
/// the Ethernet header that Suricata counts.
#[derive(Debug)]
pub struct EveWriter<W> {
    output: W,
}

/// Something to be told of.
#[derive(Clone, Debug)]
pub struct Alert<'a> {
    /// When.
    pub at: Moment,
    /// Who is said to do it.
    pub source: Endpoint,
    /// To whom.
    pub target: Endpoint,
    /// Over what.
    pub protocol: Protocol,
    /// The number of the rule; for those of one's own, 1,000,000 and above.
    pub signature_id: u64,
    /// What it is, in a sentence.
    pub signature: &'a str,
    /// The kind of thing.
    pub category: &'a str,
    /// How bad: 1 is worst, 4 least.
    pub severity: u8,
    /// Whatever else there is to say; written as `vedette`.
    pub more: Value,
}

impl<W: Write> EveWriter<W> {
    /// To there.
    pub fn new(output: W) -> Self {
        Self { output }
    }

    /// Writes a conversation.
    pub fn flow(&mut self, flow: &Flow) -> io::Result<()> {
        let mut event = common("flow", flow.end, flow.originator, flow.responder, flow.protocol);
        event.insert("flow_id".into(), json!(identity(flow) >> 11));
        let app = match flow.service {
            Some(crate::Service::Tls) => Some("tls"),
            Some(crate::Service::Kerberos) => Some("krb5"),
            Some(crate::Service::DceRpc) => Some("dcerpc"),
            Some(crate::Service::Postgresql) => Some("pgsql"),
            service => service.map(crate::Service::name),
        };
        if let Some(app) = app {
            event.insert("app_proto".into(), json!(app));
        }
        if let Some(vlan) = flow.vlan {
            event.insert("vlan".into(), json!([vlan]));
        }
        if flow.protocol == Protocol::TCP {
            let (ours, theirs) = (flow.forward.flags, flow.reverse.flags);
            event.insert(
                "tcp".into(),
                json!({
                    "tcp_flags": format!("{:02x}", ours | theirs),
                    "tcp_flags_ts": format!("{ours:02x}"),
                    "tcp_flags_tc": format!("{theirs:02x}"),
                }),
            );
        }
        let (state, reason) = match flow.ended {
            Ended::Closed => ("closed", "timeout"),
            Ended::Idle | Ended::Active | Ended::LackOfResources => ("established", "timeout"),
            Ended::Forced => ("established", "forced"),
        };
        event.insert(
            "flow".into(),
            json!({
                "pkts_toserver": flow.forward.packets,
                "pkts_toclient": flow.reverse.packets,
                "bytes_toserver": flow.forward.bytes,
                "bytes_toclient": flow.reverse.bytes,
                "start": Iso(flow.start).to_string(),
                "end": Iso(flow.end).to_string(),
                "age": flow.end.0.saturating_sub(flow.start.0).max(0) / 1_000_000_000,
                "state": state,
                "reason": reason,
            }),
        );
        let way = |way: &crate::Way| json!({ "bytes": way.bytes, "payload": way.payload });
        event.insert(
            "vedette".into(),
            json!({
                "state": flow.state.name(),
                "history": flow.history,
                "forward": way(&flow.forward),
                "reverse": way(&flow.reverse),
                "part": flow.part,
                "protocol": flow.protocol,
            }),
        );
        self.line(event)
    }

    /// Writes an alert.
    pub fn alert(&mut self, alert: &Alert<'_>) -> io::Result<()> {
        let mut event = common("alert", alert.at, alert.source, alert.target, alert.protocol);
        event.insert(
            "alert".into(),
            json!({
                "action": "allowed",
                "gid": 1,
                "signature_id": alert.signature_id,
                "rev": 1,
                "signature": alert.signature,
                "category": alert.category,
                "severity": alert.severity,
            }),
        );
        if !alert.more.is_null() {
            event.insert("vedette".into(), alert.more.clone());
        }
        self.line(event)
    }

    /// Hands back where it went, when all is written.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }

    fn line(&mut self, event: Map<String, Value>) -> io::Result<()> {
        let mut line = Value::Object(event).to_string();
        line.push('\n');
        self.output.write_all(line.as_bytes())
    }
}

fn common(
    kind: &str,
    at: Moment,
    source: Endpoint,
    target: Endpoint,
    protocol: Protocol,
) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("timestamp".into(), json!(Iso(at).to_string()));
    event.insert("event_type".into(), json!(kind));
    event.insert("src_ip".into(), json!(source.address));
    event.insert("dest_ip".into(), json!(target.address));
    let (ours, theirs) =
        if protocol.is_icmp() { ("icmp_type", "icmp_code") } else { ("src_port", "dest_port") };
    event.insert(ours.into(), json!(source.port));
    event.insert(theirs.into(), json!(target.port));
    let name = match protocol {
        Protocol::TCP => "TCP".to_owned(),
        Protocol::UDP => "UDP".to_owned(),
        Protocol::ICMP => "ICMP".to_owned(),
        Protocol::ICMP6 => "IPv6-ICMP".to_owned(),
        Protocol(number) => number.to_string(),
    };
    event.insert("proto".into(), json!(name));
    event
}

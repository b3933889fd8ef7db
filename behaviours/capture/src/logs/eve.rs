//! Suricata's `eve.json`: events of conversations, and what others say of them.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use super::{Fault, Label, flags, reader::Told, when, zeek};
use crate::{
    Dns, DnsAnswer, Ended, Endpoint, Flow, Http, Metadata, Moment, Protocol, Request, Seen,
    Service, Spread, Ssh, State, Tls, Way,
};

/// Conversations of which something was told before they ended. When there are more, the oldest is
/// forgotten: its conversation is then told without it.
const SESSIONS: usize = 65_536;
/// The most requests of one conversation.
const REQUESTS: usize = 8;
/// Suricata counts the Ethernet header, too.
const LINK: u64 = 14;

type Object = Map<String, Value>;

/// What was told of conversations that have not ended.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: HashMap<u64, Session>,
    order: VecDeque<u64>,
}

#[derive(Debug, Default)]
struct Session {
    metadata: Metadata,
    alert: Option<String>,
}

impl Sessions {
    /// Reads an event. Of TLS, HTTP and SSH, and alerts, it is kept for the conversation.
    pub(super) fn read(&mut self, event: &Object) -> Result<Told, Fault> {
        let kind = text(event, "event_type").ok_or(Fault::Missing("event_type"))?;
        match kind {
            "flow" => {
                let session = number(event, "flow_id").and_then(|id| self.known.remove(&id));
                flow(event, session)
            }
            "dns" => dns(event),
            "tls" | "http" | "ssh" | "alert" => {
                let about = object(event, kind).ok_or(Fault::Missing("a part of that kind"))?;
                if let Some(session) = number(event, "flow_id").map(|id| self.session(id)) {
                    session.note(kind, about);
                }
                Ok(Told::Other)
            }
            _ => Ok(Told::Other),
        }
    }

    fn session(&mut self, id: u64) -> &mut Session {
        if !self.known.contains_key(&id) {
            self.order.push_back(id);
            if self.order.len() > SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        self.known.entry(id).or_default()
    }
}

impl Session {
    fn note(&mut self, kind: &str, about: &Object) {
        match kind {
            "tls" => self.metadata.tls = Some(tls(about)),
            "http" => {
                let http = self.metadata.http.get_or_insert_with(Http::default);
                http.count = http.count.saturating_add(1);
                http.status = http.status.or_else(|| small(about, "status"));
                if http.requests.len() < REQUESTS {
                    http.requests.push(request(about));
                }
            }
            "ssh" => {
                let side = |name| {
                    let side = object(about, name)?;
                    let version = text(side, "software_version")?;
                    Some(format!("SSH-{}-{version}", text(side, "proto_version").unwrap_or("2.0")))
                };
                let hassh = object(about, "client").and_then(|it| object(it, "hassh"));
                let hassh = hassh.and_then(|it| owned(it, "hash"));
                self.metadata.ssh =
                    Some(Ssh { client: side("client"), server: side("server"), hassh });
            }
            _ => {
                if self.alert.is_none() {
                    self.alert = owned(about, "signature");
                }
            }
        }
    }
}

fn flow(event: &Object, session: Option<Session>) -> Result<Told, Fault> {
    let told = object(event, "flow").ok_or(Fault::Missing("flow"))?;
    let start = moment(told, "start").or_else(|_| moment(event, "timestamp"))?;
    let end = moment(told, "end").unwrap_or(start).max(start);
    let (mut originator, mut responder) = endpoints(event)?;
    let name = text(event, "proto").ok_or(Fault::Missing("proto"))?;
    let protocol = zeek::named(name, originator.address);
    if protocol.is_icmp() {
        originator.port = small(event, "icmp_type").unwrap_or(originator.port);
        responder.port =
            small(event, "response_icmp_type").or_else(|| small(event, "icmp_code")).unwrap_or(0);
    }
    let v6 = originator.address.is_ipv6();
    let way = |packets, bytes| {
        let packets = number(told, packets).unwrap_or(0);
        let bytes = number(told, bytes).unwrap_or(0);
        let bytes = bytes.saturating_sub(packets.saturating_mul(LINK));
        let payload = flags::payload(protocol, v6, packets, bytes);
        Way { packets, bytes, payload, ..Way::default() }
    };
    let mut forward = way("pkts_toserver", "bytes_toserver");
    let mut reverse = way("pkts_toclient", "bytes_toclient");
    let state = match object(event, "tcp") {
        Some(tcp) if protocol == Protocol::TCP => {
            forward.flags = hex(tcp, "tcp_flags_ts");
            reverse.flags = hex(tcp, "tcp_flags_tc");
            flags::state(forward.flags, reverse.flags)
        }
        _ => flags::spoken(protocol, forward.packets, reverse.packets),
    };
    let mut flow = Flow {
        start,
        end,
        originator,
        responder,
        protocol,
        service: text(event, "app_proto").and_then(service),
        state,
        history: flags::history(forward.flags, reverse.flags),
        forward,
        reverse,
        gaps: Spread::default(),
        ended: ended(told),
        part: 0,
        merged: 0,
        vlan: event.get("vlan").and_then(|it| it.get(0).unwrap_or(it).as_u64()).and_then(narrow),
        tunnel: None,
        link: None,
        metadata: None,
    };
    let (metadata, alert) = session.map(|it| (it.metadata, it.alert)).unwrap_or_default();
    flow.metadata = (metadata != Metadata::default()).then(|| Box::new(metadata));
    if let Some(ours) = object(event, "vedette") {
        exact(&mut flow, ours);
    }
    let label = alert.map(|detail| Label { malicious: None, detail });
    Ok(Told::Record(Seen::Flow(Box::new(flow)), label))
}

/// What our own writer adds, since Suricata has no place for it.
fn exact(flow: &mut Flow, ours: &Object) {
    flow.state = text(ours, "state").and_then(State::named).unwrap_or(flow.state);
    if let Some(history) = text(ours, "history") {
        flow.history = history.chars().take(64).collect();
    }
    for (way, name) in [(&mut flow.forward, "forward"), (&mut flow.reverse, "reverse")] {
        let Some(told) = object(ours, name) else { continue };
        way.bytes = number(told, "bytes").unwrap_or(way.bytes);
        way.payload = number(told, "payload").unwrap_or(way.payload);
    }
    let protocol = number(ours, "protocol").and_then(|it| u8::try_from(it).ok());
    flow.protocol = protocol.map_or(flow.protocol, Protocol);
    flow.part = number(ours, "part").and_then(|it| u32::try_from(it).ok()).unwrap_or(flow.part);
}

fn ended(told: &Object) -> Ended {
    match (text(told, "reason"), text(told, "state")) {
        (Some("forced" | "shutdown"), _) => Ended::Forced,
        (_, Some("closed")) => Ended::Closed,
        _ => Ended::Idle,
    }
}

fn service(name: &str) -> Option<Service> {
    match name {
        "http2" => Some(Service::Http),
        "krb5" => Some(Service::Kerberos),
        "dcerpc" => Some(Service::DceRpc),
        "ikev2" => Some(Service::Ike),
        "ftp-data" => Some(Service::Ftp),
        "pgsql" => Some(Service::Postgresql),
        name => Service::named(name),
    }
}

/// A question or an answer; in any of the three versions of the event.
fn dns(event: &Object) -> Result<Told, Fault> {
    let about = object(event, "dns").ok_or(Fault::Missing("dns"))?;
    let at = moment(event, "timestamp")?;
    let (mut client, mut server) = endpoints(event)?;
    let answer = matches!(text(about, "type"), Some("answer" | "response"));
    // Version 2 tells an answer from where the question came, version 1 from where it came itself.
    if answer && client.port == 53 && server.port != 53 {
        std::mem::swap(&mut client, &mut server);
    }
    let question = about.get("queries").and_then(|it| it.get(0)).and_then(Value::as_object);
    let question = question.unwrap_or(about);
    let Some(name) = text(question, "rrname") else { return Ok(Told::Other) };
    let answers = about.get("answers").and_then(Value::as_array);
    let code = answer.then(|| text(about, "rcode").map_or(0, code));
    let told = Dns {
        at,
        client,
        server,
        name: name.trim_end_matches('.').to_ascii_lowercase(),
        kind: text(question, "rrtype").map_or(0, record_type),
        code,
        answers: answers.into_iter().flatten().filter_map(dns_answer).take(16).collect(),
        bytes: 0,
    };
    Ok(Told::Record(Seen::Dns(told), None))
}

fn dns_answer(answer: &Value) -> Option<DnsAnswer> {
    let answer = answer.as_object()?;
    let kind = text(answer, "rrtype")?;
    let data = text(answer, "rdata").unwrap_or_default();
    Some(match kind {
        "A" | "AAAA" => DnsAnswer::Address(data.parse().ok()?),
        "CNAME" | "NS" | "MX" | "PTR" | "SRV" => DnsAnswer::Name(data.to_ascii_lowercase()),
        kind => DnsAnswer::Other(record_type(kind), u16::try_from(data.len()).unwrap_or(u16::MAX)),
    })
}

/// IANA's number of a type of record; 0 where it is not known.
fn record_type(name: &str) -> u16 {
    match name {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "SOA" => 6,
        "NULL" => 10,
        "PTR" => 12,
        "HINFO" => 13,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "SRV" => 33,
        "NAPTR" => 35,
        "DS" => 43,
        "DNSKEY" => 48,
        "SVCB" => 64,
        "HTTPS" => 65,
        "AXFR" => 252,
        "ANY" => 255,
        _ => 0,
    }
}

/// IANA's number of a response code; 255 where it is not known.
fn code(name: &str) -> u8 {
    match name {
        "NOERROR" => 0,
        "FORMERR" => 1,
        "SERVFAIL" => 2,
        "NXDOMAIN" => 3,
        "NOTIMP" => 4,
        "REFUSED" => 5,
        _ => 255,
    }
}

fn tls(about: &Object) -> Tls {
    let fingerprint = |name| object(about, name).and_then(|it| owned(it, "hash"));
    let version = match text(about, "version") {
        Some("SSLv3") => Some(0x0300),
        Some("TLSv1" | "TLS 1.0") => Some(0x0301),
        Some("TLS 1.1") => Some(0x0302),
        Some("TLS 1.2") => Some(0x0303),
        Some("TLS 1.3") => Some(0x0304),
        _ => None,
    };
    let alpn = about.get("client_alpns").and_then(Value::as_array);
    let alpn = alpn.into_iter().flatten().filter_map(Value::as_str);
    Tls {
        server_name: owned(about, "sni"),
        alpn: alpn.take(REQUESTS).map(str::to_owned).collect(),
        version,
        cipher: None,
        ja3: fingerprint("ja3"),
        ja3s: fingerprint("ja3s"),
        ja4: owned(about, "ja4"),
    }
}

fn request(about: &Object) -> Request {
    let path = text(about, "url").unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let end = path.floor_char_boundary(256);
    Request {
        method: owned(about, "http_method").unwrap_or_default(),
        host: owned(about, "hostname"),
        path: path.get(..end).unwrap_or_default().to_owned(),
        user_agent: owned(about, "http_user_agent"),
    }
}

fn endpoints(event: &Object) -> Result<(Endpoint, Endpoint), Fault> {
    let side = |address, port| -> Result<Endpoint, Fault> {
        let written = text(event, address).ok_or(Fault::Missing(address))?;
        let read = written.parse();
        let read = read.map_err(|_| Fault::value(address, written, "an address"))?;
        Ok(Endpoint { address: read, port: small(event, port).unwrap_or(0) })
    };
    Ok((side("src_ip", "src_port")?, side("dest_ip", "dest_port")?))
}

fn moment(object: &Object, name: &'static str) -> Result<Moment, Fault> {
    let written = text(object, name).ok_or(Fault::Missing(name))?;
    when::parse(written).ok_or_else(|| Fault::value(name, written, "a time"))
}

fn object<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get(name)?.as_object()
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// At most 256 characters of it, since it may be kept long.
fn owned(object: &Object, name: &str) -> Option<String> {
    text(object, name).map(|it| it.chars().take(256).collect())
}

fn number(object: &Object, name: &str) -> Option<u64> {
    object.get(name)?.as_u64()
}

fn small(object: &Object, name: &str) -> Option<u16> {
    number(object, name).and_then(narrow)
}

fn narrow(number: u64) -> Option<u16> {
    u16::try_from(number).ok()
}

fn hex(object: &Object, name: &str) -> u8 {
    text(object, name).and_then(|it| u8::from_str_radix(it, 16).ok()).unwrap_or(0)
}

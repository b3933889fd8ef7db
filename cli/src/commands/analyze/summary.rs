//! What a capture was about, in figures.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use capture::{Flow, Moment, Seen};
use model::alert::{Alert, AlertChange};
use serde_json::{Value, json};

/// How many hosts are counted one by one; those that come later are counted together.
const HOSTS: usize = 100_000;

/// What there was.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) flows: u64,
    pub(super) bytes: u64,
    pub(super) first: Option<Moment>,
    pub(super) last: Option<Moment>,
    pub(super) names: u64,
    pub(super) services: BTreeMap<String, (u64, u64)>,
    hosts: HashMap<IpAddr, (u64, u64)>,
    others: u64,
    alerts: BTreeMap<String, Alert>,
    changes: u64,
}

impl Summary {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn see(&mut self, seen: &Seen) {
        let start = if let Seen::Flow(flow) = seen { flow.start } else { seen.at() };
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
        self.last = Some(self.last.map_or(seen.at(), |last| last.max(seen.at())));
        match seen {
            Seen::Flow(flow) => self.flow(flow),
            Seen::Dns(_) => self.names += 1,
            Seen::Arp(_) | Seen::Dhcp(_) => {}
        }
    }

    fn flow(&mut self, flow: &Flow) {
        let bytes = flow.forward.bytes + flow.reverse.bytes;
        self.flows += 1;
        self.bytes += bytes;
        let service = flow.service.map_or_else(|| flow.protocol.name(), |service| service.name());
        let count = self.services.entry(service.to_owned()).or_default();
        *count = (count.0 + 1, count.1 + bytes);
        for side in [flow.originator, flow.responder] {
            if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&side.address) {
                self.others += bytes;
                continue;
            }
            let count = self.hosts.entry(side.address).or_default();
            *count = (count.0 + 1, count.1 + bytes);
        }
    }

    pub(super) fn alert(&mut self, change: AlertChange) {
        self.changes += 1;
        self.alerts.insert(change.alert.id.clone(), change.alert);
    }

    /// The alerts as they stand at the end, the worst first.
    pub(super) fn alerts(&self) -> Vec<&Alert> {
        let mut alerts: Vec<&Alert> = self.alerts.values().collect();
        alerts.sort_by(|one, other| {
            (other.severity, other.score)
                .partial_cmp(&(one.severity, one.score))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        alerts
    }

    /// Those who spoke most, by bytes: who, how many conversations, how many bytes.
    pub(super) fn talkers(&self, most: usize) -> Vec<(IpAddr, u64, u64)> {
        let mut all: Vec<_> =
            self.hosts.iter().map(|(who, (flows, bytes))| (*who, *flows, *bytes)).collect();
        all.sort_by_key(|(who, _, bytes)| (Reverse(*bytes), *who));
        all.truncate(most);
        all
    }

    /// What was spoken, most first: what, how many conversations, how many bytes.
    pub(super) fn services(&self) -> Vec<(&str, u64, u64)> {
        let mut all: Vec<_> = self
            .services
            .iter()
            .map(|(name, (flows, bytes))| (name.as_str(), *flows, *bytes))
            .collect();
        all.sort_by_key(|(name, flows, _)| (Reverse(*flows), *name));
        all
    }

    pub(super) fn to_value(&self) -> Value {
        let talkers = self.talkers(20);
        let hosts = talkers
            .iter()
            .map(|(who, flows, bytes)| json!({ "host": who, "flows": flows, "bytes": bytes }));
        let services = self.services();
        let services = services
            .iter()
            .map(|(name, flows, bytes)| json!({ "service": name, "flows": flows, "bytes": bytes }));
        json!({
            "flows": self.flows,
            "bytes": self.bytes,
            "first": self.first.map(Moment::secs),
            "last": self.last.map(Moment::secs),
            "dns_messages": self.names,
            "hosts": self.hosts.len(),
            "services": services.collect::<Vec<_>>(),
            "talkers": hosts.collect::<Vec<_>>(),
            "alerts": self.alerts.len(),
        })
    }
}

//! What went by since it was told last.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use capture::{Counters, Kernel, Moment, Seen};
use serde_json::{Value, json};

use super::pressure::Fate;

/// How many hosts are counted one by one.
const HOSTS: usize = 20_000;
/// How many hosts and services are told.
const TOLD: usize = 10;

/// Counts of one period.
#[derive(Debug, Default)]
pub(super) struct Tally {
    flows: u64,
    bytes: u64,
    names: u64,
    services: BTreeMap<&'static str, (u64, u64)>,
    hosts: HashMap<IpAddr, (u64, u64)>,
    alerts: u64,
}

/// What is told with them.
pub(super) struct Period<'a> {
    pub(super) name: &'a str,
    pub(super) since: Moment,
    pub(super) until: Moment,
    pub(super) counters: &'a Counters,
    pub(super) kernel: Option<Kernel>,
    pub(super) open_flows: usize,
    pub(super) fate: Fate,
    pub(super) lost: u64,
    pub(super) analysis: Option<Value>,
}

impl Tally {
    pub(super) fn see(&mut self, seen: &Seen) {
        let flow = match seen {
            Seen::Flow(flow) => flow,
            Seen::Dns(_) => {
                self.names += 1;
                return;
            }
            Seen::Arp(_) | Seen::Dhcp(_) => return,
        };
        let bytes = flow.forward.bytes + flow.reverse.bytes;
        self.flows += 1;
        self.bytes += bytes;
        let name = flow.service.map_or_else(|| flow.protocol.name(), capture::Service::name);
        let count = self.services.entry(name).or_default();
        *count = (count.0 + 1, count.1 + bytes);
        for side in [flow.originator, flow.responder] {
            if self.hosts.len() < HOSTS || self.hosts.contains_key(&side.address) {
                let count = self.hosts.entry(side.address).or_default();
                *count = (count.0 + 1, count.1 + bytes);
            }
        }
    }

    pub(super) fn alert(&mut self) {
        self.alerts += 1;
    }

    /// Tells the period, and begins the next.
    pub(super) fn tell(&mut self, period: &Period<'_>) -> Value {
        let this = std::mem::take(self);
        let mut services: Vec<_> = this.services.into_iter().collect();
        services.sort_by_key(|(name, (flows, _))| (Reverse(*flows), *name));
        let services = services.into_iter().take(TOLD);
        let services: Vec<Value> = services
            .map(
                |(name, (flows, bytes))| json!({ "service": name, "flows": flows, "bytes": bytes }),
            )
            .collect();
        let mut hosts: Vec<_> = this.hosts.into_iter().collect();
        hosts.sort_by_key(|(who, (_, bytes))| (Reverse(*bytes), *who));
        let hosts = hosts.into_iter().take(TOLD);
        let talkers: Vec<Value> = hosts
            .map(|(who, (flows, bytes))| json!({ "host": who, "flows": flows, "bytes": bytes }))
            .collect();
        json!({
            "watched": period.name,
            "since": period.since.secs(),
            "until": period.until.secs(),
            "flows": this.flows,
            "bytes": this.bytes,
            "dns_messages": this.names,
            "alerts": this.alerts,
            "services": services,
            "talkers": talkers,
            "counters": period.counters,
            "kernel": period.kernel,
            "open_flows": period.open_flows,
            "back_pressure": period.fate,
            "findings_lost": period.lost,
            "analysis": period.analysis,
        })
    }
}

//! One port of many hosts is tried.

use std::net::IpAddr;

use capture::Flow;
use ipnet::IpNet;

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    outcome::{is_attempt, is_fruitless},
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When one port of many hosts is too many. Slips tells at 5 hosts, Zeek's simple-scan at 25
    /// and, where the addresses are of nobody, at 10.
    pub struct HorizontalScan {
        /// Different hosts within the window that are a scan.
        hosts: usize = 25,
        /// How many are enough once one of `dark` was tried.
        hosts_with_dark: usize = 10,
        /// Networks of ours in which nobody lives: whoever goes there is looking around.
        dark: Vec<IpNet> = Vec::new(),
        /// The share of those hosts from which nothing may have come.
        fruitless: f64 = 0.5,
        /// The window, in seconds.
        within_s: f64 = 300.0,
    }
}

stages! {
    enum Scan {
        Watching "watching" "hosts are counted" => [Scanning],
        Scanning "scanning" "a scan goes on" => [Watching],
    }
}

type Key = (IpAddr, u8, u16);

struct Source {
    case: Case<Scan>,
    hosts: Recent<IpAddr>,
    dark: bool,
    met: u64,
}

pub(super) struct Detect {
    settings: HorizontalScan,
    sources: Table<Key, Source>,
}

impl Detect {
    pub(super) fn new(settings: HorizontalScan, most: usize) -> Self {
        Self { settings, sources: Table::new(most) }
    }
}

fn key(flow: &Flow) -> Key {
    (flow.originator.address, flow.protocol.0, flow.responder.port)
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::HorizontalScan
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        if flow.protocol.is_icmp() || !is_attempt(flow) {
            return;
        }
        let settings = &self.settings;
        let fresh = || Source {
            case: Case::new(Scan::Watching, flow.start),
            hosts: Recent::new(settings.hosts.saturating_mul(4).min(4096)),
            dark: false,
            met: 0,
        };
        let Some(source) = self.sources.touch(key(flow), fresh) else { return };
        source.hosts.forget(flow.end, settings.within_s);
        if source.hosts.count() == 0 {
            source.case.renew(flow.start);
            source.dark = false;
            source.met = 0;
        }
        let peer = flow.responder.address;
        source.dark |= settings.dark.iter().any(|network| network.contains(&peer));
        source.met +=
            u64::from(source.hosts.meet(peer, flow.end, is_fruitless(flow), settings.within_s));
        source.case.add(flow, peer);

        let count = source.hosts.count();
        let fruitless = share(number(source.hosts.marked()), number(count));
        let threshold = if source.dark { settings.hosts_with_dark } else { settings.hosts };
        if count < threshold || fruitless < settings.fruitless {
            source.case.place.go(Scan::Watching);
            return;
        }
        source.case.place.go(Scan::Scanning);
        if !source.case.is_news(Severity::High, source.met) {
            return;
        }
        let why = vec![
            Reason::new("hosts", number(count), number(threshold)),
            Reason::new("fruitless", fruitless, settings.fruitless),
            Reason::plain("port", f64::from(flow.responder.port)),
            Reason::plain("hosts_in_all", long(source.met)),
            Reason::plain("within_s", settings.within_s),
        ];
        let confidence = 0.6 + 0.4 * fruitless;
        let from = flow.originator.address;
        out.push(source.case.evidence(Kind::HorizontalScan, from, Severity::High, confidence, why));
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let source = self.sources.peek(&key(flow))?;
        (source.case.place.now() == Scan::Scanning).then_some(Severity::High)
    }

    fn shown(&self) -> Shown {
        shown(Kind::HorizontalScan, &self.sources, |(from, _, port), source| {
            let counters = vec![
                ("hosts", number(source.hosts.count())),
                ("fruitless", number(source.hosts.marked())),
            ];
            (format!("{from} → port {port}"), source.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use capture::State;

    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench() -> Bench<Detect> {
        let dark = vec!["10.1.0.0/30".parse().unwrap()];
        Bench::new(Detect::new(HorizontalScan { dark, ..HorizontalScan::default() }, 100))
    }

    fn to(n: u32) -> crate::detect::proving::Made {
        flow("10.0.0.1:40000 > 10.0.0.2:445", n).towards(10 + n)
    }

    #[test]
    fn twenty_five_hosts_are_a_scan_and_twenty_four_are_not() {
        let mut bench = bench();
        assert!(bench.see((0..24).map(to)).is_empty());
        assert!(!bench.covers(&to(24)));
        assert_eq!(bench.see([to(24)]).len(), 1);
        assert!(bench.covers(&to(25)));
    }

    #[test]
    fn once_a_dark_address_was_tried_ten_are_enough() {
        let mut bench = bench();
        bench.see([flow("10.0.0.1:40000 > 10.1.0.2:445", 0)]);
        assert!(bench.see((0..8).map(to)).is_empty());
        assert_eq!(bench.see([to(8)]).len(), 1);
    }

    #[test]
    fn a_browser_that_gets_answers_and_a_group_address_are_no_scan() {
        assert!(bench().see((0..100).map(|n| to(n).state(State::Sf))).is_empty());
        let shout = |n| flow("10.0.0.1:40000 > 239.255.255.250:1900", n).udp();
        assert!(bench().see((0..100).map(shout)).is_empty());
    }

    #[test]
    fn hosts_met_over_hours_are_no_scan() {
        let slow = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:445", n * 60).towards(10 + n);
        assert!(bench().see((0..100).map(slow)).is_empty());
    }
}

//! Many ports of one host are tried.

use std::net::IpAddr;

use capture::{Flow, Protocol};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{number, share},
    outcome::{is_attempt, is_fruitless},
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When many ports of one host are too many. Slips tells at 5 in an hour, maltrail at 10; at 20
    /// in 300 s no benign flow of the labelled logs is hit.
    pub struct VerticalScan {
        /// Different ports within the window that are a scan.
        ports: usize = 20,
        /// Different ports within the window that are suspicious.
        suspicious: usize = 8,
        /// The share of those ports that must have led to nothing.
        fruitless: f64 = 0.5,
        /// The window, in seconds.
        within_s: f64 = 300.0,
    }
}

stages! {
    enum Scan {
        Watching "watching" "ports are counted" => [Suspected, Scanning],
        Suspected "suspected" "more ports than usual led to nothing" => [Scanning, Watching],
        Scanning "scanning" "a scan goes on" => [Watching],
    }
}

type Key = (IpAddr, IpAddr);

struct Pair {
    case: Case<Scan>,
    ports: Recent<(u8, u16)>,
    /// Different ports since the scan began.
    met: u64,
}

pub(super) struct Detect {
    settings: VerticalScan,
    pairs: Table<Key, Pair>,
}

impl Detect {
    pub(super) fn new(settings: VerticalScan, most: usize) -> Self {
        Self { settings, pairs: Table::new(most) }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::VerticalScan
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        if flow.protocol.is_icmp() || !is_attempt(flow) || is_traceroute(flow) {
            return;
        }
        let settings = &self.settings;
        let key = (flow.originator.address, flow.responder.address);
        let fresh = || Pair {
            case: Case::new(Scan::Watching, flow.start),
            ports: Recent::new(settings.ports.saturating_mul(4).min(4096)),
            met: 0,
        };
        let Some(pair) = self.pairs.touch(key, fresh) else { return };
        let port = (flow.protocol.0, flow.responder.port);
        pair.ports.forget(flow.end, settings.within_s);
        if pair.ports.count() == 0 {
            pair.case.renew(flow.start);
            pair.met = 0;
        }
        let new = pair.ports.meet(port, flow.end, is_fruitless(flow), settings.within_s);
        pair.met += u64::from(new);
        pair.case.add(flow, flow.responder.address);

        let count = pair.ports.count();
        let fruitless = share(number(pair.ports.marked()), number(count));
        let (stage, severity, threshold) = match count {
            _ if fruitless < settings.fruitless => (Scan::Watching, Severity::Info, 0),
            count if count >= settings.ports => (Scan::Scanning, Severity::High, settings.ports),
            count if count >= settings.suspicious => {
                (Scan::Suspected, Severity::Medium, settings.suspicious)
            }
            _ => (Scan::Watching, Severity::Info, 0),
        };
        pair.case.place.go(stage);
        if stage == Scan::Watching || !pair.case.is_news(severity, pair.met) {
            return;
        }
        let why = vec![
            Reason::new("ports", number(count), number(threshold)),
            Reason::new("fruitless", fruitless, settings.fruitless),
            Reason::plain("ports_in_all", super::figures::long(pair.met)),
            Reason::plain("within_s", settings.within_s),
        ];
        let confidence =
            0.6 + 0.4 * share(number(count), number(settings.ports)).min(1.0) * fruitless;
        out.push(pair.case.evidence(Kind::VerticalScan, key.0, severity, confidence, why));
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let pair = self.pairs.peek(&(flow.originator.address, flow.responder.address))?;
        match pair.case.place.now() {
            Scan::Watching => None,
            Scan::Suspected => Some(Severity::Medium),
            Scan::Scanning => Some(Severity::High),
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::VerticalScan, &self.pairs, |(from, to), pair| {
            let counters = vec![
                ("ports", number(pair.ports.count())),
                ("fruitless", number(pair.ports.marked())),
            ];
            (format!("{from} → {to}"), pair.case.place.now(), counters)
        })
    }
}

/// Probes of `traceroute` go to a new port each (33434 and up) and are not answered by it.
fn is_traceroute(flow: &Flow) -> bool {
    flow.protocol == Protocol::UDP && (33434..=33534).contains(&flow.responder.port)
}

#[cfg(test)]
mod tests {
    use capture::State;

    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(VerticalScan::default(), 100))
    }

    #[test]
    fn twenty_ports_are_a_scan_and_nineteen_are_not() {
        let mut bench = bench();
        let told = bench.see((0..19).map(|n| flow("10.0.0.1:40000 > 10.0.0.2:1", n).port(n + 1)));
        assert!(told.iter().all(|evidence| evidence.severity < Severity::High), "{told:?}");
        let told = bench.see([flow("10.0.0.1:40000 > 10.0.0.2:20", 19)]);
        assert_eq!(told.first().map(|evidence| evidence.severity), Some(Severity::High));
        assert_eq!(told.first().unwrap().subject.to_string(), "10.0.0.1");
    }

    #[test]
    fn seven_ports_are_not_even_suspicious() {
        let told = bench().see((0..7).map(|n| flow("10.0.0.1:40000 > 10.0.0.2:1", n).port(n + 1)));
        assert!(told.is_empty());
    }

    #[test]
    fn a_scan_of_ten_thousand_ports_is_told_a_handful_of_times() {
        let told = bench()
            .see((0..10_000).map(|n| flow("10.0.0.1:40000 > 10.0.0.2:1", n / 100).port(n + 1)));
        assert!((2..=6).contains(&told.len()), "{}", told.len());
    }

    #[test]
    fn ports_that_answer_and_ports_spread_over_hours_are_no_scan() {
        let answered = |n| flow("10.0.0.1:40000 > 10.0.0.2:1", n).port(n + 1).state(State::Sf);
        assert!(bench().see((0..100).map(answered)).is_empty());
        let slow = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:1", n * 60).port(n + 1);
        assert!(bench().see((0..100).map(slow)).is_empty());
    }

    #[test]
    fn a_traceroute_is_no_scan() {
        let probe = |n| flow("10.0.0.1:40000 > 10.0.0.2:1", n).port(33434 + n).udp();
        assert!(bench().see((0..90).map(probe)).is_empty());
    }

    #[test]
    fn the_pair_quiet_for_longest_leaves_and_is_counted() {
        let mut bench = bench();
        bench.see((0..101).map(|n| flow("10.0.0.1:40000 > 10.0.0.2:80", n).by(n)));
        let shown = bench.detect.shown();
        assert_eq!((shown.tracked, shown.most, shown.evicted), (100, 100, 1));
    }
}

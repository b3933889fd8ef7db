//! Many hosts are pinged.

use std::net::IpAddr;

use capture::{Flow, Protocol};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number},
    outcome::is_of_many,
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When many pings are too many. Slips tells at 5 hosts.
    pub struct IcmpSweep {
        /// Different hosts within the window that are a sweep.
        hosts: usize = 10,
        /// The window, in seconds.
        within_s: f64 = 60.0,
    }
}

stages! {
    enum Sweep {
        Watching "watching" "hosts are counted" => [Sweeping],
        Sweeping "sweeping" "a sweep goes on" => [Watching],
    }
}

struct Source {
    case: Case<Sweep>,
    hosts: Recent<IpAddr>,
    met: u64,
}

pub(super) struct Detect {
    settings: IcmpSweep,
    sources: Table<IpAddr, Source>,
}

impl Detect {
    pub(super) fn new(settings: IcmpSweep, most: usize) -> Self {
        Self { settings, sources: Table::new(most) }
    }
}

/// Whether it asks who is there: echo, timestamp, information or mask (RFC 792, RFC 950), or
/// IPv6's echo (RFC 4443). The type is where a port would be.
fn asks(flow: &Flow) -> bool {
    let kind = flow.originator.port;
    match flow.protocol {
        Protocol::ICMP => matches!(kind, 8 | 13 | 15 | 17),
        Protocol::ICMP6 => kind == 128,
        _ => false,
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::IcmpSweep
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        if !asks(flow) || is_of_many(flow.responder.address) {
            return;
        }
        let settings = &self.settings;
        let fresh = || Source {
            case: Case::new(Sweep::Watching, flow.start),
            hosts: Recent::new(settings.hosts.saturating_mul(4).min(4096)),
            met: 0,
        };
        let from = flow.originator.address;
        let Some(source) = self.sources.touch(from, fresh) else { return };
        source.hosts.forget(flow.start, settings.within_s);
        if source.hosts.count() == 0 {
            source.case.renew(flow.start);
            source.met = 0;
        }
        let peer = flow.responder.address;
        source.met += u64::from(source.hosts.meet(peer, flow.start, false, settings.within_s));
        source.case.add(flow, peer);
        let count = source.hosts.count();
        if count < settings.hosts {
            source.case.place.go(Sweep::Watching);
            return;
        }
        source.case.place.go(Sweep::Sweeping);
        if source.case.is_news(Severity::Medium, source.met) {
            let why = vec![
                Reason::new("hosts", number(count), number(settings.hosts)),
                Reason::plain("hosts_in_all", long(source.met)),
                Reason::plain("within_s", settings.within_s),
            ];
            out.push(source.case.evidence(Kind::IcmpSweep, from, Severity::Medium, 0.9, why));
        }
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let source = self.sources.peek(&flow.originator.address)?;
        (asks(flow) && source.case.place.now() == Sweep::Sweeping).then_some(Severity::Medium)
    }

    fn shown(&self) -> Shown {
        shown(Kind::IcmpSweep, &self.sources, |from, source| {
            let counters = vec![("hosts", number(source.hosts.count()))];
            (from.to_string(), source.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(IcmpSweep::default(), 100))
    }

    #[test]
    fn ten_hosts_are_a_sweep_and_nine_are_not() {
        let ping = |n: u32| flow("10.0.0.1:8 > 10.0.0.2:0", n).towards(n).ping();
        let mut bench = bench();
        assert!(bench.see((1..10).map(ping)).is_empty());
        assert_eq!(bench.see([ping(10)]).len(), 1);
        assert!(bench.covers(&ping(11)));
    }

    #[test]
    fn a_monitor_that_pings_few_or_slowly_and_answers_are_no_sweep() {
        let same = |n: u32| flow("10.0.0.1:8 > 10.0.0.2:0", n).towards(n % 9).ping();
        assert!(bench().see((0..500).map(same)).is_empty());
        let slow = |n: u32| flow("10.0.0.1:8 > 10.0.0.2:0", n * 10).towards(n).ping();
        assert!(bench().see((0..500).map(slow)).is_empty());
        let answer = |n: u32| {
            let mut made = flow("10.0.0.1:8 > 10.0.0.2:0", n).towards(n).ping();
            made.0.originator.port = 0;
            made
        };
        assert!(bench().see((0..500).map(answer)).is_empty());
    }
}

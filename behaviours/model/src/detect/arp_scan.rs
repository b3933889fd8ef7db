//! Many addresses of the link are asked for.

use std::net::IpAddr;

use capture::{Arp, ArpKind, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    outcome::is_of_many,
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When many questions for addresses are too many. Slips tells at 5 within 30 s; a router does as
    /// much for hosts that have gone, so that is only odd here, and half of them must be of nobody.
    pub struct ArpScan {
        /// Different addresses asked for within the window that are odd.
        odd: usize = 5,
        /// Different addresses asked for within the window that are a scan.
        targets: usize = 20,
        /// The share of them that nobody ever spoke for.
        nobody: f64 = 0.5,
        /// The window, in seconds.
        within_s: f64 = 30.0,
    }
}

stages! {
    enum Scan {
        Watching "watching" "questions are counted" => [Odd, Scanning],
        Odd "odd" "a handful of addresses of nobody were asked for" => [Scanning, Watching],
        Scanning "scanning" "a scan goes on" => [Watching],
    }
}

struct Asker {
    case: Case<Scan>,
    targets: Recent<IpAddr>,
    met: u64,
}

pub(super) struct Detect {
    settings: ArpScan,
    askers: Table<[u8; 6], Asker>,
    /// Who has spoken for an address.
    there: Table<IpAddr, Moment>,
}

impl Detect {
    pub(super) fn new(settings: ArpScan, most: usize) -> Self {
        Self { settings, askers: Table::new(most), there: Table::new(most) }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::ArpScan
    }

    fn arp(&mut self, arp: &Arp, _: &Around<'_>, out: &mut Vec<Evidence>) {
        if !is_of_many(arp.sender_address) {
            self.there.touch(arp.sender_address, || arp.at);
        }
        let target = arp.target_address;
        let asks = arp.kind == ArpKind::Request && target != arp.sender_address;
        if !asks || is_of_many(target) {
            return;
        }
        let settings = &self.settings;
        let fresh = || Asker {
            case: Case::new(Scan::Watching, arp.at),
            targets: Recent::new(settings.targets.saturating_mul(2).min(4096)),
            met: 0,
        };
        let Some(asker) = self.askers.touch(arp.sender, fresh) else { return };
        asker.targets.forget(arp.at, settings.within_s);
        if asker.targets.count() == 0 {
            asker.case.renew(arp.at);
            asker.met = 0;
        }
        asker.met += u64::from(asker.targets.meet(target, arp.at, false, settings.within_s));
        asker.case.note(arp.at, arp.at, target);
        let count = asker.targets.count();
        let absent = asker.targets.iter().filter(|target| self.there.peek(target).is_none());
        let nobody = share(number(absent.count()), number(count));
        if count < settings.odd.min(settings.targets) || nobody < settings.nobody {
            asker.case.place.go(Scan::Watching);
            return;
        }
        let (stage, severity, threshold) = if count >= settings.targets {
            (Scan::Scanning, Severity::Medium, settings.targets)
        } else {
            (Scan::Odd, Severity::Low, settings.odd)
        };
        asker.case.place.go(stage);
        if asker.case.is_news(severity, asker.met) {
            let why = vec![
                Reason::new("targets", number(count), number(threshold)),
                Reason::new("nobody", nobody, settings.nobody),
                Reason::plain("targets_in_all", long(asker.met)),
                Reason::plain("within_s", settings.within_s),
            ];
            let from = arp.sender_address;
            out.push(asker.case.evidence(Kind::ArpScan, from, severity, 0.9, why));
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::ArpScan, &self.askers, |card, asker| {
            let counters = vec![("targets", number(asker.targets.count()))];
            (super::card(*card), asker.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, arp};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(ArpScan::default(), 100))
    }

    #[test]
    fn twenty_addresses_of_nobody_are_a_scan_five_are_odd_and_four_are_nothing() {
        let ask = |n: u32| arp(ArpKind::Request, 1, 1, 100 + n, n);
        let mut bench = bench();
        assert!(bench.see((0..4).map(ask)).is_empty());
        assert_eq!(bench.see([ask(4)]).first().unwrap().severity, Severity::Low);
        assert!(bench.see((5..19).map(ask)).is_empty());
        assert_eq!(bench.see([ask(19)]).first().unwrap().severity, Severity::Medium);
    }

    #[test]
    fn a_router_that_asks_for_hosts_that_are_there_is_quiet() {
        let mut bench = bench();
        bench.see((0..20).map(|n| arp(ArpKind::Reply, 100 + n, 100 + n, 1, 0)));
        assert!(bench.see((0..20).map(|n| arp(ArpKind::Request, 1, 1, 100 + n, 1))).is_empty());
    }

    #[test]
    fn questions_now_and_then_and_announcements_are_quiet() {
        let slow = |n: u32| arp(ArpKind::Request, 1, 1, 100 + n, n * 10);
        assert!(bench().see((0..50).map(slow)).is_empty());
        let gratuitous = |n: u32| arp(ArpKind::Request, 1, n, n, n);
        assert!(bench().see((0..50).map(gratuitous)).is_empty());
    }
}

//! Far more goes out than usual, to a place that few call on.

use std::{collections::VecDeque, net::IpAddr};

use capture::{Flow, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, quantile},
    outcome::is_of_many,
    recent::{Recent, Sum},
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When much is too much. Slips tells at 500 MB to one host in an hour, or 100 MB at once.
    pub struct Exfiltration {
        /// Bytes of payload to one place within the window.
        bytes: f64 = 100_000_000.0,
        /// How many times the host's own usual (its 99th percentile of an hour) it must be.
        usual: f64 = 10.0,
        /// Bytes out for each byte in.
        ratio: f64 = 5.0,
        /// How many of our hosts may call on the same place for it to be of few.
        callers: usize = 2,
        /// How many hosts of ours must be known before a place can be called of few; below that it is
        /// medium and not high.
        hosts: usize = 10,
        /// The window, in seconds.
        within_s: f64 = 3600.0,
    }
}

stages! {
    enum Outflow {
        Watching "watching" "bytes are counted" => [Leaking],
        Leaking "leaking" "far more than usual goes out" => [Watching],
    }
}

struct Route {
    case: Case<Outflow>,
    sent: Sum,
    received: Sum,
    told_bytes: f64,
}

/// What a host sent to outside, hour by hour.
struct Usual {
    hour: i64,
    bytes: f64,
    hours: VecDeque<f64>,
}

/// A week of hours.
const HOURS: usize = 168;

pub(super) struct Detect {
    settings: Exfiltration,
    routes: Table<(IpAddr, IpAddr), Route>,
    hosts: Table<IpAddr, Usual>,
    places: Table<IpAddr, Recent<IpAddr>>,
}

impl Detect {
    pub(super) fn new(settings: Exfiltration, most: usize) -> Self {
        Self {
            settings,
            routes: Table::new(most),
            hosts: Table::new(most),
            places: Table::new(most),
        }
    }
}

impl Usual {
    /// Adds what was sent; says what a heavy hour was before this one.
    fn add(&mut self, at: Moment, bytes: f64) -> f64 {
        let hour = at.0.div_euclid(3_600_000_000_000);
        if hour != self.hour {
            if self.bytes > 0.0 {
                self.hours.push_back(self.bytes);
            }
            if self.hours.len() > HOURS {
                self.hours.pop_front();
            }
            (self.hour, self.bytes) = (hour, 0.0);
        }
        self.bytes += bytes;
        let mut sorted: Vec<f64> = self.hours.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, 0.99)
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Exfiltration
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let (from, to) = (flow.originator.address, flow.responder.address);
        // Whoever started it: a stranger may also fetch.
        let (host, place, sent, received) = if around.home.has(from) {
            (from, to, flow.forward.payload, flow.reverse.payload)
        } else {
            (to, from, flow.reverse.payload, flow.forward.payload)
        };
        let outward = around.home.has(host) && !around.home.has(place) && !is_of_many(place);
        if !outward || around.known_good || sent == 0 {
            return;
        }
        let settings = &self.settings;
        let (at, sent) = (flow.end, long(sent));
        let fresh = || Usual { hour: 0, bytes: 0.0, hours: VecDeque::new() };
        let Some(usual) = self.hosts.touch(host, fresh) else { return };
        let heavy = usual.add(at, sent);
        let rare = self.hosts.len() >= settings.hosts;
        let Some(callers) = self.places.touch(place, || Recent::new(32)) else { return };
        callers.meet(host, at, false, 86_400.0);
        let callers = callers.count();

        let fresh = || Route {
            case: Case::new(Outflow::Watching, flow.start),
            sent: Sum::default(),
            received: Sum::default(),
            told_bytes: 0.0,
        };
        let Some(route) = self.routes.touch((host, place), fresh) else { return };
        if route.sent.total_at(at, settings.within_s) < 1.0 {
            route.case.place.go(Outflow::Watching);
            route.case.renew(flow.start);
        }
        route.sent.add(at, sent, settings.within_s);
        route.received.add(at, long(received), settings.within_s);
        route.case.add(flow, place);
        let (sent, ratio) =
            (route.sent.total(), route.sent.total() / route.received.total().max(1.0));
        let threshold = settings.bytes.max(heavy * settings.usual);
        if sent < threshold || ratio < settings.ratio || callers > settings.callers {
            route.case.place.go(Outflow::Watching);
            return;
        }
        route.case.place.go(Outflow::Leaking);
        let severity = if rare { Severity::High } else { Severity::Medium };
        route.told_bytes = route.told_bytes.max(sent);
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let hundreds = (route.told_bytes / settings.bytes.max(1.0)) as u64;
        if route.case.is_news(severity, hundreds) {
            let why = vec![
                Reason::new("sent_bytes", sent, threshold),
                Reason::new("ratio", ratio, settings.ratio),
                Reason::plain("heavy_hour_bytes", heavy),
                Reason::within("callers", number(callers), number(settings.callers)),
                Reason::plain("within_s", settings.within_s),
            ];
            out.push(route.case.evidence(Kind::Exfiltration, host, severity, 0.7, why));
        }
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let (from, to) = (flow.originator.address, flow.responder.address);
        let route = self.routes.peek(&(from, to)).or_else(|| self.routes.peek(&(to, from)))?;
        (route.case.place.now() == Outflow::Leaking).then_some(Severity::Medium)
    }

    fn shown(&self) -> Shown {
        shown(Kind::Exfiltration, &self.routes, |(host, place), route| {
            let counters = vec![
                ("sent_bytes", route.sent.total()),
                ("received_bytes", route.received.total()),
            ];
            (format!("{host} → {place}"), route.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Exfiltration::default(), 100))
    }

    fn upload(n: u32, megabytes: u64) -> Made {
        flow("10.0.0.1:40000 > 192.0.2.1:443", n * 60).talk(megabytes * 1_000_000, 10_000, 900)
    }

    #[test]
    fn a_hundred_megabytes_are_told_and_one_less_is_not() {
        let mut bench = bench();
        assert!(bench.see((0..9).map(|n| upload(n, 11))).is_empty());
        assert_eq!(bench.see([upload(9, 1)]).len(), 1);
        assert!(bench.covers(&upload(10, 1)));
    }

    #[test]
    fn what_a_stranger_fetches_counts_too() {
        let fetched = flow("192.0.2.1:40000 > 10.0.0.1:8080", 0).talk(1_000, 200_000_000, 9_000);
        assert_eq!(bench().see([fetched]).len(), 1);
    }

    #[test]
    fn downloads_calls_and_places_that_many_use_are_quiet() {
        let download = flow("10.0.0.1:1 > 192.0.2.1:443", 0).talk(1_000_000, 900_000_000, 9_000);
        assert!(bench().see([download]).is_empty());
        let call = flow("10.0.0.1:1 > 192.0.2.1:443", 0).talk(200_000_000, 180_000_000, 9_000);
        assert!(bench().see([call]).is_empty());
        let shared = |n| upload(0, 1).by(n);
        let mut bench = bench();
        bench.see((0..5).map(shared));
        assert!(bench.see([upload(1, 500)]).is_empty());
    }

    #[test]
    fn a_host_that_always_sends_much_is_measured_by_its_own_hours() {
        let mut bench = bench();
        let backup =
            |n: u32| flow("10.0.0.1:1 > 198.51.100.9:443", n * 3_600).talk(90_000_000, 10, 900);
        assert!(bench.see((0..48).map(backup)).is_empty());
        assert!(
            bench
                .see([flow("10.0.0.1:1 > 192.0.2.1:443", 172_800).talk(500_000_000, 9, 99)])
                .is_empty()
        );
        assert_eq!(
            bench.see([flow("10.0.0.1:1 > 192.0.2.1:443", 172_900).talk(500_000_000, 9, 99)]).len(),
            1
        );
    }
}

//! The same place is called on again and again, regularly, by few.

use std::net::IpAddr;

use capture::{Flow, Protocol, Service};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    outcome::{is_attempt, is_talk},
    recent::Recent,
    rhythm::Rhythm,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When regular calls are a beacon. RITA's score: a quarter each of timing, size, duration and
    /// histogram (`analysis/beacons.go`). Programs that look for updates are regular too: what is
    /// medium and not low must be rare among our hosts, or speak on a port where nothing known is
    /// spoken.
    pub struct Beacon {
        /// Calls of one host on one port of another.
        calls: usize = 10,
        /// RITA's score from which it is a beacon.
        score: f64 = 0.8,
        /// How uneven the times between calls may be instead (deviation over mean).
        variation: f64 = 0.3,
        /// How long it must have gone on to be told at all, in seconds.
        lasting_s: f64 = 3600.0,
        /// How long is ideal for the score, in seconds; RITA wants 6 hours at least, 12 at best.
        ideal_s: f64 = 21_600.0,
        /// The share of our hosts that may call on the same place for it to be rare.
        prevalence: f64 = 0.02,
        /// How many hosts of ours must be known before anything can be called rare.
        hosts: usize = 25,
        /// After so long without a call the count starts anew, in seconds.
        within_s: f64 = 86_400.0,
    }
}

stages! {
    enum Calling {
        Watching "watching" "calls are gathered" => [Regular, Beaconing],
        Regular "regular" "calls are regular, as of many harmless programs" => [Beaconing, Watching],
        Beaconing "beaconing" "calls are regular, and the place is rare or odd" => [Regular, Watching],
    }
}

struct Caller {
    case: Case<Calling>,
    rhythm: Rhythm,
}

type Key = (IpAddr, IpAddr, u16, u8);

pub(super) struct Detect {
    settings: Beacon,
    callers: Table<Key, Caller>,
    /// Our hosts, and for each place those that call on it; both at most as many as are kept.
    hosts: Table<IpAddr, ()>,
    places: Table<IpAddr, Recent<IpAddr>>,
}

impl Detect {
    pub(super) fn new(settings: Beacon, most: usize) -> Self {
        Self {
            settings,
            callers: Table::new(most),
            hosts: Table::new(most),
            places: Table::new(most),
        }
    }

    /// Which part of our hosts calls on a place; `None` while too few are known.
    fn prevalence(&self, place: IpAddr) -> Option<f64> {
        let hosts = self.hosts.len();
        let callers = self.places.peek(&place).map_or(0, Recent::count);
        (hosts >= self.settings.hosts).then(|| share(number(callers), number(hosts)))
    }
}

fn key(flow: &Flow) -> Key {
    (flow.originator.address, flow.responder.address, flow.responder.port, flow.protocol.0)
}

/// What keeps a host going and is regular by design.
fn is_upkeep(flow: &Flow) -> bool {
    let port = flow.responder.port;
    matches!(flow.service, Some(Service::Dns | Service::Ntp | Service::Dhcp | Service::Ssdp))
        || matches!(port, 53 | 67 | 68 | 123 | 137 | 138 | 546 | 547 | 853 | 1900 | 5353 | 5355)
}

/// Whether something is spoken that programs speak by themselves, or on a port where it would be.
fn is_usual(flow: &Flow) -> bool {
    let spoken = flow.service.is_some_and(|service| {
        !matches!(service, Service::Irc | Service::Socks | Service::Telnet | Service::Tftp)
    });
    spoken || matches!(flow.responder.port, 80 | 443 | 993 | 995 | 5222 | 5223 | 5228 | 8883)
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Beacon
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let (from, to) = (flow.originator.address, flow.responder.address);
        if flow.protocol.is_icmp() || !is_attempt(flow) || !around.home.has(from) {
            return;
        }
        self.hosts.touch(from, || ());
        if around.home.has(to) || around.known_good || is_upkeep(flow) {
            return;
        }
        let settings = &self.settings;
        if let Some(callers) = self.places.touch(to, || Recent::new(64)) {
            callers.meet(from, flow.end, false, settings.within_s);
        }
        let answered =
            is_talk(flow) || (flow.protocol == Protocol::UDP && flow.reverse.packets > 0);
        if !answered {
            return;
        }
        let prevalence = self.prevalence(to);
        let key = key(flow);
        let fresh =
            || Caller { case: Case::new(Calling::Watching, flow.start), rhythm: Rhythm::default() };
        let Some(caller) = self.callers.touch(key, fresh) else { return };
        if flow.start.since(caller.case.last) > settings.within_s {
            caller.case.place.go(Calling::Watching);
            caller.case.renew(flow.start);
            caller.rhythm = Rhythm::default();
        }
        caller.rhythm.add(flow);
        caller.case.add(flow, to);
        let Some(score) = caller.rhythm.score(settings.calls, settings.ideal_s) else { return };
        let lasted = caller.case.last.since(caller.case.first);
        let regular = score.total() >= settings.score || score.variation < settings.variation;
        if !regular || lasted < settings.lasting_s {
            caller.case.place.go(Calling::Watching);
            return;
        }
        let rare = prevalence.is_some_and(|part| part <= settings.prevalence);
        let odd = !is_usual(flow);
        let (stage, severity) = match (rare, odd) {
            (true, true) => (Calling::Beaconing, Severity::High),
            (true, false) | (false, true) => (Calling::Beaconing, Severity::Medium),
            (false, false) => (Calling::Regular, Severity::Low),
        };
        caller.case.place.go(stage);
        if !caller.case.is_news(severity, caller.rhythm.count) {
            return;
        }
        let why = vec![
            Reason::new("score", score.total(), settings.score),
            Reason::within("variation", score.variation.min(1e6), settings.variation),
            Reason::within("prevalence", prevalence.unwrap_or(1.0), settings.prevalence),
            Reason::plain("calls", long(caller.rhythm.count)),
            Reason::plain("gap_s", score.gap_s),
            Reason::plain("lasting_s", lasted),
            Reason::plain("unknown_service", f64::from(u8::from(odd))),
        ];
        // Whichever of the two makes it regular says how sure that is.
        let confidence = score.total().max(1.0 - score.variation);
        out.push(caller.case.evidence(Kind::Beacon, from, severity, confidence, why));
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        match self.callers.peek(&key(flow))?.case.place.now() {
            Calling::Watching => None,
            Calling::Regular => Some(Severity::Low),
            Calling::Beaconing => Some(Severity::Medium),
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::Beacon, &self.callers, |(from, to, port, _), caller| {
            let score = caller.rhythm.score(self.settings.calls, self.settings.ideal_s);
            let counters = vec![
                ("calls", long(caller.rhythm.count)),
                ("score", score.map_or(0.0, |score| score.total())),
            ];
            (format!("{from} → {to} port {port}"), caller.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Beacon::default(), 1000))
    }

    fn call(n: u32) -> Made {
        flow("10.0.0.1:40000 > 192.0.2.1:4444", n * 600).talk(300, 200, 5)
    }

    #[test]
    fn ten_regular_calls_on_an_odd_port_are_a_beacon_and_nine_are_not() {
        let mut bench = bench();
        assert!(bench.see((0..9).map(call)).is_empty());
        let told = bench.see([call(9)]);
        assert_eq!(told.first().unwrap().severity, Severity::Medium);
    }

    #[test]
    fn a_program_that_looks_for_updates_is_at_most_odd() {
        let update = |n| call(n).port(443).service(Service::Tls);
        let told = bench().see((0..200).map(update));
        assert!(told.iter().all(|told| told.severity <= Severity::Low), "{told:?}");
    }

    #[test]
    fn a_regular_call_that_one_of_many_makes_is_a_beacon_and_one_that_all_make_is_not() {
        let crowd = |n: u32| {
            flow("10.0.0.1:40000 > 198.51.100.1:443", n).by(n).service(Service::Tls).talk(9, 9, 9)
        };
        let quiet = |n| call(n).port(443).service(Service::Tls);
        let mut one = bench();
        one.see((0..60).map(crowd));
        assert_eq!(one.see((0..20).map(quiet)).last().unwrap().severity, Severity::Medium);
        let mut all = bench();
        all.see((0..60).map(crowd));
        all.see((0..60).map(|n| call(1).port(443).service(Service::Tls).by(n)));
        let told = all.see((0..20).map(quiet));
        assert!(told.iter().all(|told| told.severity == Severity::Low), "{told:?}");
    }

    #[test]
    fn clocks_names_irregular_calls_and_known_good_places_are_quiet() {
        let ntp = |n| call(n).port(123).udp();
        assert!(bench().see((0..200).map(ntp)).is_empty());
        let reader = |n: u32| {
            let at = n * 500 + (n * n * 7919) % 3000 * (n % 3);
            flow("10.0.0.1:40000 > 192.0.2.1:4444", at).talk(
                u64::from(n * n % 97) * 500 + 1,
                200,
                5,
            )
        };
        assert!(bench().see((0..15).map(reader)).is_empty());
        let mut good = bench();
        good.known_good = true;
        assert!(good.see((0..200).map(call)).is_empty());
    }
}

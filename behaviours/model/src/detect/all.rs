//! All detectors together: each is shown what is seen, and what they find is gathered.

use capture::{Arp, Dhcp, Dns, Flow, Seen};
use serde::{Deserialize, Serialize};

use super::{
    Evidence, Home, Kind, Settings, Severity, Shown, amplification, arp_scan, arp_spoof, beacon,
    blacklist, brute_force, cleartext, dga, dns_tunnel, exfiltration, horizontal_scan, icmp_sweep,
    knock, long_connection, new_device, new_service, reconnection, syn_flood, vertical_scan,
};
use crate::intel::{Intelligence, Match};

/// What a detector may know beside what it sees.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    /// Which addresses are ours.
    pub(crate) home: &'a Home,
    /// Indicators that what is seen matches.
    pub(crate) matches: &'a [Match],
    /// Whether a warninglist says that the place called on is a known good one.
    pub(crate) known_good: bool,
}

/// What finds one kind of behaviour.
pub(crate) trait Detector: Send {
    /// Which kind.
    fn kind(&self) -> Kind;

    /// Sees a conversation.
    fn flow(&mut self, _: &Flow, _: &Around<'_>, _: &mut Vec<Evidence>) {}

    /// Sees a question of DNS, or an answer.
    fn dns(&mut self, _: &Dns, _: &Around<'_>, _: &mut Vec<Evidence>) {}

    /// Sees who claims an address.
    fn arp(&mut self, _: &Arp, _: &Around<'_>, _: &mut Vec<Evidence>) {}

    /// Sees who got an address.
    fn dhcp(&mut self, _: &Dhcp, _: &Around<'_>, _: &mut Vec<Evidence>) {}

    /// Sees whatever it is.
    fn see(&mut self, seen: &Seen, around: &Around<'_>, out: &mut Vec<Evidence>) {
        match seen {
            Seen::Flow(flow) => self.flow(flow, around, out),
            Seen::Dns(dns) => self.dns(dns, around, out),
            Seen::Arp(arp) => self.arp(arp, around, out),
            Seen::Dhcp(dhcp) => self.dhcp(dhcp, around, out),
        }
    }

    /// How bad it holds this conversation to be, as things stand; `None` where it does not mind.
    fn covers(&self, _: &Flow, _: &Around<'_>) -> Option<Severity> {
        None
    }

    /// Its states, and the subjects that it follows.
    fn shown(&self) -> Shown;
}

/// Which detectors hold a conversation to be guilty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage(pub Vec<(Kind, Severity)>);

impl Coverage {
    /// The worst that any of them says.
    pub fn worst(&self) -> Option<Severity> {
        self.0.iter().map(|(_, severity)| *severity).max()
    }

    /// Whether one of them calls it this bad, or worse.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.worst().is_some_and(|worst| worst >= severity)
    }
}

/// All detectors that are not switched off, and the intelligence that they ask.
pub struct Detectors {
    all: Vec<Box<dyn Detector>>,
    home: Home,
    intelligence: Intelligence,
    matches: Vec<Match>,
    allowed: u64,
}

impl std::fmt::Debug for Detectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<Kind> = self.all.iter().map(|detector| detector.kind()).collect();
        f.debug_struct("Detectors").field("kinds", &kinds).finish_non_exhaustive()
    }
}

impl Detectors {
    /// With these thresholds, and this intelligence.
    pub fn new(settings: &Settings, intelligence: Intelligence) -> Self {
        let of = settings;
        let most = settings.subjects;
        let all: Vec<Box<dyn Detector>> = vec![
            Box::new(vertical_scan::Detect::new(of.vertical_scan.clone(), most)),
            Box::new(horizontal_scan::Detect::new(of.horizontal_scan.clone(), most)),
            Box::new(knock::Detect::new(of.knock.clone(), most)),
            Box::new(icmp_sweep::Detect::new(of.icmp_sweep.clone(), most)),
            Box::new(arp_scan::Detect::new(of.arp_scan.clone(), most)),
            Box::new(arp_spoof::Detect::new(of.arp_spoof.clone(), most)),
            Box::new(syn_flood::Detect::new(of.syn_flood.clone(), most)),
            Box::new(amplification::Detect::new(of.amplification.clone(), most)),
            Box::new(brute_force::Detect::new(of.brute_force.clone(), most)),
            Box::new(cleartext::Detect::new(of.cleartext.clone(), most)),
            Box::new(beacon::Detect::new(of.beacon.clone(), most)),
            Box::new(reconnection::Detect::new(of.reconnection.clone(), most)),
            Box::new(long_connection::Detect::new(of.long_connection.clone(), most)),
            Box::new(dns_tunnel::Detect::new(of.dns_tunnel.clone(), most)),
            Box::new(dga::Detect::new(of.dga.clone(), most)),
            Box::new(blacklist::Detect::new(of.blacklist.clone(), most)),
            Box::new(exfiltration::Detect::new(of.exfiltration.clone(), most)),
            Box::new(new_device::Detect::new(of.new_device.clone(), most)),
            Box::new(new_service::Detect::new(of.new_service.clone(), most)),
        ];
        Self {
            all: all
                .into_iter()
                .filter(|detector| !settings.off.contains(&detector.kind()))
                .collect(),
            home: settings.home.clone(),
            intelligence,
            matches: Vec::new(),
            allowed: 0,
        }
    }

    /// Shows all of them what was seen; what they find is added to `out`. What an allowlist names
    /// is shown to none, and counted.
    pub fn see(&mut self, seen: &Seen, out: &mut Vec<Evidence>) {
        self.matches.clear();
        if self.intelligence.allows(seen) {
            self.allowed += 1;
            return;
        }
        self.intelligence.look(seen, &mut self.matches);
        let known_good = self.intelligence.known_good(seen);
        let around = Around { home: &self.home, matches: &self.matches, known_good };
        for detector in &mut self.all {
            detector.see(seen, &around, out);
        }
    }

    /// Which detectors hold this conversation to be guilty as things stand; to be asked after it
    /// was shown by [`see`](Self::see).
    pub fn covers(&self, seen: &Seen) -> Coverage {
        let Seen::Flow(flow) = seen else { return Coverage::default() };
        if self.intelligence.allows(seen) {
            return Coverage::default();
        }
        let known_good = self.intelligence.known_good(seen);
        let around = Around { home: &self.home, matches: &self.matches, known_good };
        let asked = self.all.iter().filter_map(|detector| {
            detector.covers(flow, &around).map(|severity| (detector.kind(), severity))
        });
        Coverage(asked.collect())
    }

    /// What each of them has in mind.
    pub fn shown(&self) -> Vec<Shown> {
        self.all.iter().map(|detector| detector.shown()).collect()
    }

    /// How much was not looked at because an allowlist names it.
    pub fn allowed(&self) -> u64 {
        self.allowed
    }

    /// What is known of who is bad and who is good.
    pub fn intelligence(&self) -> &Intelligence {
        &self.intelligence
    }

    /// The same, to load lists into.
    pub fn intelligence_mut(&mut self) -> &mut Intelligence {
        &mut self.intelligence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::proving::{Made, flow},
        intel::{Defaults, Format},
    };

    fn scan(n: u32) -> Made {
        flow("10.0.0.1:40000 > 10.0.0.2:1", n).port(n + 1)
    }

    fn see(detectors: &mut Detectors, all: impl IntoIterator<Item = Made>) -> Vec<Evidence> {
        let mut out = Vec::new();
        for made in all {
            detectors.see(&made.into(), &mut out);
        }
        out
    }

    #[test]
    fn a_conversation_of_a_scan_is_covered_and_its_neighbours_are_not() {
        let mut detectors = Detectors::new(&Settings::default(), Intelligence::default());
        let told = see(&mut detectors, (0..30).map(scan));
        assert!(told.iter().all(|told| told.detector == Kind::VerticalScan), "{told:?}");
        let coverage = detectors.covers(&scan(30).into());
        assert_eq!(coverage.0, [(Kind::VerticalScan, Severity::High)]);
        assert!(coverage.reaches(Severity::High) && !coverage.reaches(Severity::Critical));
        let other = flow("10.0.0.3:40000 > 10.0.0.2:80", 0).into();
        assert_eq!(detectors.covers(&other), Coverage::default());
    }

    #[test]
    fn an_allowed_scanner_is_not_looked_at() {
        let mut intelligence = Intelligence::default();
        intelligence.allow(Format::Plain, "10.0.0.1");
        let mut detectors = Detectors::new(&Settings::default(), intelligence);
        assert!(see(&mut detectors, (0..30).map(scan)).is_empty());
        assert_eq!(detectors.allowed(), 30);
        assert_eq!(detectors.covers(&scan(30).into()), Coverage::default());
    }

    #[test]
    fn a_detector_that_is_off_does_not_run() {
        let settings = Settings { off: vec![Kind::VerticalScan], ..Settings::default() };
        let mut detectors = Detectors::new(&settings, Intelligence::default());
        assert!(see(&mut detectors, (0..30).map(scan)).is_empty());
    }

    #[test]
    fn an_indicator_is_told_and_covers() {
        let mut intelligence = Intelligence::default();
        let now = capture::Moment(0);
        intelligence.load(Format::Plain, "192.0.2.1", &Defaults::default(), now);
        let mut detectors = Detectors::new(&Settings::default(), intelligence);
        let call = || flow("10.0.0.1:1 > 192.0.2.1:443", 0).talk(9, 9, 9);
        assert_eq!(see(&mut detectors, [call()]).len(), 1);
        assert!(detectors.covers(&call().into()).reaches(Severity::High));
    }

    #[test]
    fn each_kind_but_the_model_has_a_detector_whose_states_can_be_drawn() {
        let detectors = Detectors::new(&Settings::default(), Intelligence::default());
        let shown = detectors.shown();
        let kinds: Vec<Kind> = shown.iter().map(|shown| shown.detector).collect();
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Model) {
            assert!(kinds.contains(kind), "{kind}");
        }
        for shown in shown {
            let names: Vec<&String> = shown.states.iter().map(|state| &state.name).collect();
            assert!(names.len() >= 2, "{shown:?}");
            let known = |to: &String| names.contains(&to);
            assert!(shown.states.iter().all(|state| state.moves.iter().all(known)), "{shown:?}");
        }
    }

    #[test]
    fn whatever_comes_nothing_panics_and_no_table_outgrows_its_bound() {
        let settings = Settings { subjects: 64, ..Settings::default() };
        let mut detectors = Detectors::new(&settings, Intelligence::default());
        let mut dice = 99_u32;
        let mut roll = |most: u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 8) % most
        };
        let mut out = Vec::new();
        for _ in 0..30_000 {
            let mut made = flow("10.0.0.1:40000 > 192.0.2.1:80", roll(10_000));
            made = made.by(roll(5_000)).port(roll(65_536));
            if roll(2) == 0 {
                made = made.towards(roll(5_000));
            }
            made.0.state = capture::State::ALL[usize::try_from(roll(13)).unwrap()];
            made.0.protocol =
                capture::Protocol([1, 6, 17, 58, 255][usize::try_from(roll(5)).unwrap()]);
            made.0.forward.payload = [0, 1, u64::MAX][usize::try_from(roll(3)).unwrap()];
            made.0.reverse.packets = [0, 1, u64::MAX / 2][usize::try_from(roll(3)).unwrap()];
            if roll(50) == 0 {
                let ends = [i64::MIN, i64::MAX, 0, -1];
                made.0.start = capture::Moment(ends[usize::try_from(roll(4)).unwrap()]);
                made.0.end = capture::Moment(ends[usize::try_from(roll(4)).unwrap()]);
            }
            let seen = made.into();
            detectors.see(&seen, &mut out);
            detectors.covers(&seen);
            out.clear();
        }
        for shown in detectors.shown() {
            assert!(shown.tracked <= shown.most && shown.most <= 128, "{shown:?}");
        }
    }
}

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

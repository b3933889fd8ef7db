//! Adds evidence up, and says which alerts open, grow, move and expire.

use std::{collections::BTreeMap, net::IpAddr};

use capture::Moment;
use serde::{Deserialize, Serialize};

use super::{Accumulation, Alert, AlertChange, AlertState, Change, file::File};
use crate::detect::{Evidence, Family};

/// Evidence of all hosts, and the alerts that it came to.
#[derive(Clone, Debug)]
pub struct Alerts {
    settings: Accumulation,
    files: BTreeMap<(IpAddr, Family), File>,
    /// When was looked last for what has expired.
    swept: Moment,
    dropped: u64,
}

/// All of it, to go on with after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The form in which it is written.
    version: u32,
    swept: Moment,
    dropped: u64,
    files: Vec<File>,
}

/// The form that is written, and the only one that is read.
const VERSION: u32 = 1;
/// How often is looked for what has expired, in seconds.
const SWEEP_S: f64 = 60.0;

/// Why a move was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is none.
    #[error("no open alert `{0}`; expired ones are not kept")]
    NoSuch(String),
    /// The table has no such move.
    #[error("alert `{id}` is {from} and cannot be {to}; it can be: {}", names(from.moves()))]
    NotFromHere {
        /// Which.
        id: String,
        /// How it stands.
        from: AlertState,
        /// Where it should have gone.
        to: AlertState,
    },
}

/// Why a snapshot cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unrestorable {
    /// It has another form.
    #[error("a snapshot of version {0}; right would be version {VERSION}")]
    Version(u32),
}

fn names(states: &[AlertState]) -> String {
    states.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ")
}

impl Alerts {
    /// Without any evidence.
    pub fn new(settings: Accumulation) -> Self {
        Self { settings, files: BTreeMap::new(), swept: Moment::default(), dropped: 0 }
    }

    /// Goes on from a snapshot.
    pub fn restore(settings: Accumulation, snapshot: Snapshot) -> Result<Self, Unrestorable> {
        if snapshot.version != VERSION {
            return Err(Unrestorable::Version(snapshot.version));
        }
        let most = settings.files.max(1);
        let kept = snapshot.files.into_iter().take(most);
        Ok(Self {
            settings,
            files: kept.map(|file| ((file.host, file.family), file)).collect(),
            swept: snapshot.swept,
            dropped: snapshot.dropped,
        })
    }

    /// All of it, to be kept.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            version: VERSION,
            swept: self.swept,
            dropped: self.dropped,
            files: self.files.values().cloned().collect(),
        }
    }

    /// Adds evidence; what changes by it is added to `out`.
    pub fn add(&mut self, evidence: Evidence, out: &mut Vec<AlertChange>) {
        let now = evidence.last;
        self.pass(now, out);
        let key = (evidence.subject, evidence.detector.family());
        if !self.files.contains_key(&key) {
            self.make_room(now, out);
        }
        let settings = &self.settings;
        let file = self.files.entry(key).or_insert_with(|| File::new(key.0, key.1, now));
        file.add(evidence, settings);
        let now = file.last;
        let score = file.score(now, settings);
        if file.open.is_some() {
            if file.grow() {
                out.extend(tell(file, now, Change::Grown, settings));
            }
        } else if file.is_grave(settings) {
            let half = score >= settings.threshold / 2.0;
            let joint = half && self.total(key.0, now) >= self.settings.joint;
            let settings = &self.settings;
            let Some(file) = self.files.get_mut(&key) else { return };
            if score < settings.threshold && !joint {
                return;
            }
            file.open(now);
            out.extend(tell(file, now, Change::Opened, settings));
        }
        self.confirm(key, now, out);
    }

    /// Lets time pass: what was quiet for long expires. It is called with each evidence; call it
    /// too when there is none.
    pub fn pass(&mut self, now: Moment, out: &mut Vec<AlertChange>) {
        if now.since(self.swept).abs() < SWEEP_S {
            return;
        }
        self.swept = now;
        let settings = &self.settings;
        self.files.retain(|_, file| {
            let quiet = now.since(file.last) > settings.expire_s;
            if quiet && file.go(AlertState::Expired, "nothing new came", now) {
                out.extend(tell(file, now, Change::Moved, settings));
            }
            !quiet
        });
    }

    /// Moves an alert on behalf of somebody: a person, or a mitigator. An expired one is forgotten.
    pub fn go(
        &mut self,
        id: &str,
        to: AlertState,
        by: &str,
        at: Moment,
    ) -> Result<AlertChange, Refused> {
        let is_it = |file: &&mut File| file.open.as_ref().is_some_and(|open| open.id == id);
        let found = self.files.values_mut().find(is_it);
        let no_such = || Refused::NoSuch(id.chars().take(120).collect());
        let file = found.ok_or_else(no_such)?;
        let from = file.open.as_ref().map_or(AlertState::New, |open| open.state);
        if !file.go(to, by, at) {
            return Err(Refused::NotFromHere { id: id.to_owned(), from, to });
        }
        let told = tell(file, at, Change::Moved, &self.settings).ok_or_else(no_such)?;
        if to == AlertState::Expired {
            file.open = None;
            file.pieces.clear();
        }
        Ok(told)
    }

    /// The open alerts, by host and family.
    pub fn open(&self, now: Moment) -> impl Iterator<Item = Alert> {
        self.files.values().filter_map(move |file| file.alert(now, &self.settings))
    }

    /// What speaks against a host, over all families.
    pub fn total(&self, host: IpAddr, now: Moment) -> f64 {
        let files = self.files.values().filter(|file| file.host == host);
        files.map(|file| file.score(now, &self.settings)).sum()
    }

    /// How many hosts and families are followed.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing speaks against anybody.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many had to leave because there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn confirm(&mut self, key: (IpAddr, Family), now: Moment, out: &mut Vec<AlertChange>) {
        let settings = &self.settings;
        let Some(file) = self.files.get_mut(&key) else { return };
        let agreed = file.detectors().len() > 1 && file.score(now, settings) >= settings.confirm;
        let critical = file
            .open
            .as_ref()
            .is_some_and(|open| open.severity == crate::detect::Severity::Critical);
        let new = file.open.as_ref().is_some_and(|open| open.state == AlertState::New);
        let why = if critical { "the evidence is critical" } else { "detectors agree" };
        if new && (agreed || critical) && file.go(AlertState::Confirmed, why, now) {
            out.extend(tell(file, now, Change::Moved, settings));
        }
    }

    /// Makes room for one more: the one quiet for longest leaves, those without an alert first.
    fn make_room(&mut self, now: Moment, out: &mut Vec<AlertChange>) {
        while self.files.len() >= self.settings.files.max(1) {
            let quiet = |(_, file): &(&(IpAddr, Family), &File)| (file.open.is_some(), file.last);
            let Some(key) = self.files.iter().min_by_key(quiet).map(|(key, _)| *key) else {
                return;
            };
            self.dropped += 1;
            let Some(mut file) = self.files.remove(&key) else { return };
            if file.go(AlertState::Expired, "there was no room for it", now) {
                out.extend(tell(&file, now, Change::Moved, &self.settings));
            }
        }
    }
}

fn tell(file: &File, at: Moment, change: Change, settings: &Accumulation) -> Option<AlertChange> {
    file.alert(at, settings).map(|alert| AlertChange { at, change, alert })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Kind, Severity};

    fn at(seconds: f64) -> Moment {
        Moment::from_secs(1_700_000_000.0 + seconds)
    }

    fn evidence(detector: Kind, severity: Severity, confidence: f64, seconds: f64) -> Evidence {
        Evidence {
            detector,
            subject: "10.0.0.1".parse().unwrap(),
            severity,
            confidence,
            technique: detector.technique().map(str::to_owned),
            why: Vec::new(),
            note: None,
            peers: vec!["192.0.2.1".parse().unwrap()],
            first: at(seconds),
            last: at(seconds),
            flows: 10,
            examples: Vec::new(),
        }
    }

    fn changes(alerts: &mut Alerts, all: impl IntoIterator<Item = Evidence>) -> Vec<AlertChange> {
        let mut out = Vec::new();
        for evidence in all {
            alerts.add(evidence, &mut out);
        }
        out
    }

    fn alerts() -> Alerts {
        Alerts::new(Accumulation::default())
    }

    #[test]
    fn evidence_at_the_threshold_opens_one_alert_and_below_it_none() {
        let below = evidence(Kind::VerticalScan, Severity::Medium, 0.79, 0.0);
        assert!(changes(&mut alerts(), [below]).is_empty());
        let told =
            changes(&mut alerts(), [evidence(Kind::VerticalScan, Severity::Medium, 0.8, 0.0)]);
        assert_eq!(told.len(), 1);
        let told = told.first().unwrap();
        assert_eq!((told.change, told.alert.state), (Change::Opened, AlertState::New));
        assert_eq!(told.alert.techniques, ["T1046"]);
    }

    #[test]
    fn what_is_told_again_weighs_once_and_is_told_by_tens() {
        let again = |n: u32| Evidence {
            first: at(0.0),
            ..evidence(Kind::SynFlood, Severity::High, 0.9, f64::from(n))
        };
        let mut alerts = alerts();
        let told = changes(&mut alerts, (0..1_000).map(again));
        assert_eq!(told.len(), 4, "opened, then at 10, 100 and 1000 pieces");
        let alert = alerts.open(at(999.0)).next().unwrap();
        assert!((alert.score - 0.72).abs() < 1e-9, "{}", alert.score);
        assert_eq!(alert.count, 1_000);
    }

    #[test]
    fn oddities_alone_are_no_alert_unless_enough_detectors_agree() {
        let odd = |n: u32| evidence(Kind::Beacon, Severity::Low, 1.0, f64::from(n));
        assert!(changes(&mut alerts(), (0..50).map(odd)).is_empty());
        let kinds = [Kind::Beacon, Kind::LongConnection, Kind::Reconnection];
        let told =
            changes(&mut alerts(), kinds.map(|kind| evidence(kind, Severity::Low, 1.0, 0.0)));
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn evidence_fades() {
        let mut alerts = alerts();
        let half = |seconds| evidence(Kind::Beacon, Severity::Medium, 0.5, seconds);
        assert!(changes(&mut alerts, [half(0.0), half(7_200.0), half(14_400.0)]).is_empty());
        assert!((alerts.total("10.0.0.1".parse().unwrap(), at(18_000.0)) - 0.164).abs() < 0.001);
        assert_eq!(changes(&mut alerts, [half(14_500.0)]).len(), 1);
    }

    #[test]
    fn families_are_apart_and_support_each_other() {
        let mut alerts = alerts();
        let told = changes(
            &mut alerts,
            [
                evidence(Kind::VerticalScan, Severity::High, 1.0, 0.0),
                evidence(Kind::Beacon, Severity::Medium, 0.5, 1.0),
            ],
        );
        let families: Vec<Family> = told.iter().map(|told| told.alert.family).collect();
        assert_eq!(families, [Family::Reconnaissance, Family::Command]);
    }

    #[test]
    fn two_detectors_that_agree_confirm() {
        let told = changes(
            &mut alerts(),
            [
                evidence(Kind::VerticalScan, Severity::High, 0.7, 0.0),
                evidence(Kind::HorizontalScan, Severity::High, 0.7, 1.0),
            ],
        );
        let last = told.last().unwrap();
        assert_eq!((last.change, last.alert.state), (Change::Moved, AlertState::Confirmed));
        assert_eq!(told.len(), 3, "opened, grown by a detector, confirmed");
    }

    #[test]
    fn a_person_moves_an_alert_as_the_table_allows() {
        let mut alerts = alerts();
        let told = changes(&mut alerts, [evidence(Kind::VerticalScan, Severity::High, 1.0, 0.0)]);
        let id = told.first().unwrap().alert.id.clone();
        let told = alerts.go(&id, AlertState::Acknowledged, "ann", at(5.0)).unwrap();
        assert_eq!(told.alert.history.last().unwrap().by, "ann");
        let why = alerts.go(&id, AlertState::Confirmed, "ann", at(6.0)).unwrap_err();
        assert_eq!(
            why.to_string(),
            format!(
                "alert `{id}` is acknowledged and cannot be confirmed; it can be: mitigated, expired"
            )
        );
        alerts.go(&id, AlertState::Mitigated, "mitigator", at(7.0)).unwrap();
        alerts.go(&id, AlertState::Expired, "ann", at(8.0)).unwrap();
        let why = alerts.go(&id, AlertState::Expired, "ann", at(9.0)).unwrap_err();
        assert!(matches!(why, Refused::NoSuch(_)));
        let told = changes(&mut alerts, [evidence(Kind::VerticalScan, Severity::High, 1.0, 20.0)]);
        assert_ne!(told.first().unwrap().alert.id, id, "a new alert");
    }

    #[test]
    fn an_alert_without_news_expires_and_says_so() {
        let mut alerts = alerts();
        changes(&mut alerts, [evidence(Kind::VerticalScan, Severity::High, 1.0, 0.0)]);
        let mut out = Vec::new();
        alerts.pass(at(86_400.0), &mut out);
        assert!(out.is_empty());
        alerts.pass(at(86_500.0), &mut out);
        assert_eq!(out.first().unwrap().alert.state, AlertState::Expired);
        assert!(alerts.is_empty());
    }

    #[test]
    fn it_goes_on_after_a_restart_as_if_there_had_been_none() {
        let first = evidence(Kind::Beacon, Severity::Medium, 0.5, 0.0);
        let second = evidence(Kind::DnsTunnel, Severity::Medium, 0.5, 60.0);
        let mut through = alerts();
        changes(&mut through, [first]);
        let kept = serde_json::to_string(&through.snapshot()).unwrap();
        let kept = serde_json::from_str(&kept).unwrap();
        let mut again = Alerts::restore(Accumulation::default(), kept).unwrap();
        assert_eq!(changes(&mut again, [second.clone()]), changes(&mut through, [second]));
        let other = r#"{"version": 2, "swept": 0, "dropped": 0, "files": []}"#;
        let other = serde_json::from_str(other).unwrap();
        let why = Alerts::restore(Accumulation::default(), other).unwrap_err();
        assert_eq!(why.to_string(), "a snapshot of version 2; right would be version 1");
    }

    #[test]
    fn there_are_never_more_files_than_the_bound_and_alerts_leave_last() {
        let settings = Accumulation { files: 100, ..Accumulation::default() };
        let mut alerts = Alerts::new(settings);
        let mut out = Vec::new();
        for n in 0..1_000_u32 {
            let severity = if n < 10 { Severity::High } else { Severity::Low };
            let subject = IpAddr::V4((0x0A00_0000 + n).into());
            let evidence = evidence(Kind::Beacon, severity, 1.0, f64::from(n));
            alerts.add(Evidence { subject, ..evidence }, &mut out);
        }
        assert_eq!((alerts.len(), alerts.dropped()), (100, 900));
        assert_eq!(alerts.open(at(1_000.0)).count(), 10);
    }

    #[test]
    fn one_verdict_of_a_model_is_no_alert_and_five_on_one_peer_are() {
        let verdict = |n: u32| evidence(Kind::Model, Severity::Medium, 0.95, f64::from(n));
        let mut alerts = alerts();
        assert!(changes(&mut alerts, (0..4).map(verdict)).is_empty());
        assert_eq!(changes(&mut alerts, [verdict(4)]).len(), 1);
        // Whatever the model's threshold is.
        let flow = crate::detect::Example {
            start: at(0.0),
            originator: capture::Endpoint { address: "10.0.0.1".parse().unwrap(), port: 1 },
            responder: capture::Endpoint { address: "192.0.2.1".parse().unwrap(), port: 2 },
            protocol: capture::Protocol::TCP,
        };
        let verdict = || Evidence::verdict(&flow, at(0.0), Severity::High, [0.21, 0.2], &[]);
        let mut alerts = self::alerts();
        assert!(changes(&mut alerts, [verdict()]).is_empty());
        assert_eq!(changes(&mut alerts, [(); 4].map(|()| verdict())).len(), 1);
    }

    #[test]
    fn a_peer_weighs_in_full_once_whatever_the_model_explains_and_the_first_explanation_stays() {
        let verdict = |n: u32| Evidence {
            note: (n == 0).then(|| "it sends much".to_owned()),
            flows: 1,
            ..evidence(Kind::Model, Severity::High, 0.9, 0.0)
        };
        let mut alerts = alerts();
        changes(&mut alerts, (0..20).map(verdict));
        let alert = alerts.open(at(0.0)).next().unwrap();
        assert!((alert.score - 0.72).abs() < 1e-9, "{}", alert.score);
        assert_eq!((alert.evidence.len(), alert.flows), (1, 20));
        assert_eq!(alert.evidence.first().unwrap().note.as_deref(), Some("it sends much"));
    }

    #[test]
    fn suspicions_of_a_model_open_nothing_alone_and_do_not_lessen_an_attack() {
        let of = |severity| move |n: u32| evidence(Kind::Model, severity, 0.9, f64::from(n) * 0.1);
        let elsewhere = |n: u32| Evidence {
            peers: vec![IpAddr::V4((0xC000_0200 + n).into())],
            ..of(Severity::Low)(n)
        };
        let mut alerts = alerts();
        assert!(changes(&mut alerts, (0..50).map(of(Severity::Low))).is_empty());
        assert!(changes(&mut alerts, (0..50).map(elsewhere)).is_empty());
        let mut alerts = self::alerts();
        changes(&mut alerts, (0..5).map(of(Severity::High)));
        let before = alerts.total("10.0.0.1".parse().unwrap(), at(0.5));
        changes(&mut alerts, [of(Severity::Low)(5)]);
        assert!(alerts.total("10.0.0.1".parse().unwrap(), at(0.5)) >= before);
    }

    #[test]
    fn figures_that_are_none_do_no_harm() {
        let mut alerts = alerts();
        for confidence in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let mut out = Vec::new();
            alerts.add(evidence(Kind::Beacon, Severity::High, confidence, f64::NAN), &mut out);
        }
        assert!(alerts.total("10.0.0.1".parse().unwrap(), at(0.0)).is_finite());
    }
}

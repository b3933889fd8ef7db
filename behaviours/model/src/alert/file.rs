//! What speaks against one host in one family, piece by piece.

use std::net::IpAddr;

use capture::Moment;
use serde::{Deserialize, Serialize};

use super::{Accumulation, Alert, AlertState, Step};
use crate::detect::{Evidence, Family, Kind, Severity};

/// The most pieces that are kept; then the lightest leaves.
const PIECES: usize = 64;
/// The most steps that are kept.
const STEPS: usize = 32;

/// One host and family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) host: IpAddr,
    pub(super) family: Family,
    pub(super) pieces: Vec<Piece>,
    /// When evidence came last.
    pub(super) last: Moment,
    pub(super) open: Option<Open>,
}

/// Evidence, and how often it was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    evidence: Evidence,
    times: u32,
}

/// What is kept of an open alert beside its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub(super) id: String,
    pub(super) state: AlertState,
    pub(super) severity: Severity,
    pub(super) opened: Moment,
    first: Moment,
    detectors: Vec<Kind>,
    pub(super) count: u64,
    /// The count at which growth is told next.
    next: u64,
    history: Vec<Step>,
}

impl File {
    pub(super) fn new(host: IpAddr, family: Family, at: Moment) -> Self {
        Self { host, family, pieces: Vec::new(), last: at, open: None }
    }

    /// Adds evidence. What a detector tells again takes the place of what it told before, so that a
    /// long attack does not weigh more for being told often.
    pub(super) fn add(&mut self, evidence: Evidence, settings: &Accumulation) {
        self.last = self.last.max(evidence.last);
        let same = |piece: &&mut Piece| is_same(&piece.evidence, &evidence);
        if let Some(piece) = self.pieces.iter_mut().find(same) {
            piece.times = piece.times.saturating_add(1);
            piece.renew(evidence);
            return;
        }
        if self.pieces.len() >= PIECES {
            let now = self.last;
            let weight = |piece: &Piece| piece.weight(now, settings);
            let lightest = (0..self.pieces.len()).min_by(|one, other| {
                let of = |place: &usize| self.pieces.get(*place).map_or(0.0, weight);
                of(one).total_cmp(&of(other))
            });
            if let Some(lightest) = lightest {
                self.pieces.swap_remove(lightest);
            }
        }
        self.pieces.push(Piece { evidence, times: 1 });
    }

    /// What it comes to.
    pub(super) fn score(&self, now: Moment, settings: &Accumulation) -> f64 {
        self.pieces.iter().map(|piece| piece.weight(now, settings)).sum()
    }

    /// Whether it is more than oddities: something is medium, or enough detectors agree.
    pub(super) fn is_grave(&self, settings: &Accumulation) -> bool {
        let medium = |piece: &Piece| piece.evidence.severity >= Severity::Medium;
        self.pieces.iter().any(medium) || self.detectors().len() >= settings.agreeing
    }

    /// Who says so.
    pub(super) fn detectors(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> =
            self.pieces.iter().map(|piece| piece.evidence.detector).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Opens an alert.
    pub(super) fn open(&mut self, at: Moment) {
        self.open = Some(Open {
            id: format!("{}-{}-{}", self.family.name(), self.host, at.0.div_euclid(1_000_000)),
            state: AlertState::New,
            severity: self.worst(),
            opened: at,
            first: at,
            detectors: self.detectors(),
            count: 1,
            next: 10,
            history: Vec::new(),
        });
        self.keep_first();
    }

    /// Counts evidence of an open alert; says whether it is worth telling.
    pub(super) fn grow(&mut self) -> bool {
        let (severity, detectors) = (self.worst(), self.detectors());
        let Some(open) = &mut self.open else { return false };
        open.count += 1;
        let tenfold = open.count >= open.next;
        if tenfold {
            open.next = open.next.saturating_mul(10);
        }
        let new: Vec<Kind> =
            detectors.into_iter().filter(|kind| !open.detectors.contains(kind)).collect();
        let joined = !new.is_empty();
        open.detectors.extend(new);
        let worse = severity > open.severity;
        open.severity = open.severity.max(severity);
        self.keep_first();
        tenfold || joined || worse
    }

    /// Moves an open alert if the table has that move.
    pub(super) fn go(&mut self, to: AlertState, by: &str, at: Moment) -> bool {
        let Some(open) = &mut self.open else { return false };
        if !open.state.may(to) {
            return false;
        }
        let by = by.chars().take(200).collect();
        if open.history.len() < STEPS {
            open.history.push(Step { at, from: open.state, to, by });
        }
        open.state = to;
        true
    }

    /// The alert as a person is told it, if one is open.
    pub(super) fn alert(&self, now: Moment, settings: &Accumulation) -> Option<Alert> {
        let open = self.open.as_ref()?;
        let mut pieces: Vec<&Piece> = self.pieces.iter().collect();
        pieces.sort_by(|one, other| {
            other.weight(now, settings).total_cmp(&one.weight(now, settings))
        });
        let (mut peers, mut techniques) = (Vec::new(), Vec::new());
        for piece in &pieces {
            for peer in &piece.evidence.peers {
                if peers.len() < Evidence::PEERS && !peers.contains(peer) {
                    peers.push(*peer);
                }
            }
            techniques.extend(piece.evidence.technique.clone());
        }
        techniques.sort_unstable();
        techniques.dedup();
        Some(Alert {
            id: open.id.clone(),
            host: self.host,
            family: self.family,
            state: open.state,
            severity: open.severity,
            score: self.score(now, settings),
            opened: open.opened,
            first: open.first,
            last: self.last,
            detectors: open.detectors.clone(),
            techniques,
            peers,
            count: open.count,
            flows: pieces.iter().map(|piece| piece.evidence.flows).fold(0, u64::saturating_add),
            evidence: pieces
                .iter()
                .take(Alert::EVIDENCE)
                .map(|piece| piece.evidence.clone())
                .collect(),
            history: open.history.clone(),
        })
    }

    fn worst(&self) -> Severity {
        self.pieces.iter().map(|piece| piece.evidence.severity).max().unwrap_or(Severity::Info)
    }

    fn keep_first(&mut self) {
        let first = self.pieces.iter().map(|piece| piece.evidence.first).min();
        if let (Some(open), Some(first)) = (&mut self.open, first) {
            open.first = open.first.min(first);
        }
    }
}

impl Piece {
    /// Takes in what is told again. Of a model the first explanation stays, and the worst severity:
    /// it explains a peer once.
    fn renew(&mut self, mut evidence: Evidence) {
        if evidence.detector == Kind::Model {
            let before = &mut self.evidence;
            evidence.flows = evidence.flows.saturating_add(before.flows);
            evidence.first = evidence.first.min(before.first);
            evidence.last = evidence.last.max(before.last);
            evidence.severity = evidence.severity.max(before.severity);
            if before.note.is_some() {
                evidence.note = before.note.take();
                evidence.why = std::mem::take(&mut before.why);
            }
        }
        self.evidence = evidence;
    }

    /// What it weighs now: half of it after each half-life.
    fn weight(&self, now: Moment, settings: &Accumulation) -> f64 {
        let age = now.since(self.evidence.last).max(0.0);
        let decay = 0.5_f64.powf(age / settings.half_life_s.max(1.0));
        let share = match self.evidence.detector {
            Kind::Model => (f64::from(self.times) / f64::from(settings.verdicts.max(1))).min(1.0),
            _ => 1.0,
        };
        self.evidence.weight() * decay * share
    }
}

/// Whether one piece tells again what the other told: the same detector on the same matter, at times
/// that touch. A model judges conversation by conversation; its matter is the peer, and whether that
/// is suspect or attacks, explained or not.
fn is_same(one: &Evidence, other: &Evidence) -> bool {
    let touch = one.first <= other.last && other.first <= one.last;
    let port = |evidence: &Evidence| {
        evidence.why.iter().find(|reason| reason.name == "port").map(|reason| reason.value)
    };
    if one.detector == Kind::Model {
        let attacks = |evidence: &Evidence| evidence.severity >= Severity::Medium;
        return other.detector == Kind::Model
            && one.peers.first() == other.peers.first()
            && attacks(one) == attacks(other);
    }
    one.detector == other.detector
        && touch
        && one.peers.first() == other.peers.first()
        && one.note == other.note
        && port(one) == port(other)
}

//! What is kept of one subject, whatever the detector: where it stands, with whom, and what was told.

use std::net::IpAddr;

use capture::{Flow, Moment};

use super::{
    Evidence, Example, Kind, Reason, Severity,
    stage::{Place, Stage},
};

/// One subject's file.
#[derive(Clone, Debug)]
pub(crate) struct Case<S> {
    pub(crate) place: Place<S>,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    pub(crate) flows: u64,
    peers: Vec<IpAddr>,
    examples: Vec<Example>,
    /// The severity told last and the count at which it is told again.
    told: Option<(Severity, u64)>,
}

impl<S: Stage> Case<S> {
    pub(crate) fn new(start: S, at: Moment) -> Self {
        Self {
            place: Place::at(start),
            first: at,
            last: at,
            flows: 0,
            peers: Vec::new(),
            examples: Vec::new(),
            told: None,
        }
    }

    /// Adds a conversation with `peer`.
    pub(crate) fn add(&mut self, flow: &Flow, peer: IpAddr) {
        self.note(flow.start, flow.end, peer);
        self.flows = self.flows.saturating_add(u64::from(flow.merged));
        if self.examples.len() < Evidence::EXAMPLES {
            self.examples.push(flow.into());
        }
    }

    /// Adds what is no conversation.
    pub(crate) fn note(&mut self, start: Moment, end: Moment, peer: IpAddr) {
        self.first = self.first.min(start);
        self.last = self.last.max(end);
        self.flows += 1;
        if self.peers.len() < Evidence::PEERS && !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
    }

    /// Forgets what was, so that what comes is told anew.
    pub(crate) fn renew(&mut self, at: Moment) {
        *self = Self { place: self.place, ..Self::new(self.place.now(), at) };
    }

    /// Whether it is time to tell: for the first time, when it got worse, and each time that
    /// `count` has grown tenfold.
    pub(crate) fn is_news(&mut self, severity: Severity, count: u64) -> bool {
        let news = self.told.is_none_or(|(told, next)| severity > told || count >= next);
        if news {
            self.told = Some((severity, count.max(1).saturating_mul(10)));
        }
        news
    }

    /// The evidence as it stands.
    pub(crate) fn evidence(
        &self,
        detector: Kind,
        subject: IpAddr,
        severity: Severity,
        confidence: f64,
        why: Vec<Reason>,
    ) -> Evidence {
        Evidence {
            detector,
            subject,
            severity,
            confidence: confidence.clamp(0.0, 1.0),
            technique: detector.technique().map(str::to_owned),
            why,
            note: None,
            peers: self.peers.clone(),
            first: self.first,
            last: self.last,
            flows: self.flows,
            examples: self.examples.clone(),
        }
    }
}

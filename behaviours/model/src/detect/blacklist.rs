//! Somebody is met whom a list calls bad.

use std::net::IpAddr;

use capture::{Dns, Flow, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, outcome::is_fruitless,
    setting::settings, shown::shown, stage::stages, table::Table,
};
use crate::intel::{Match, Spot};

settings! {
    /// When a meeting with somebody who is on a list is told.
    pub struct Blacklist {
        /// The confidence, from 0 to 1, below which an indicator is not told.
        confidence: f64 = 0.2,
    }
}

stages! {
    enum Meeting {
        Watching "watching" "nobody on a list was met" => [Met],
        Met "met" "somebody on a list was met" => [],
    }
}

pub(super) struct Detect {
    settings: Blacklist,
    /// By whom it is about and the indicator.
    meetings: Table<(IpAddr, String), (Case<Meeting>, Severity)>,
}

impl Detect {
    pub(super) fn new(settings: Blacklist, most: usize) -> Self {
        Self { settings, meetings: Table::new(most) }
    }
}

/// Whom a match in a conversation is about, who the other is, and how bad it is: a host of ours that
/// calls on a bad place has a problem; a bad one that knocks is noise until somebody answers.
fn weigh(flow: &Flow, spot: Spot) -> (IpAddr, IpAddr, Severity) {
    let (from, to) = (flow.originator.address, flow.responder.address);
    let vain = is_fruitless(flow);
    let severity = match spot {
        Spot::Originator if vain => Severity::Info,
        Spot::Responder if !vain => Severity::High,
        Spot::ServerName | Spot::Host | Spot::Url => Severity::High,
        Spot::Originator | Spot::Responder | Spot::Fingerprint | Spot::Question | Spot::Answer => {
            Severity::Medium
        }
    };
    (from, to, severity)
}

impl Detect {
    fn meet(
        &mut self,
        found: &Match,
        (subject, peer, severity): (IpAddr, IpAddr, Severity),
        (start, end): (Moment, Moment),
        flow: Option<&Flow>,
        out: &mut Vec<Evidence>,
    ) {
        if found.confidence < self.settings.confidence {
            return;
        }
        let key = (subject, found.indicator.clone());
        let fresh = || (Case::new(Meeting::Watching, start), severity);
        let Some((case, worst)) = self.meetings.touch(key, fresh) else { return };
        case.place.go(Meeting::Met);
        *worst = severity.max(*worst);
        match flow {
            Some(flow) => case.add(flow, peer),
            None => case.note(start, end, peer),
        }
        if case.is_news(severity, case.flows) {
            let why = vec![
                Reason::new("confidence", found.confidence, self.settings.confidence),
                Reason::plain("meetings", super::figures::long(case.flows)),
            ];
            let mut told = case.evidence(Kind::Blacklist, subject, severity, found.confidence, why);
            told.note = Some(format!(
                "{} `{}` is on `{}`",
                found.spot.name(),
                found.indicator,
                found.source
            ));
            out.push(told);
        }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Blacklist
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        for found in around.matches {
            self.meet(found, weigh(flow, found.spot), (flow.start, flow.end), Some(flow), out);
        }
    }

    fn dns(&mut self, dns: &Dns, around: &Around<'_>, out: &mut Vec<Evidence>) {
        for found in around.matches {
            let about = (dns.client.address, dns.server.address, Severity::Medium);
            self.meet(found, about, (dns.at, dns.at), None, out);
        }
    }

    fn covers(&self, flow: &Flow, around: &Around<'_>) -> Option<Severity> {
        let met = around.matches.iter().filter_map(|found| {
            let (subject, ..) = weigh(flow, found.spot);
            self.meetings.peek(&(subject, found.indicator.clone()))
        });
        met.map(|(_, worst)| *worst).max()
    }

    fn shown(&self) -> Shown {
        shown(Kind::Blacklist, &self.meetings, |(subject, indicator), (case, _)| {
            let counters = vec![("meetings", super::figures::long(case.flows))];
            (format!("{subject} → {indicator}"), case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench(spot: Spot, confidence: f64) -> Bench<Detect> {
        let mut bench = Bench::new(Detect::new(Blacklist::default(), 10));
        bench.matches = vec![Match {
            indicator: "192.0.2.1".to_owned(),
            source: "feed".to_owned(),
            confidence,
            spot,
        }];
        bench
    }

    #[test]
    fn a_host_of_ours_that_calls_on_a_bad_place_is_told_once() {
        let call = |n| flow("10.0.0.1:1 > 192.0.2.1:443", n).talk(9, 9, 9);
        let told = bench(Spot::Responder, 0.9).see((0..9).map(call));
        assert_eq!(told.len(), 1);
        assert_eq!(told.first().unwrap().severity, Severity::High);
        let note = told.first().unwrap().note.clone().unwrap();
        assert_eq!(note, "responder `192.0.2.1` is on `feed`");
    }

    #[test]
    fn a_bad_one_that_knocks_is_only_information() {
        let told = bench(Spot::Originator, 0.9).see([flow("192.0.2.1:1 > 10.0.0.1:22", 0)]);
        assert_eq!(told.first().unwrap().severity, Severity::Info);
    }

    #[test]
    fn an_indicator_that_nobody_trusts_is_not_told() {
        assert!(
            bench(Spot::Responder, 0.19).see([flow("10.0.0.1:1 > 192.0.2.1:443", 0)]).is_empty()
        );
        assert_eq!(
            bench(Spot::Responder, 0.2).see([flow("10.0.0.1:1 > 192.0.2.1:443", 0)]).len(),
            1
        );
    }
}

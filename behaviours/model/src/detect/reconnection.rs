//! A place that does not answer is tried again and again.

use std::{collections::VecDeque, net::IpAddr};

use capture::{Flow, Protocol, State};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    outcome::{is_attempt, is_fruitless},
    rhythm::Rhythm,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When trying again is a program that lost its master. Slips tells at 5 tries.
    pub struct Reconnection {
        /// Tries of one host on one port of another.
        tries: usize = 10,
        /// The share of the last tries that came to nothing.
        fruitless: f64 = 0.8,
        /// How uneven the times between tries may be (deviation over mean).
        variation: f64 = 1.0,
        /// After so long without a try the count starts anew, in seconds.
        within_s: f64 = 3600.0,
    }
}

stages! {
    enum Retrying {
        Watching "watching" "tries are counted" => [Retrying],
        Retrying "retrying" "it is tried again and again, to no avail" => [Watching],
    }
}

struct Caller {
    case: Case<Retrying>,
    rhythm: Rhythm,
    /// Of the last tries, whether each came to nothing.
    outcomes: VecDeque<bool>,
}

type Key = (IpAddr, IpAddr, u16);

pub(super) struct Detect {
    settings: Reconnection,
    callers: Table<Key, Caller>,
}

impl Detect {
    pub(super) fn new(settings: Reconnection, most: usize) -> Self {
        Self { settings, callers: Table::new(most) }
    }
}

fn key(flow: &Flow) -> Key {
    (flow.originator.address, flow.responder.address, flow.responder.port)
}

/// Nothing came of it, or it was broken off after the other side had said nothing.
fn in_vain(flow: &Flow) -> bool {
    let broken = matches!(flow.state, State::Rsto | State::Rstr | State::S3 | State::S2);
    is_fruitless(flow) || (broken && flow.reverse.payload == 0)
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Reconnection
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let from_home = around.home.has(flow.originator.address);
        if flow.protocol != Protocol::TCP || !from_home || !is_attempt(flow) {
            return;
        }
        let settings = &self.settings;
        let fresh = || Caller {
            case: Case::new(Retrying::Watching, flow.start),
            rhythm: Rhythm::default(),
            outcomes: VecDeque::new(),
        };
        let key = key(flow);
        let Some(caller) = self.callers.touch(key, fresh) else { return };
        if flow.start.since(caller.case.last) > settings.within_s {
            caller.case.place.go(Retrying::Watching);
            caller.case.renew(flow.start);
            caller.rhythm = Rhythm::default();
            caller.outcomes.clear();
        }
        caller.rhythm.add(flow);
        caller.outcomes.push_back(in_vain(flow));
        if caller.outcomes.len() > settings.tries.clamp(1, 4096).saturating_mul(2) {
            caller.outcomes.pop_front();
        }
        caller.case.add(flow, flow.responder.address);

        let tries = caller.outcomes.len();
        let vain = caller.outcomes.iter().filter(|vain| **vain).count();
        let fruitless = share(number(vain), number(tries));
        let score = caller.rhythm.score(3, settings.within_s);
        let variation = score.map_or(f64::INFINITY, |score| score.variation);
        // Between the two bounds it stays as it was: a threshold that is crossed back and forth
        // is one finding.
        let keeps = caller.case.place.now() == Retrying::Retrying;
        if tries < settings.tries || fruitless < settings.fruitless {
            caller.case.place.go(Retrying::Watching);
            return;
        }
        if variation > settings.variation && !keeps {
            return;
        }
        caller.case.place.go(Retrying::Retrying);
        let inward = around.home.has(flow.responder.address) || around.known_good;
        let severity = if inward { Severity::Low } else { Severity::Medium };
        if !caller.case.is_news(severity, caller.rhythm.count) {
            return;
        }
        let why = vec![
            Reason::new("tries", long(caller.rhythm.count), number(settings.tries)),
            Reason::new("fruitless", fruitless, settings.fruitless),
            Reason::within("variation", variation.min(1e6), settings.variation),
            Reason::plain("gap_s", score.map_or(0.0, |score| score.gap_s)),
            Reason::plain("port", f64::from(flow.responder.port)),
        ];
        // Surer with each try, up to ten times as many as it takes.
        let times = (long(caller.rhythm.count) / number(settings.tries.max(1))).log10();
        let confidence = 0.5 + 0.2 * (1.0 - variation.min(1.0)) + 0.3 * times.clamp(0.0, 1.0);
        out.push(caller.case.evidence(Kind::Reconnection, key.0, severity, confidence, why));
    }

    fn covers(&self, flow: &Flow, around: &Around<'_>) -> Option<Severity> {
        let caller = self.callers.peek(&key(flow))?;
        let inward = around.home.has(flow.responder.address) || around.known_good;
        let severity = if inward { Severity::Low } else { Severity::Medium };
        (caller.case.place.now() == Retrying::Retrying).then_some(severity)
    }

    fn shown(&self) -> Shown {
        shown(Kind::Reconnection, &self.callers, |(from, to, port), caller| {
            let vain = caller.outcomes.iter().filter(|vain| **vain).count();
            let counters =
                vec![("tries", long(caller.rhythm.count)), ("fruitless_lately", number(vain))];
            (format!("{from} → {to} port {port}"), caller.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Reconnection::default(), 100))
    }

    fn attempt(n: u32) -> Made {
        flow("10.0.0.1:40000 > 192.0.2.1:6667", n * 30)
    }

    #[test]
    fn ten_tries_in_vain_are_told_and_nine_are_not() {
        let mut bench = bench();
        assert!(bench.see((0..9).map(attempt)).is_empty());
        let told = bench.see([attempt(9)]);
        assert_eq!(told.first().unwrap().severity, Severity::Medium);
        assert!(bench.covers(&attempt(10)));
    }

    #[test]
    fn a_server_of_ours_that_is_down_is_only_odd() {
        let down = |n: u32| flow("10.0.0.1:40000 > 10.0.0.9:9100", n * 30);
        let told = bench().see((0..30).map(down));
        assert!(told.iter().all(|told| told.severity == Severity::Low), "{told:?}");
    }

    #[test]
    fn a_place_that_answers_now_and_then_is_quiet() {
        let poll = |n: u32| {
            let made = attempt(n);
            if n.is_multiple_of(3) { made.state(State::Sf) } else { made }
        };
        assert!(bench().see((0..200).map(poll)).is_empty());
        let answered = |n| attempt(n).state(State::Rsto);
        assert!(bench().see((0..200).map(answered)).is_empty());
    }

    #[test]
    fn a_try_every_two_hours_and_strangers_are_quiet() {
        let rare = |n: u32| flow("10.0.0.1:40000 > 192.0.2.1:6667", n * 7_200);
        assert!(bench().see((0..200).map(rare)).is_empty());
        let stranger = |n: u32| flow("203.0.113.1:40000 > 10.0.0.1:23", n * 30);
        assert!(bench().see((0..200).map(stranger)).is_empty());
    }
}

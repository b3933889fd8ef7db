//! More is started than can be answered: towards one host from wherever, or between two.

use std::net::IpAddr;

use capture::{Flow, Protocol, State};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, share},
    outcome::{is_of_many, times},
    recent::Sum,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When many starts are a flood. No benign flow of the labelled logs is hit.
    pub struct SynFlood {
        /// Starts towards one host within the short window, whoever sends them.
        starts: f64 = 1000.0,
        /// The share of those starts that may have been completed.
        completed: f64 = 0.1,
        /// The short window, in seconds.
        within_s: f64 = 10.0,
        /// Conversations of two hosts within the long window that came to nothing.
        pair: f64 = 1000.0,
        /// The long window, in seconds.
        pair_within_s: f64 = 300.0,
    }
}

stages! {
    enum Flood {
        Watching "watching" "starts are counted" => [Flooded],
        Flooded "flooded" "a flood goes on" => [Watching],
    }
}

struct Victim {
    case: Case<Flood>,
    starts: Sum,
    completed: Sum,
}

struct Pair {
    case: Case<Flood>,
    lost: Sum,
}

pub(super) struct Detect {
    settings: SynFlood,
    victims: Table<IpAddr, Victim>,
    pairs: Table<(IpAddr, IpAddr), Pair>,
}

impl Detect {
    pub(super) fn new(settings: SynFlood, most: usize) -> Self {
        Self { settings, victims: Table::new(most), pairs: Table::new(most) }
    }

    /// Counts a start towards its host, or an answer towards the host that did not ask for it. A
    /// conversation counts when it ends; one that nobody answered ends early in the table of flows,
    /// so that a flood is known while it goes on.
    fn start(&mut self, flow: &Flow, out: &mut Vec<Evidence>) {
        let (to, from) = if flow.history.starts_with('S') {
            (flow.responder.address, flow.originator.address)
        } else if flow.history.starts_with("^h") && flow.forward.packets == 0 {
            (flow.originator.address, flow.responder.address)
        } else {
            return;
        };
        if flow.protocol != Protocol::TCP || flow.part > 0 {
            return;
        }
        let settings = &self.settings;
        let fresh = || Victim {
            case: Case::new(Flood::Watching, flow.start),
            starts: Sum::default(),
            completed: Sum::default(),
        };
        let Some(victim) = self.victims.touch(to, fresh) else { return };
        if victim.starts.total_at(flow.start, settings.within_s) < 1.0 {
            victim.case.place.go(Flood::Watching);
            victim.case.renew(flow.start);
        }
        let mute = flow.forward.payload + flow.reverse.payload == 0;
        let lost = flow.state.failed() || (flow.forward.packets == 0 && mute);
        let times = long(times(flow));
        let done = if lost { 0.0 } else { times };
        victim.starts.add(flow.start, times, settings.within_s);
        victim.completed.add(flow.start, done, settings.within_s);
        victim.case.add(flow, from);
        let starts = victim.starts.total();
        let completed = share(victim.completed.total(), starts);
        if starts < settings.starts || completed > settings.completed {
            victim.case.place.go(Flood::Watching);
            return;
        }
        victim.case.place.go(Flood::Flooded);
        if victim.case.is_news(Severity::High, victim.case.flows) {
            let why = vec![
                Reason::new("starts", starts, settings.starts),
                Reason::within("completed", completed, settings.completed),
                Reason::plain("within_s", settings.within_s),
            ];
            let mut told = victim.case.evidence(Kind::SynFlood, to, Severity::High, 0.95, why);
            told.note = Some(format!("`{to}` is the victim; senders may be made up"));
            out.push(told);
        }
    }

    /// Counts what two hosts lost on each other.
    fn lose(&mut self, flow: &Flow, out: &mut Vec<Evidence>) {
        if !is_lost(flow) {
            return;
        }
        let settings = &self.settings;
        let fresh = || Pair { case: Case::new(Flood::Watching, flow.start), lost: Sum::default() };
        let key = (flow.originator.address, flow.responder.address);
        let Some(pair) = self.pairs.touch(key, fresh) else { return };
        if pair.lost.total_at(flow.start, settings.pair_within_s) < 1.0 {
            pair.case.place.go(Flood::Watching);
            pair.case.renew(flow.start);
        }
        pair.lost.add(flow.start, long(times(flow)), settings.pair_within_s);
        pair.case.add(flow, key.1);
        let lost = pair.lost.total();
        if lost < settings.pair {
            pair.case.place.go(Flood::Watching);
            return;
        }
        pair.case.place.go(Flood::Flooded);
        if pair.case.is_news(Severity::High, pair.case.flows) {
            let why = vec![
                Reason::new("lost", lost, settings.pair),
                Reason::plain("lost_in_all", long(pair.case.flows)),
                Reason::plain("within_s", settings.pair_within_s),
            ];
            out.push(pair.case.evidence(Kind::SynFlood, key.0, Severity::High, 0.9, why));
        }
    }
}

fn is_lost(flow: &Flow) -> bool {
    matches!(flow.state, State::S0 | State::Oth)
        && flow.part == 0
        && flow.reverse.packets == 0
        && !is_of_many(flow.responder.address)
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::SynFlood
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        self.start(flow, out);
        self.lose(flow, out);
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let (from, to) = (flow.originator.address, flow.responder.address);
        let flooded = |case: &Case<Flood>| case.place.now() == Flood::Flooded;
        let pair = self.pairs.peek(&(from, to));
        let lost = is_lost(flow) && pair.is_some_and(|pair| flooded(&pair.case));
        let hit = |who| self.victims.peek(who).is_some_and(|victim| flooded(&victim.case));
        let answer = flow.forward.packets == 0 && flow.history.starts_with("^h") && hit(&from);
        (lost || answer || (flow.state.failed() && hit(&to))).then_some(Severity::High)
    }

    fn shown(&self) -> Shown {
        let mut all = shown(Kind::SynFlood, &self.victims, |to, victim| {
            let counters =
                vec![("starts", victim.starts.total()), ("completed", victim.completed.total())];
            (format!("→ {to}"), victim.case.place.now(), counters)
        });
        let pairs = shown(Kind::SynFlood, &self.pairs, |(from, to), pair| {
            (format!("{from} → {to}"), pair.case.place.now(), vec![("lost", pair.lost.total())])
        });
        all.join(pairs);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(SynFlood::default(), 2000))
    }

    #[test]
    fn a_thousand_starts_from_everywhere_are_a_flood_and_one_less_is_not() {
        let syn = |n: u32| flow("10.0.0.1:40000 > 192.0.2.1:80", n / 500).by(n);
        let mut bench = bench();
        assert!(bench.see((0..999).map(syn)).is_empty());
        let told = bench.see([syn(999)]);
        let told = told.first().unwrap();
        assert_eq!(told.subject.to_string(), "192.0.2.1");
        let completed = told.why.iter().find(|reason| reason.name == "completed").unwrap();
        assert_eq!(completed.bound, crate::detect::Bound::AtMost);
        assert!(bench.covers(&syn(1000)));
    }

    #[test]
    fn answers_that_nobody_asked_for_are_a_flood_of_who_gets_them() {
        let answer = |n: u32| {
            let mut made = flow("192.0.2.1:40000 > 198.51.100.1:80", n / 500).towards(n);
            made.0.history = "^h".to_owned();
            made.0.state = State::Oth;
            std::mem::swap(&mut made.0.forward, &mut made.0.reverse);
            made
        };
        let mut bench = bench();
        let told = bench.see((0..1_000).map(answer));
        assert_eq!(told.first().unwrap().subject.to_string(), "192.0.2.1");
        assert!(bench.covers(&answer(1_000)));
    }

    #[test]
    fn a_busy_server_is_no_victim() {
        let visit =
            |n: u32| flow("10.0.0.1:40000 > 192.0.2.1:80", n / 2000).by(n % 1000).state(State::Sf);
        assert!(bench().see((0..20_000).map(visit)).is_empty());
    }

    #[test]
    fn a_thousand_losses_between_two_are_a_flood_and_one_less_is_not() {
        let shot = |n: u32| flow("10.0.0.1:40000 > 192.0.2.1:80", n / 5).state(State::S0);
        let mut bench = bench();
        assert!(bench.see((0..999).map(shot)).is_empty());
        let told = bench.see([shot(999)]);
        assert_eq!(told.first().unwrap().subject.to_string(), "10.0.0.1");
        assert!(bench.covers(&shot(999)));
    }

    #[test]
    fn conversations_that_were_added_up_count_each() {
        let mut many = flow("10.0.0.1:40000 > 192.0.2.1:80", 0);
        many.0.merged = 998;
        let mut bench = bench();
        assert!(bench.see([many]).is_empty());
        assert!(!bench.see([flow("10.0.0.1:40000 > 192.0.2.1:80", 1)]).is_empty());
    }

    #[test]
    fn losses_spread_over_a_day_are_no_flood() {
        let shot = |n: u32| flow("10.0.0.1:40000 > 192.0.2.1:80", n * 5);
        assert!(bench().see((0..5_000).map(shot)).is_empty());
    }

    #[test]
    fn a_flood_of_made_up_senders_grows_no_table_past_its_bound() {
        let mut bench = bench();
        let told =
            bench.see((0..20_000).map(|n| flow("10.0.0.1:1 > 192.0.2.1:80", n / 5000).by(n)));
        assert!((1..=4).contains(&told.len()), "{}", told.len());
        let shown = bench.detect.shown();
        assert!(shown.tracked <= 2001 && shown.evicted > 10_000, "{shown:?}");
    }
}

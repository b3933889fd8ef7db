//! A conversation goes on for hours.

use capture::{Endpoint, Flow, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, setting::settings,
    shown::shown, stage::stages, table::Table,
};

settings! {
    /// When long is too long: RITA's steps. Many programs keep a line open for news, so none of
    /// them is more than odd by itself.
    pub struct LongConnection {
        /// From here on it is told as information, in seconds.
        base_s: f64 = 3_600.0,
        /// From here on it is odd, in seconds.
        low_s: f64 = 14_400.0,
        /// From here on it is odder, in seconds.
        medium_s: f64 = 28_800.0,
        /// From here on it is oddest, in seconds.
        high_s: f64 = 43_200.0,
    }
}

stages! {
    enum Line {
        Watching "watching" "it has not lasted long" => [Long],
        Long "long" "it has gone on for hours" => [],
    }
}

type Key = (Endpoint, Endpoint, u8);

struct Talk {
    case: Case<Line>,
    /// The step that was told last, from 0.
    told: usize,
}

pub(super) struct Detect {
    settings: LongConnection,
    talks: Table<Key, Talk>,
}

impl Detect {
    pub(super) fn new(settings: LongConnection, most: usize) -> Self {
        Self { settings, talks: Table::new(most) }
    }
}

fn key(flow: &Flow) -> Key {
    (flow.originator, flow.responder, flow.protocol.0)
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::LongConnection
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let (from, to) = (flow.originator.address, flow.responder.address);
        let outward = around.home.has(from) && !around.home.has(to);
        let partial = flow.part > 0 || flow.ended == capture::Ended::Active;
        let known = partial && self.talks.peek(&key(flow)).is_some();
        if !outward || around.known_good || flow.reverse.packets == 0 && !known {
            return;
        }
        if !partial && flow.duration() < self.settings.base_s {
            return;
        }
        let start: Moment = flow.start;
        let fresh = || Talk { case: Case::new(Line::Watching, start), told: 0 };
        let Some(talk) = self.talks.touch(key(flow), fresh) else { return };
        if flow.part == 0 && talk.case.first < start {
            *talk = fresh();
        }
        talk.case.add(flow, to);
        let lasted = talk.case.last.since(talk.case.first);
        let settings = &self.settings;
        let steps = [settings.base_s, settings.low_s, settings.medium_s, settings.high_s];
        let step = steps.iter().filter(|step| lasted >= **step).count();
        if step <= talk.told {
            return;
        }
        talk.told = step;
        talk.case.place.go(Line::Long);
        let (severity, confidence) = match step {
            1 => (Severity::Info, 0.5),
            2 => (Severity::Low, 0.4),
            3 => (Severity::Low, 0.6),
            _ => (Severity::Low, 0.8),
        };
        let threshold = steps.get(step - 1).copied().unwrap_or_default();
        let why = vec![
            Reason::new("lasting_s", lasted, threshold),
            Reason::plain("port", f64::from(flow.responder.port)),
        ];
        out.push(talk.case.evidence(Kind::LongConnection, from, severity, confidence, why));
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let talk = self.talks.peek(&key(flow))?;
        (talk.case.place.now() == Line::Long).then_some(match talk.told {
            0 | 1 => Severity::Info,
            _ => Severity::Low,
        })
    }

    fn shown(&self) -> Shown {
        shown(Kind::LongConnection, &self.talks, |(from, to, _), talk| {
            let lasted = talk.case.last.since(talk.case.first);
            let name = format!("{} → {} port {}", from.address, to.address, to.port);
            (name, talk.case.place.now(), vec![("lasting_s", lasted)])
        })
    }
}

#[cfg(test)]
mod tests {
    use capture::Ended;

    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(LongConnection::default(), 100))
    }

    fn part(n: u32) -> Made {
        let mut made =
            flow("10.0.0.1:40000 > 192.0.2.1:443", n * 1_800).talk(10, 10, 2).lasting(1_800.0);
        made.0.part = n;
        made.0.ended = Ended::Active;
        made
    }

    #[test]
    fn parts_are_put_together_and_each_step_is_told_once() {
        let told = bench().see((0..30).map(part));
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(told.first().unwrap().severity, Severity::Info);
        assert_eq!(told.last().unwrap().severity, Severity::Low);
        assert!(bench().see([part(0)]).is_empty());
    }

    #[test]
    fn an_hour_is_told_and_a_second_less_is_not() {
        let talk = |seconds| flow("10.0.0.1:1 > 192.0.2.1:443", 0).talk(9, 9, 9).lasting(seconds);
        assert_eq!(bench().see([talk(3_600.0)]).len(), 1);
        assert!(bench().see([talk(3_599.0)]).is_empty());
    }

    #[test]
    fn lines_within_the_house_are_quiet() {
        let inside = flow("10.0.0.1:1 > 10.0.0.2:445", 0).talk(9, 9, 9).lasting(90_000.0);
        assert!(bench().see([inside]).is_empty());
    }
}

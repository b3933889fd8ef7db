//! Small questions bring large answers to somebody who did not ask.

use std::net::IpAddr;

use capture::{Flow, Moment, Protocol};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::long,
    outcome::is_of_many,
    recent::{Recent, Sum},
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When answers are an attack: their bytes against those of the questions, from services that
    /// are known for it (CISA TA14-017A).
    pub struct Amplification {
        /// Bytes of answers for each byte of questions.
        ratio: f64 = 20.0,
        /// Bytes of answers within the window; less harms nobody.
        bytes: f64 = 500_000.0,
        /// The window, in seconds.
        within_s: f64 = 60.0,
        /// The ports of those services.
        ports: Vec<u16> = vec![
            17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 500, 1434, 1900, 3283, 3702, 5353, 11211,
            4500, 47808,
        ],
        /// Of those, ports that are also used for tunnels, in which a download looks the same.
        tunnels: Vec<u16> = vec![500, 4500],
        /// How many different services must answer from such a port.
        reflectors: usize = 10,
    }
}

stages! {
    enum Reflection {
        Watching "watching" "answers are weighed against questions" => [Hit],
        Hit "hit" "answers pour in that nobody asked for" => [Watching],
    }
}

struct Victim {
    case: Case<Reflection>,
    asked: Sum,
    answered: Sum,
    reflectors: Recent<IpAddr>,
}

pub(super) struct Detect {
    settings: Amplification,
    /// By who gets the answers, and from which port.
    victims: Table<(IpAddr, u16), Victim>,
}

impl Detect {
    pub(super) fn new(settings: Amplification, most: usize) -> Self {
        Self { settings, victims: Table::new(most) }
    }

    /// Who gets answers, from whom, from which port, and bytes of questions and answers. Where the
    /// question was not seen the service is the originator.
    fn sides(&self, flow: &Flow) -> Option<(IpAddr, IpAddr, u16, u64, u64)> {
        let (from, to) = (flow.originator, flow.responder);
        if flow.protocol != Protocol::UDP {
            return None;
        }
        if self.settings.ports.contains(&to.port) {
            return Some((
                from.address,
                to.address,
                to.port,
                flow.forward.payload,
                flow.reverse.payload,
            ));
        }
        self.settings.ports.contains(&from.port).then_some((
            to.address,
            from.address,
            from.port,
            flow.reverse.payload,
            flow.forward.payload,
        ))
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Amplification
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        let Some((victim_is, reflector, port, asked, answered)) = self.sides(flow) else { return };
        if is_of_many(victim_is) || is_of_many(reflector) {
            return;
        }
        let settings = &self.settings;
        let at: Moment = flow.end;
        let fresh = || Victim {
            case: Case::new(Reflection::Watching, flow.start),
            asked: Sum::default(),
            answered: Sum::default(),
            reflectors: Recent::new(64),
        };
        let Some(victim) = self.victims.touch((victim_is, port), fresh) else { return };
        if victim.answered.total_at(at, settings.within_s) < 1.0 {
            victim.case.place.go(Reflection::Watching);
            victim.case.renew(flow.start);
        }
        victim.asked.add(at, long(asked), settings.within_s);
        victim.answered.add(at, long(answered), settings.within_s);
        victim.reflectors.meet(reflector, at, false, settings.within_s);
        victim.case.add(flow, reflector);
        let (asked, answered) = (victim.asked.total(), victim.answered.total());
        let ratio = answered / asked.max(1.0);
        let doubtful = settings.tunnels.contains(&port);
        let few = doubtful && victim.reflectors.count() < settings.reflectors;
        if answered < settings.bytes || ratio < settings.ratio || few {
            victim.case.place.go(Reflection::Watching);
            return;
        }
        victim.case.place.go(Reflection::Hit);
        if victim.case.is_news(Severity::High, victim.case.flows) {
            let reflectors = super::figures::number(victim.reflectors.count());
            let why = vec![
                Reason::new("answered_bytes", answered, settings.bytes),
                Reason::new("ratio", ratio, settings.ratio),
                Reason::plain("port", f64::from(port)),
                Reason::plain("reflectors", reflectors),
                Reason::plain("within_s", settings.within_s),
            ];
            let confidence = if reflectors > 1.0 { 0.9 } else { 0.7 };
            let kind = Kind::Amplification;
            let mut told = victim.case.evidence(kind, victim_is, Severity::High, confidence, why);
            told.note = Some(format!("`{victim_is}` is the victim; the peers are misused"));
            out.push(told);
        }
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        let (victim, _, port, ..) = self.sides(flow)?;
        let victim = self.victims.peek(&(victim, port))?;
        (victim.case.place.now() == Reflection::Hit).then_some(Severity::High)
    }

    fn shown(&self) -> Shown {
        shown(Kind::Amplification, &self.victims, |(victim, port), known| {
            let counters =
                vec![("asked", known.asked.total()), ("answered", known.answered.total())];
            (format!("{victim} ← port {port}"), known.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Amplification::default(), 100))
    }

    #[test]
    fn half_a_megabyte_at_twentyfold_is_an_attack_and_a_little_less_is_not() {
        let answer = |n: u32| {
            flow("10.0.0.1:40000 > 198.51.100.1:53", n / 50).towards(n).udp().talk(50, 2_000, 2)
        };
        let mut bench = bench();
        assert!(bench.see((0..249).map(answer)).is_empty());
        assert_eq!(bench.see([answer(249)]).len(), 1);
        assert!(bench.covers(&answer(250)));
    }

    #[test]
    fn answers_whose_questions_were_not_seen_count_too() {
        let answer = |n: u32| {
            flow("198.51.100.1:161 > 192.0.2.1:40000", n / 50).by(n).udp().talk(2_000, 0, 2)
        };
        assert_eq!(bench().see((0..400).map(answer)).len(), 1);
    }

    #[test]
    fn a_resolver_and_a_download_are_quiet() {
        let ask = |n: u32| flow("10.0.0.1:40000 > 10.0.0.53:53", n / 50).udp().talk(40, 300, 1);
        assert!(bench().see((0..10_000).map(ask)).is_empty());
        let tunnel =
            |n: u32| flow("10.0.0.1:4500 > 192.0.2.9:4500", n / 50).udp().talk(100, 90_000, 99);
        assert!(bench().see((0..500).map(tunnel)).is_empty());
        let quic = |n: u32| flow("10.0.0.1:40000 > 192.0.2.9:443", n).udp().talk(500, 900_000, 99);
        assert!(bench().see((0..100).map(quic)).is_empty());
    }
}

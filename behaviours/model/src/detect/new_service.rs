//! A port of ours that did not answer before.

use std::net::IpAddr;

use capture::{Flow, Moment, Protocol};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, outcome::is_talk,
    setting::settings, shown::shown, stage::stages, table::Table,
};

settings! {
    /// When a service is new.
    pub struct NewService {
        /// How long to learn what a host offers, from when the host was first seen, in seconds.
        learning_s: f64 = 86_400.0,
        /// UDP ports from here on are not looked at: programs open and close them.
        udp_below: u16 = 1024,
    }
}

stages! {
    enum Presence {
        Known "known" "it answered from the start" => [],
        New "new" "it came later" => [],
    }
}

pub(super) struct Detect {
    settings: NewService,
    hosts: Table<IpAddr, Moment>,
    services: Table<(IpAddr, u8, u16), Case<Presence>>,
}

impl Detect {
    pub(super) fn new(settings: NewService, most: usize) -> Self {
        Self { settings, hosts: Table::new(most), services: Table::new(most) }
    }

    fn answers(&self, flow: &Flow) -> bool {
        match flow.protocol {
            Protocol::TCP => is_talk(flow) && flow.history.starts_with('S'),
            Protocol::UDP => {
                flow.responder.port < self.settings.udp_below && flow.reverse.packets > 0
            }
            _ => false,
        }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::NewService
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        for address in [flow.originator.address, flow.responder.address] {
            if around.home.has(address) {
                self.hosts.touch(address, || flow.start);
            }
        }
        let to = flow.responder;
        if !around.home.has(to.address) || !self.answers(flow) {
            return;
        }
        let since = self.hosts.peek(&to.address).copied().unwrap_or(flow.start);
        let age = flow.end.since(since);
        let known = age <= self.settings.learning_s;
        let start = if known { Presence::Known } else { Presence::New };
        let key = (to.address, flow.protocol.0, to.port);
        let Some(case) = self.services.touch(key, || Case::new(start, flow.start)) else { return };
        case.add(flow, flow.originator.address);
        if case.place.now() == Presence::Known || !case.is_news(Severity::Low, 1) {
            return;
        }
        let why = vec![
            Reason::new("host_age_s", age, self.settings.learning_s),
            Reason::plain("port", f64::from(to.port)),
        ];
        let mut told = case.evidence(Kind::NewService, to.address, Severity::Low, 0.6, why);
        told.note = Some(format!("port `{}/{}` answers", to.port, flow.protocol.name()));
        out.push(told);
    }

    fn shown(&self) -> Shown {
        shown(Kind::NewService, &self.services, |(host, _, port), case| {
            (format!("{host} port {port}"), case.place.now(), vec![("since_s", case.first.secs())])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn visit(port: u32, seconds: u32) -> Made {
        let mut made = flow("10.0.0.9:40000 > 10.0.0.1:1", seconds).port(port).talk(9, 9, 9);
        made.0.history = "ShADadFf".to_owned();
        made
    }

    #[test]
    fn a_port_that_answers_after_the_learning_is_new_once_and_one_within_it_is_not() {
        let mut bench = Bench::new(Detect::new(NewService::default(), 10));
        assert!(bench.see([visit(80, 0), visit(22, 86_400)]).is_empty());
        let told = bench.see([visit(4444, 86_401), visit(4444, 90_000), visit(80, 90_000)]);
        assert_eq!(told.len(), 1);
        assert_eq!(told.first().unwrap().note.as_deref(), Some("port `4444/tcp` answers"));
    }

    #[test]
    fn ports_that_do_not_answer_and_places_outside_are_quiet() {
        let mut bench = Bench::new(Detect::new(NewService::default(), 10));
        bench.see([visit(80, 0)]);
        assert!(bench.see([flow("10.0.0.9:40000 > 10.0.0.1:23", 90_000)]).is_empty());
        let out = flow("10.0.0.1:40000 > 192.0.2.1:4444", 90_000).talk(9, 9, 9);
        assert!(bench.see([out]).is_empty());
    }
}

//! Somebody from outside tries doors of ours that nobody opens.

use std::net::IpAddr;

use capture::Flow;

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    outcome::{is_attempt, is_fruitless},
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When knocking from outside is more than noise. One knock is shown, not told: there are
    /// thousands of them a day on every public address.
    pub struct Knock {
        /// Different doors (host and port) of ours within the window that are probing.
        doors: usize = 3,
        /// The share of those doors that must have stayed shut.
        shut: f64 = 0.9,
        /// Different strangers within the window at doors of one host of ours that stayed shut: then
        /// the host is probed from everywhere, and each further knock is part of it.
        strangers: usize = 20,
        /// The window, in seconds.
        within_s: f64 = 86_400.0,
    }
}

stages! {
    enum Visit {
        Watching "watching" "nothing stayed shut" => [Knocking, Probing],
        Knocking "knocking" "a door stayed shut" => [Probing, Watching],
        Probing "probing" "several doors were tried and stayed shut" => [Knocking, Watching],
    }
}

struct Stranger {
    case: Case<Visit>,
    doors: Recent<(IpAddr, u8, u16)>,
    met: u64,
}

stages! {
    enum Besieged {
        Watching "watching" "strangers are counted" => [Probed],
        Probed "probed" "strangers from everywhere try doors that stay shut" => [Watching],
    }
}

/// A host of ours, and the strangers at its shut doors.
struct House {
    case: Case<Besieged>,
    strangers: Recent<IpAddr>,
    met: u64,
}

pub(super) struct Detect {
    settings: Knock,
    strangers: Table<IpAddr, Stranger>,
    houses: Table<IpAddr, House>,
}

impl Detect {
    pub(super) fn new(settings: Knock, most: usize) -> Self {
        Self { settings, strangers: Table::new(most), houses: Table::new(most) }
    }
}

fn stayed_shut(flow: &Flow) -> bool {
    is_fruitless(flow) || (flow.protocol.is_icmp() && flow.reverse.packets == 0)
}

fn from_outside(flow: &Flow, around: &Around<'_>) -> bool {
    !around.home.has(flow.originator.address)
        && around.home.has(flow.responder.address)
        && is_attempt(flow)
}

impl Detect {
    /// Counts strangers at the doors of the host that was knocked at.
    fn besiege(&mut self, flow: &Flow, out: &mut Vec<Evidence>) {
        let settings = &self.settings;
        let fresh = || House {
            case: Case::new(Besieged::Watching, flow.start),
            strangers: Recent::new(settings.strangers.saturating_mul(2).min(1024)),
            met: 0,
        };
        let (from, to) = (flow.originator.address, flow.responder.address);
        let Some(house) = self.houses.touch(to, fresh) else { return };
        house.strangers.forget(flow.end, settings.within_s);
        if house.strangers.count() == 0 {
            house.case.renew(flow.start);
            house.met = 0;
        }
        house.met += u64::from(house.strangers.meet(from, flow.end, true, settings.within_s));
        house.case.add(flow, from);
        let count = house.strangers.count();
        if count < settings.strangers {
            house.case.place.go(Besieged::Watching);
            return;
        }
        house.case.place.go(Besieged::Probed);
        if house.case.is_news(Severity::Medium, house.met) {
            let why = vec![
                Reason::new("strangers", number(count), number(settings.strangers)),
                Reason::plain("strangers_in_all", long(house.met)),
                Reason::plain("within_s", settings.within_s),
            ];
            // Every public address lives with this: it explains, it does not alarm.
            let mut told = house.case.evidence(Kind::Knock, to, Severity::Medium, 0.2, why);
            told.note = Some(format!("`{to}` is probed from everywhere"));
            out.push(told);
        }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Knock
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        if !from_outside(flow, around) {
            return;
        }
        if stayed_shut(flow) {
            self.besiege(flow, out);
        }
        let settings = &self.settings;
        let fresh = || Stranger {
            case: Case::new(Visit::Watching, flow.start),
            doors: Recent::new(settings.doors.saturating_mul(4).clamp(16, 4096)),
            met: 0,
        };
        let from = flow.originator.address;
        let Some(stranger) = self.strangers.touch(from, fresh) else { return };
        stranger.doors.forget(flow.end, settings.within_s);
        if stranger.doors.count() == 0 {
            stranger.case.renew(flow.start);
            stranger.met = 0;
        }
        let (to, shut) = (flow.responder, stayed_shut(flow));
        let door = (to.address, flow.protocol.0, to.port);
        stranger.met += u64::from(stranger.doors.meet(door, flow.end, shut, settings.within_s));
        stranger.case.add(flow, to.address);
        let count = stranger.doors.count();
        let shut = share(number(stranger.doors.marked()), number(count));
        if shut < settings.shut {
            stranger.case.place.go(Visit::Watching);
            return;
        }
        if count < settings.doors {
            stranger.case.place.go(Visit::Knocking);
            return;
        }
        stranger.case.place.go(Visit::Probing);
        if stranger.case.is_news(Severity::Medium, stranger.met) {
            let why = vec![
                Reason::new("doors", number(count), number(settings.doors)),
                Reason::new("shut", shut, settings.shut),
                Reason::plain("doors_in_all", long(stranger.met)),
                Reason::plain("within_s", settings.within_s),
            ];
            out.push(stranger.case.evidence(Kind::Knock, from, Severity::Medium, 0.5, why));
        }
    }

    fn covers(&self, flow: &Flow, around: &Around<'_>) -> Option<Severity> {
        if !from_outside(flow, around) || !stayed_shut(flow) {
            return None;
        }
        let house = self.houses.peek(&flow.responder.address);
        let probed = house.is_some_and(|house| house.case.place.now() == Besieged::Probed);
        match self.strangers.peek(&flow.originator.address)?.case.place.now() {
            Visit::Watching => None,
            Visit::Knocking if probed => Some(Severity::Medium),
            Visit::Knocking => Some(Severity::Low),
            Visit::Probing => Some(Severity::Medium),
        }
    }

    fn shown(&self) -> Shown {
        let mut all = shown(Kind::Knock, &self.strangers, |from, stranger| {
            let counters = vec![
                ("doors", number(stranger.doors.count())),
                ("shut", number(stranger.doors.marked())),
            ];
            (from.to_string(), stranger.case.place.now(), counters)
        });
        let houses = shown(Kind::Knock, &self.houses, |to, house| {
            let counters = vec![("strangers", number(house.strangers.count()))];
            (format!("→ {to}"), house.case.place.now(), counters)
        });
        all.join(houses);
        all
    }
}

#[cfg(test)]
mod tests {
    use capture::State;

    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Knock::default(), 100))
    }

    fn knock(n: u32) -> Made {
        flow("203.0.113.9:40000 > 10.0.0.2:1", n).port(n + 20)
    }

    #[test]
    fn three_shut_doors_are_probing_and_two_are_not() {
        let mut bench = bench();
        assert!(bench.see((0..2).map(knock)).is_empty());
        let told = bench.see([knock(2)]);
        assert_eq!(told.first().unwrap().severity, Severity::Medium);
    }

    #[test]
    fn twenty_strangers_at_shut_doors_are_a_siege_and_nineteen_are_not() {
        let stranger = |n: u32| {
            let mut made = flow("203.0.113.9:40000 > 10.0.0.2:23", n);
            made.0.originator.address = std::net::Ipv4Addr::from(0xCB00_7100 + n).into();
            made
        };
        let mut bench = bench();
        assert!(bench.see((0..19).map(stranger)).is_empty());
        let told = bench.see([stranger(19)]);
        assert_eq!(told.first().unwrap().subject.to_string(), "10.0.0.2");
        assert!(told.first().unwrap().weight() < 0.2);
    }

    #[test]
    fn customers_of_a_server_and_neighbours_do_not_knock() {
        let visit = |n| knock(n).state(State::Sf);
        assert!(bench().see((0..50).map(visit)).is_empty());
        let neighbour = |n| flow("10.0.0.9:40000 > 10.0.0.2:1", n).port(n + 20);
        assert!(bench().see((0..50).map(neighbour)).is_empty());
        let outward = |n| flow("10.0.0.9:40000 > 203.0.113.9:1", n).port(n + 20);
        assert!(bench().see((0..50).map(outward)).is_empty());
    }
}

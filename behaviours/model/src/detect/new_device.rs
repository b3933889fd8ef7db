//! A card that was not there before.

use std::net::IpAddr;

use capture::{Arp, Dhcp, Flow, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, outcome::is_of_many,
    setting::settings, shown::shown, stage::stages, table::Table,
};

settings! {
    /// When a card is new.
    pub struct NewDevice {
        /// How long to learn which cards are there, from the first event on, in seconds. Zeek's
        /// known-hosts forgets after a day.
        learning_s: f64 = 86_400.0,
    }
}

stages! {
    enum Presence {
        Known "known" "it was there from the start" => [],
        New "new" "it came later" => [],
    }
}

pub(super) struct Detect {
    settings: NewDevice,
    /// When the first event was.
    began: Option<Moment>,
    /// A card that leaves a full table is new when it comes again.
    cards: Table<[u8; 6], Case<Presence>>,
}

impl Detect {
    pub(super) fn new(settings: NewDevice, most: usize) -> Self {
        Self { settings, began: None, cards: Table::new(most) }
    }

    fn meet(
        &mut self,
        card: [u8; 6],
        address: IpAddr,
        at: Moment,
        name: Option<&str>,
        out: &mut Vec<Evidence>,
    ) {
        let began = *self.began.get_or_insert(at);
        let many = card.first().is_some_and(|first| first & 1 == 1);
        if card == [0; 6] || many || is_of_many(address) {
            return;
        }
        let age = at.since(began);
        let known = age <= self.settings.learning_s;
        let start = if known { Presence::Known } else { Presence::New };
        let Some(case) = self.cards.touch(card, || Case::new(start, at)) else { return };
        case.note(at, at, address);
        if case.place.now() == Presence::Known || !case.is_news(Severity::Low, 1) {
            return;
        }
        let made_up = card.first().is_some_and(|first| first & 2 == 2);
        let why = vec![
            Reason::new("age_s", age, self.settings.learning_s),
            Reason::plain("random_card", f64::from(u8::from(made_up))),
        ];
        let mut told = case.evidence(Kind::NewDevice, address, Severity::Low, 0.8, why);
        let name: String = name.unwrap_or_default().chars().take(64).collect();
        told.note = Some(match name.as_str() {
            "" => format!("card `{}`", super::card(card)),
            name => format!("card `{}`, it calls itself `{name}`", super::card(card)),
        });
        out.push(told);
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::NewDevice
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let Some([from, _]) = flow.link else { return };
        if around.home.has(flow.originator.address) {
            self.meet(from, flow.originator.address, flow.end, None, out);
        }
    }

    fn arp(&mut self, arp: &Arp, around: &Around<'_>, out: &mut Vec<Evidence>) {
        if around.home.has(arp.sender_address) {
            self.meet(arp.sender, arp.sender_address, arp.at, None, out);
        }
    }

    fn dhcp(&mut self, dhcp: &Dhcp, _: &Around<'_>, out: &mut Vec<Evidence>) {
        if let Some(address) = dhcp.address {
            self.meet(dhcp.client, address, dhcp.at, dhcp.host_name.as_deref(), out);
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::NewDevice, &self.cards, |card, case| {
            let counters = vec![("since_s", case.first.secs())];
            (super::card(*card), case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, lease};

    #[test]
    fn a_card_after_the_learning_is_new_once_and_one_within_it_is_not() {
        let mut bench = Bench::new(Detect::new(NewDevice::default(), 10));
        assert!(bench.see([lease(1, None, 0), lease(2, None, 86_400)]).is_empty());
        assert_eq!(bench.see([lease(3, None, 86_401), lease(3, None, 90_000)]).len(), 1);
        assert!(bench.see([lease(1, None, 90_000), lease(2, None, 90_000)]).is_empty());
    }
}

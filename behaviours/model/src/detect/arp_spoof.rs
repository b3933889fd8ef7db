//! An address is claimed by two cards.

use std::{collections::BTreeMap, net::IpAddr};

use capture::{Arp, ArpKind, Dhcp, Moment};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, outcome::is_of_many,
    setting::settings, shown::shown, stage::stages, table::Table,
};

settings! {
    /// When a change of cards is a fraud. A new card long after the old one was heard is an
    /// exchange of hardware; two that speak for one address within a minute quarrel.
    pub struct ArpSpoof {
        /// How soon after the old card a new one is a conflict, in seconds.
        within_s: f64 = 60.0,
        /// Changes within the window that are a fraud and no exchange: there and back.
        changes: u32 = 2,
        /// Addresses whose card is known: `"10.0.0.1" = "00:11:22:33:44:55"`. Any other is a fraud.
        pinned: BTreeMap<IpAddr, String> = BTreeMap::new(),
    }
}

stages! {
    enum Claim {
        Held "held" "one card speaks for the address" => [Disputed, Spoofed],
        Disputed "disputed" "another card speaks for it too" => [Spoofed, Held],
        Spoofed "spoofed" "cards take it from each other, or from a gateway" => [Held],
    }
}

struct Address {
    case: Case<Claim>,
    card: [u8; 6],
    heard: Moment,
    changes: u32,
    gateway: bool,
    /// When somebody asked for it last.
    asked: Option<Moment>,
}

pub(super) struct Detect {
    settings: ArpSpoof,
    addresses: Table<IpAddr, Address>,
    /// The address that a card spoke for first: who it is when it lies.
    owners: Table<[u8; 6], IpAddr>,
    /// Gateways that DHCP told of.
    gateways: Table<IpAddr, ()>,
}

impl Detect {
    pub(super) fn new(settings: ArpSpoof, most: usize) -> Self {
        Self {
            settings,
            addresses: Table::new(most),
            owners: Table::new(most),
            gateways: Table::new(256),
        }
    }
}

/// Cards that wander from router to router by design: VRRP (RFC 9568), HSRP, GLBP.
fn is_shared(card: [u8; 6]) -> bool {
    matches!(card, [0, 0, 0x5e, 0, 1 | 2, _] | [0, 0, 0x0c, 0x07, 0xac, _] | [0, 0x07, 0xb4, ..])
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::ArpSpoof
    }

    fn dhcp(&mut self, dhcp: &Dhcp, _: &Around<'_>, _: &mut Vec<Evidence>) {
        for router in dhcp.routers.iter().take(8) {
            self.gateways.touch(*router, || ());
        }
    }

    fn arp(&mut self, arp: &Arp, _: &Around<'_>, out: &mut Vec<Evidence>) {
        let (claimed, card, at) = (arp.sender_address, arp.sender, arp.at);
        if arp.kind == ArpKind::Request
            && arp.target_address != claimed
            && let Some(asked) = self.addresses.touch(arp.target_address, || fresh([0; 6], at))
        {
            asked.asked = Some(at);
        }
        if is_of_many(claimed) || is_shared(card) || card == [0; 6] {
            return;
        }
        let owner = self.owners.touch(card, || claimed).copied().unwrap_or(claimed);
        let gateway = self.gateways.peek(&claimed).is_some();
        let pinned = self.settings.pinned.get(&claimed).map(|pinned| pinned.to_lowercase());
        let Some(address) = self.addresses.touch(claimed, || fresh(card, at)) else { return };
        let breaks_pin = pinned.is_some_and(|pinned| pinned != super::card(card));
        let before = address.card;
        let since = at.since(address.heard);
        let changed = before != card && before != [0; 6] && !is_shared(before);
        if since.abs() > self.settings.within_s {
            address.changes = 0;
            address.case.place.go(Claim::Held);
            address.case.renew(at);
        }
        (address.card, address.heard) = (card, at);
        address.gateway |= gateway;
        if !breaks_pin && (!changed || since.abs() > self.settings.within_s) {
            return;
        }
        address.changes += u32::from(changed);
        address.case.note(at, at, claimed);
        let unasked =
            arp.kind == ArpKind::Reply && address.asked.is_none_or(|asked| at.since(asked) > 5.0);
        let certain = breaks_pin || address.changes >= self.settings.changes;
        let severity = match (certain || address.gateway, address.gateway || breaks_pin) {
            (true, true) => Severity::Critical,
            (true, false) => Severity::High,
            _ => Severity::Medium,
        };
        let to = if severity > Severity::Medium { Claim::Spoofed } else { Claim::Disputed };
        address.case.place.go(to);
        if !address.case.is_news(severity, u64::from(address.changes)) {
            return;
        }
        let why = vec![
            Reason::new("changes", f64::from(address.changes), f64::from(self.settings.changes)),
            Reason::within("since_old_card_s", since, self.settings.within_s),
            Reason::plain("gateway", f64::from(u8::from(address.gateway))),
            Reason::plain("pin_broken", f64::from(u8::from(breaks_pin))),
            Reason::plain("unasked", f64::from(u8::from(unasked))),
        ];
        let confidence = if certain { 0.95 } else { 0.6 } + if unasked { 0.05 } else { 0.0 };
        let mut told = address.case.evidence(Kind::ArpSpoof, owner, severity, confidence, why);
        told.note = Some(format!(
            "`{claimed}` was at `{}` and is claimed by `{}`",
            super::card(before),
            super::card(card),
        ));
        out.push(told);
    }

    fn shown(&self) -> Shown {
        shown(Kind::ArpSpoof, &self.addresses, |address, known| {
            let counters = vec![("changes", f64::from(known.changes))];
            (address.to_string(), known.case.place.now(), counters)
        })
    }
}

fn fresh(card: [u8; 6], at: Moment) -> Address {
    Address {
        case: Case::new(Claim::Held, at),
        card,
        heard: at,
        changes: 0,
        gateway: false,
        asked: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, arp};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(ArpSpoof::default(), 100))
    }

    fn claim(card: u32, seconds: u32) -> capture::Seen {
        arp(ArpKind::Reply, card, 1, 9, seconds)
    }

    #[test]
    fn two_cards_that_take_an_address_from_each_other_are_a_fraud() {
        let mut bench = bench();
        bench.see([arp(ArpKind::Request, 66, 66, 1, 0)]);
        assert!(bench.see([claim(1, 1)]).is_empty());
        let told = bench.see([claim(66, 2)]);
        assert_eq!(told.first().unwrap().severity, Severity::Medium);
        assert_eq!(told.first().unwrap().subject.to_string(), "10.1.0.66");
        let told = bench.see([claim(1, 3)]);
        assert_eq!(told.first().unwrap().severity, Severity::High);
    }

    #[test]
    fn whoever_takes_the_gateway_is_told_at_once() {
        let mut bench = bench();
        bench.see([crate::detect::proving::lease(9, Some(1), 0)]);
        bench.see([claim(1, 1)]);
        let told = bench.see([claim(66, 2)]);
        assert_eq!(told.first().unwrap().severity, Severity::Critical);
    }

    #[test]
    fn a_pinned_address_belongs_to_its_card_only() {
        let pinned =
            BTreeMap::from([("10.1.0.1".parse().unwrap(), "02:11:00:00:00:01".to_owned())]);
        let mut bench = Bench::new(Detect::new(ArpSpoof { pinned, ..ArpSpoof::default() }, 100));
        assert!(bench.see([claim(1, 0)]).is_empty());
        let mut bench = Bench::new(Detect::new(bench.detect.settings.clone(), 100));
        assert_eq!(bench.see([claim(66, 0)]).len(), 1);
    }

    #[test]
    fn a_new_card_after_a_while_and_a_wandering_router_are_quiet() {
        let mut bench = bench();
        bench.see([claim(1, 0)]);
        assert!(bench.see([claim(2, 61)]).is_empty());
        let shared = |second| {
            let capture::Seen::Arp(mut message) = claim(1, second) else { unreachable!() };
            message.sender = [0, 0, 0x5e, 0, 1, 7];
            capture::Seen::Arp(message)
        };
        assert!(bench.see([shared(62), claim(2, 63), shared(64)]).is_empty());
    }

    #[test]
    fn a_host_that_probes_before_it_takes_an_address_is_quiet() {
        let mut bench = bench();
        bench.see([claim(1, 0)]);
        let capture::Seen::Arp(mut probe) = arp(ArpKind::Request, 2, 1, 1, 1) else {
            unreachable!()
        };
        probe.sender_address = "0.0.0.0".parse().unwrap();
        assert!(bench.see([capture::Seen::Arp(probe)]).is_empty());
    }
}

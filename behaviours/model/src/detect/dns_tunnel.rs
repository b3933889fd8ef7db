//! Names carry data: many names of one domain, none of them twice.

use std::net::IpAddr;

use ahash::RandomState;
use capture::Dns;

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::share,
    names::registered,
    recent::{Recent, Sum},
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When names are too many. On 68 harmless captures and 6 of tunnels: 6 of 6 tunnels, none of
    /// 699 harmless windows.
    pub struct DnsTunnel {
        /// Different names of one registered domain within the window.
        names: f64 = 100.0,
        /// The share of questions that ask for a name for the first time.
        unique: f64 = 0.95,
        /// The window, in seconds.
        within_s: f64 = 300.0,
        /// Registered domains whose names carry data by design: lists of senders and of programs.
        ordinary: Vec<String> = [
            "spamhaus.org", "spamcop.net", "barracudacentral.org", "sorbs.net", "surbl.org",
            "uribl.com", "dnswl.org", "mailspike.net", "sophosxl.net", "mcafee.com",
            "e5.sk", "avast.com", "cymru.com", "senderscore.com",
        ].map(str::to_owned).to_vec(),
    }
}

stages! {
    enum Tunnel {
        Watching "watching" "names are counted" => [Tunnelling],
        Tunnelling "tunnelling" "names carry data" => [Watching],
    }
}

struct Asker {
    case: Case<Tunnel>,
    names: Recent<u64>,
    fresh: Sum,
    asked: Sum,
    bytes: Sum,
    /// Whether questions are seen; else answers stand for them.
    questions: bool,
}

pub(super) struct Detect {
    settings: DnsTunnel,
    hasher: RandomState,
    askers: Table<(IpAddr, String), Asker>,
}

impl Detect {
    pub(super) fn new(settings: DnsTunnel, most: usize) -> Self {
        Self { settings, hasher: RandomState::new(), askers: Table::new(most) }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::DnsTunnel
    }

    fn dns(&mut self, dns: &Dns, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let Some(domain) = registered(&dns.name) else { return };
        let settings = &self.settings;
        if around.known_good || settings.ordinary.iter().any(|ordinary| ordinary == domain) {
            return;
        }
        let fresh = || Asker {
            case: Case::new(Tunnel::Watching, dns.at),
            names: Recent::new(256),
            fresh: Sum::default(),
            asked: Sum::default(),
            bytes: Sum::default(),
            questions: false,
        };
        let client = dns.client.address;
        let Some(asker) = self.askers.touch((client, domain.to_owned()), fresh) else { return };
        asker.questions |= dns.code.is_none();
        if asker.questions && dns.code.is_some() {
            return;
        }
        if asker.asked.total_at(dns.at, settings.within_s) < 1.0 {
            asker.case.place.go(Tunnel::Watching);
            asker.case.renew(dns.at);
        }
        let name = self.hasher.hash_one(&dns.name);
        let new = asker.names.meet(name, dns.at, false, settings.within_s);
        asker.fresh.add(dns.at, f64::from(u8::from(new)), settings.within_s);
        asker.asked.add(dns.at, 1.0, settings.within_s);
        let carried = dns.name.len().saturating_sub(domain.len() + 1);
        asker.bytes.add(dns.at, super::figures::number(carried), settings.within_s);
        asker.case.note(dns.at, dns.at, dns.server.address);
        let names = asker.fresh.total();
        let unique = share(names, asker.asked.total());
        if names < settings.names || unique < settings.unique {
            asker.case.place.go(Tunnel::Watching);
            return;
        }
        asker.case.place.go(Tunnel::Tunnelling);
        if asker.case.is_news(Severity::High, asker.case.flows) {
            let why = vec![
                Reason::new("names", names, settings.names),
                Reason::new("unique", unique, settings.unique),
                Reason::plain("bytes_in_names", asker.bytes.total()),
                Reason::plain("within_s", settings.within_s),
            ];
            let mut told = asker.case.evidence(Kind::DnsTunnel, client, Severity::High, 0.9, why);
            told.note = Some(format!("names of `{domain}`"));
            out.push(told);
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::DnsTunnel, &self.askers, |(client, domain), asker| {
            let counters = vec![("names", asker.fresh.total()), ("questions", asker.asked.total())];
            (format!("{client} → {domain}"), asker.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, question};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(DnsTunnel::default(), 100))
    }

    #[test]
    fn a_hundred_names_of_one_domain_are_a_tunnel_and_ninety_nine_are_not() {
        let ask = |n: u32| question(&format!("x{n}.t.example.com"), n * 1_000, None);
        let mut bench = bench();
        assert!(bench.see((0..99).map(ask)).is_empty());
        let told = bench.see([ask(99)]);
        assert_eq!(told.first().unwrap().note.as_deref(), Some("names of `example.com`"));
    }

    #[test]
    fn answers_do_not_count_beside_their_questions_and_stand_for_them_alone() {
        let pair = |n: u32| {
            let name = format!("x{n}.example.com");
            [question(&name, n * 1_000, None), question(&name, n * 1_000, Some(0))]
        };
        assert_eq!(bench().see((0..120).flat_map(pair)).len(), 1);
        let alone = |n: u32| question(&format!("x{n}.example.com"), n * 1_000, Some(0));
        assert_eq!(bench().see((0..120).map(alone)).len(), 1);
    }

    #[test]
    fn a_country_is_no_domain_and_lists_of_senders_are_quiet() {
        let shops = |n: u32| question(&format!("www.shop{n}.com.br"), n * 100, None);
        assert!(bench().see((0..1_000).map(shops)).is_empty());
        let list = |n: u32| question(&format!("{n}.2.0.192.zen.spamhaus.org"), n * 100, None);
        assert!(bench().see((0..1_000).map(list)).is_empty());
        let reverse = |n: u32| question(&format!("{n}.2.0.192.in-addr.arpa"), n * 100, None);
        assert!(bench().see((0..250).map(reverse)).is_empty());
    }

    #[test]
    fn names_asked_for_again_and_again_or_over_hours_are_quiet() {
        let same = |n: u32| question(&format!("x{}.example.com", n % 150), n * 100, None);
        assert!(bench().see((0..99).chain(0..5_000).map(same)).is_empty());
        let slow = |n: u32| question(&format!("x{n}.example.com"), n * 10_000, None);
        assert!(bench().see((0..1_000).map(slow)).is_empty());
    }

    #[test]
    fn a_tunnel_of_a_million_names_is_told_a_few_times() {
        let ask = |n: u32| question(&format!("x{n}.t.example.com"), n, None);
        let told = bench().see((0..100_000).map(ask));
        assert!((2..=5).contains(&told.len()), "{}", told.len());
    }
}

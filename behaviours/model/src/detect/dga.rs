//! Names that nobody registered are tried, as a generator makes them.

use std::net::IpAddr;

use capture::Dns;

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown,
    case::Case,
    figures::{long, number, share},
    names::{readable, registered},
    recent::Recent,
    setting::settings,
    shown::shown,
    stage::stages,
    table::Table,
};

settings! {
    /// When missing names are a generator's. Slips tells at 10, maltrail at 20 in an hour.
    pub struct Dga {
        /// Different registered domains within the window that do not exist.
        missing: usize = 10,
        /// How many are told even where they read like words: some generators make syllables.
        missing_readable: usize = 30,
        /// The share of them that must not read like words.
        unreadable: f64 = 0.5,
        /// Below this a name does not read like words: 0 is never seen, 1 is the most common pairs.
        readable: f64 = 0.62,
        /// The window, in seconds.
        within_s: f64 = 600.0,
    }
}

stages! {
    enum Generator {
        Watching "watching" "missing names are counted" => [Suspected, Generating],
        Suspected "suspected" "very many names are missing, but they read like words" => [Generating, Watching],
        Generating "generating" "missing names that no person would choose" => [Suspected, Watching],
    }
}

struct Asker {
    case: Case<Generator>,
    missing: Recent<String>,
    met: u64,
}

/// What DNS answers of a name that does not exist (RFC 1035, 4.1.1).
const NO_SUCH_NAME: u8 = 3;

pub(super) struct Detect {
    settings: Dga,
    askers: Table<IpAddr, Asker>,
}

impl Detect {
    pub(super) fn new(settings: Dga, most: usize) -> Self {
        Self { settings, askers: Table::new(most) }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Dga
    }

    fn dns(&mut self, dns: &Dns, around: &Around<'_>, out: &mut Vec<Evidence>) {
        if dns.code != Some(NO_SUCH_NAME) || around.known_good {
            return;
        }
        let Some(domain) = registered(&dns.name) else { return };
        let settings = &self.settings;
        let most = settings.missing_readable.max(settings.missing).saturating_mul(2).min(256);
        let fresh = || Asker {
            case: Case::new(Generator::Watching, dns.at),
            missing: Recent::new(most),
            met: 0,
        };
        let client = dns.client.address;
        let Some(asker) = self.askers.touch(client, fresh) else { return };
        asker.missing.forget(dns.at, settings.within_s);
        if asker.missing.count() == 0 {
            asker.case.renew(dns.at);
            asker.met = 0;
        }
        let label = domain.split('.').next().unwrap_or(domain);
        let strange = readable(label) < settings.readable;
        let new = asker.missing.meet(domain.to_owned(), dns.at, strange, settings.within_s);
        asker.met += u64::from(new);
        asker.case.note(dns.at, dns.at, dns.server.address);
        let count = asker.missing.count();
        let unreadable = share(number(asker.missing.marked()), number(count));
        let (stage, severity, threshold) =
            if count >= settings.missing && unreadable >= settings.unreadable {
                (Generator::Generating, Severity::High, settings.missing)
            } else if count >= settings.missing_readable {
                (Generator::Suspected, Severity::Medium, settings.missing_readable)
            } else {
                asker.case.place.go(Generator::Watching);
                return;
            };
        asker.case.place.go(stage);
        if asker.case.is_news(severity, asker.met) {
            let why = vec![
                Reason::new("missing", number(count), number(threshold)),
                Reason::new("unreadable", unreadable, settings.unreadable),
                Reason::plain("missing_in_all", long(asker.met)),
                Reason::plain("within_s", settings.within_s),
            ];
            let confidence = 0.5 + 0.5 * unreadable;
            let mut told = asker.case.evidence(Kind::Dga, client, severity, confidence, why);
            let names: Vec<&str> = asker.missing.iter().take(5).map(String::as_str).collect();
            told.note = Some(format!("as `{}`", names.join("`, `")));
            out.push(told);
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::Dga, &self.askers, |client, asker| {
            let counters = vec![
                ("missing", number(asker.missing.count())),
                ("unreadable", number(asker.missing.marked())),
            ];
            (client.to_string(), asker.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::{Bench, question};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(Dga::default(), 100))
    }

    fn dice(n: u32) -> String {
        let mut state = n.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let letters: String = (0..12)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'a' + u8::try_from((state >> 16) % 26).unwrap())
            })
            .collect();
        format!("{letters}.com")
    }

    #[test]
    fn ten_missing_names_of_a_generator_are_told_and_nine_are_not() {
        let ask = |n: u32| question(&dice(n), n * 1_000, Some(3));
        let mut bench = bench();
        assert!(bench.see((0..9).map(ask)).is_empty());
        let told = bench.see([ask(9)]);
        assert_eq!(told.first().unwrap().severity, Severity::High, "{told:?}");
    }

    #[test]
    fn syllables_are_told_only_when_they_are_very_many() {
        let words = ["manover", "secarin", "tionless", "belonder", "inferate"];
        let ask = |n: u32| {
            let word = words[usize::try_from(n).unwrap() % 5];
            let end =
                ["er", "ing", "ation", "en", "s", "ed", "ly"][usize::try_from(n / 5).unwrap()];
            question(&format!("{word}{end}.com"), n * 1_000, Some(3))
        };
        let mut bench = bench();
        assert!(bench.see((0..29).map(ask)).is_empty());
        assert_eq!(bench.see([ask(29)]).first().unwrap().severity, Severity::Medium);
    }

    #[test]
    fn names_that_exist_and_one_domain_with_many_missing_names_are_quiet() {
        assert!(bench().see((0..200).map(|n| question(&dice(n), n * 1_000, Some(0)))).is_empty());
        let suffix =
            |n: u32| question(&format!("{}.corp.example.com", dice(n)), n * 1_000, Some(3));
        assert!(bench().see((0..200).map(suffix)).is_empty());
        assert!(bench().see((0..200).map(|n| question(&dice(n), n * 70_000, Some(3)))).is_empty());
    }
}

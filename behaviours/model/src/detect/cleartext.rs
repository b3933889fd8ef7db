//! A login could be read on the way.

use std::net::IpAddr;

use capture::Flow;

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, setting::settings,
    shown::shown, stage::stages, table::Table,
};

settings! {
    /// When a login in the clear is told. The secret is not known here, and of the name only its
    /// ends.
    pub struct Cleartext {
        /// Whether logins that stay within our networks are told too; they are only odd.
        within_home: bool = true,
    }
}

stages! {
    enum Reader {
        Watching "watching" "no login was read" => [Read],
        Read "read" "a login was read" => [],
    }
}

pub(super) struct Detect {
    settings: Cleartext,
    logins: Table<(IpAddr, IpAddr, String), Case<Reader>>,
}

impl Detect {
    pub(super) fn new(settings: Cleartext, most: usize) -> Self {
        Self { settings, logins: Table::new(most) }
    }
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::Cleartext
    }

    fn flow(&mut self, flow: &Flow, around: &Around<'_>, out: &mut Vec<Evidence>) {
        let Some(login) = flow.metadata.as_ref().and_then(|metadata| metadata.credentials.as_ref())
        else {
            return;
        };
        let (from, to) = (flow.originator.address, flow.responder.address);
        let within = around.home.has(from) && around.home.has(to);
        if within && !self.settings.within_home {
            return;
        }
        let scheme: String = login.scheme.chars().take(32).collect();
        let fresh = || Case::new(Reader::Watching, flow.start);
        let Some(case) = self.logins.touch((from, to, scheme.clone()), fresh) else { return };
        case.place.go(Reader::Read);
        case.add(flow, to);
        let severity = if within { Severity::Low } else { Severity::Medium };
        if case.is_news(severity, case.flows) {
            let why = vec![
                Reason::plain("logins", super::figures::long(case.flows)),
                Reason::plain("port", f64::from(flow.responder.port)),
            ];
            let mut told = case.evidence(Kind::Cleartext, from, severity, 0.9, why);
            let user: String = login.user.chars().take(64).collect();
            told.note = Some(match user.as_str() {
                "" => format!("`{scheme}` at `{to}`"),
                user => format!("`{user}` by `{scheme}` at `{to}`"),
            });
            out.push(told);
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::Cleartext, &self.logins, |(from, to, scheme), case| {
            let counters = vec![("logins", super::figures::long(case.flows))];
            (format!("{from} → {to} by {scheme}"), case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use capture::{Credentials, Metadata};

    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn login(line: &str, n: u32) -> Made {
        by("ftp", "ad***n", line, n)
    }

    fn by(scheme: &str, user: &str, line: &str, n: u32) -> Made {
        let credentials = Some(Credentials { scheme: scheme.to_owned(), user: user.to_owned() });
        flow(line, n).talk(90, 90, 9).says(Metadata { credentials, ..Metadata::default() })
    }

    #[test]
    fn a_login_is_told_once_and_again_at_ten() {
        let mut bench = Bench::new(Detect::new(Cleartext::default(), 10));
        let told = bench.see((0..10).map(|n| login("10.0.0.1:1 > 192.0.2.1:21", n)));
        assert_eq!(told.len(), 2);
        assert_eq!(told.first().unwrap().note.as_deref(), Some("`ad***n` by `ftp` at `192.0.2.1`"));
    }

    #[test]
    fn a_name_that_is_not_known_is_left_out() {
        let mut bench = Bench::new(Detect::new(Cleartext::default(), 10));
        let told = bench.see([by("smtp", "", "10.0.0.1:1 > 192.0.2.1:25", 0)]);
        assert_eq!(told.first().unwrap().note.as_deref(), Some("`smtp` at `192.0.2.1`"));
    }

    #[test]
    fn within_the_house_it_is_only_odd_or_not_told() {
        let mut bench = Bench::new(Detect::new(Cleartext::default(), 10));
        let told = bench.see([login("10.0.0.1:1 > 10.0.0.2:21", 0)]);
        assert_eq!(told.first().unwrap().severity, Severity::Low);
        let mut bench = Bench::new(Detect::new(Cleartext { within_home: false }, 10));
        assert!(bench.see([login("10.0.0.1:1 > 10.0.0.2:21", 0)]).is_empty());
        assert!(bench.see([flow("10.0.0.1:1 > 192.0.2.1:21", 0).talk(9, 9, 9)]).is_empty());
    }
}

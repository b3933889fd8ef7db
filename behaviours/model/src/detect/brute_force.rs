//! Logins are tried one after the other, and perhaps one works.

use std::net::IpAddr;

use capture::{Ended, Flow, Service};

use super::{
    Around, Detector, Evidence, Kind, Reason, Severity, Shown, case::Case, figures::long,
    outcome::is_talk, recent::Sum, setting::settings, shown::shown, stage::stages, table::Table,
};

settings! {
    /// When trying is guessing. Zeek tells at 30 logins of SSH in 30 minutes and 20 of FTP in 15,
    /// Slips at 9 of SSH.
    pub struct BruteForce {
        /// Short conversations, or refused logins, of two hosts on one port within the window.
        tries: f64 = 10.0,
        /// The same for services that programs poll by themselves (SMB, SMTP, POP3, IMAP), as long
        /// as no refusal was read.
        tries_polled: f64 = 60.0,
        /// The window, in seconds.
        within_s: f64 = 600.0,
        /// The most packets, both ways, of a conversation that is a try.
        packets: u64 = 60,
        /// How long a try may take, in seconds.
        lasting_s: f64 = 60.0,
        /// How many times the usual try a conversation must bring back to be a login that worked.
        success: f64 = 2.0,
    }
}

stages! {
    enum Attack {
        Watching "watching" "tries are counted" => [Guessing],
        Guessing "guessing" "logins are tried one after the other" => [Succeeded, Watching],
        Succeeded "succeeded" "after many tries one went on" => [Watching],
    }
}

struct Guesser {
    case: Case<Attack>,
    tries: Sum,
    refused: u64,
    /// The mean of packets and bytes of a try.
    usual_packets: f64,
    usual_bytes: f64,
    counted: f64,
}

type Key = (IpAddr, IpAddr, u16);

pub(super) struct Detect {
    settings: BruteForce,
    guessers: Table<Key, Guesser>,
}

/// How a login is asked for on a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// People log in: each conversation is a try.
    Login,
    /// Programs log in by themselves.
    Polled,
    /// Only what was refused is a try.
    Refused,
}

fn door(flow: &Flow) -> Door {
    match (flow.service, flow.responder.port) {
        (Some(Service::Ssh | Service::Ftp | Service::Rdp | Service::Telnet), _)
        | (None, 21 | 22 | 23 | 2222 | 2323 | 3389 | 5900) => Door::Login,
        (Some(Service::Smb | Service::Smtp | Service::Pop3 | Service::Imap), _)
        | (None, 25 | 110 | 139 | 143 | 445 | 465 | 587 | 993 | 995) => Door::Polled,
        _ => Door::Refused,
    }
}

impl Detect {
    pub(super) fn new(settings: BruteForce, most: usize) -> Self {
        Self { settings, guessers: Table::new(most) }
    }

    fn is_short(&self, flow: &Flow) -> bool {
        is_talk(flow)
            && flow.part == 0
            && flow.ended != Ended::Active
            && flow.forward.packets + flow.reverse.packets <= self.settings.packets
            && flow.duration() <= self.settings.lasting_s
    }
}

fn key(flow: &Flow) -> Key {
    (flow.originator.address, flow.responder.address, flow.responder.port)
}

/// Whether a conversation went on where tries were cut off: longer and larger than they.
fn went_on(flow: &Flow, guesser: &Guesser, settings: &BruteForce) -> bool {
    let packets = long(flow.forward.packets + flow.reverse.packets);
    let bytes = long(flow.forward.payload + flow.reverse.payload);
    is_talk(flow)
        && flow.metadata.as_ref().is_none_or(|metadata| metadata.refused == 0)
        && packets > guesser.usual_packets * settings.success
        && bytes > guesser.usual_bytes * settings.success
}

/// Whether HTTP let somebody in who brought a name and a secret.
fn let_in(flow: &Flow) -> bool {
    flow.metadata.as_ref().is_some_and(|metadata| {
        metadata.refused == 0
            && metadata.credentials.is_some()
            && metadata
                .http
                .as_ref()
                .and_then(|http| http.status)
                .is_some_and(|status| status < 400)
    })
}

impl Detector for Detect {
    fn kind(&self) -> Kind {
        Kind::BruteForce
    }

    fn flow(&mut self, flow: &Flow, _: &Around<'_>, out: &mut Vec<Evidence>) {
        // What was refused so far is told with each part of a conversation; the last has it all.
        let whole = flow.metadata.as_ref().filter(|_| flow.ended != Ended::Active);
        let refused = whole.map_or(0, |metadata| metadata.refused);
        let door = door(flow);
        let short = door != Door::Refused && self.is_short(flow);
        let key = key(flow);
        let open = self.guessers.peek(&key).is_some();
        if refused == 0 && !short && !open {
            return;
        }
        let settings = &self.settings;
        let fresh = || Guesser {
            case: Case::new(Attack::Watching, flow.start),
            tries: Sum::default(),
            refused: 0,
            usual_packets: 0.0,
            usual_bytes: 0.0,
            counted: 0.0,
        };
        let Some(guesser) = self.guessers.touch(key, fresh) else { return };
        if guesser.tries.total_at(flow.end, settings.within_s) < 1.0 {
            guesser.case.place.go(Attack::Watching);
            guesser.case.renew(flow.start);
            guesser.refused = 0;
            guesser.counted = 0.0;
        }
        let guessing = guesser.case.place.now() == Attack::Guessing;
        let worked = guessing && (went_on(flow, guesser, settings) || let_in(flow));
        if worked {
            guesser.case.place.go(Attack::Succeeded);
        } else if refused > 0 || short {
            guesser.refused += u64::from(refused);
            guesser.tries.add(flow.end, f64::from(refused.max(1)), settings.within_s);
            guesser.counted += 1.0;
            let step = 1.0 / guesser.counted;
            let packets = long(flow.forward.packets + flow.reverse.packets);
            let bytes = long(flow.forward.payload + flow.reverse.payload);
            guesser.usual_packets += (packets - guesser.usual_packets) * step;
            guesser.usual_bytes += (bytes - guesser.usual_bytes) * step;
        } else {
            return;
        }
        guesser.case.add(flow, flow.responder.address);
        let tries = guesser.tries.total();
        let threshold = match door {
            Door::Polled if guesser.refused == 0 => settings.tries_polled,
            _ => settings.tries,
        };
        if tries < threshold {
            return;
        }
        guesser.case.place.go(Attack::Guessing);
        let succeeded = guesser.case.place.now() == Attack::Succeeded;
        // Without a refusal seen, many short calls may be a program's own.
        let sure = door != Door::Polled || guesser.refused > 0;
        let severity = match (succeeded, sure) {
            (true, true) => Severity::Critical,
            (false, true) => Severity::High,
            (_, false) => Severity::Medium,
        };
        if !guesser.case.is_news(severity, guesser.case.flows) {
            return;
        }
        let why = vec![
            Reason::new("tries", tries, threshold),
            Reason::plain("refused", long(guesser.refused)),
            Reason::plain("succeeded", f64::from(u8::from(succeeded))),
            Reason::plain("port", f64::from(flow.responder.port)),
            Reason::plain("within_s", settings.within_s),
        ];
        // Slips is sure of it at 30.
        let confidence = if sure { 0.5 + 0.5 * (tries / 30.0).min(1.0) } else { 0.5 };
        out.push(guesser.case.evidence(Kind::BruteForce, key.0, severity, confidence, why));
    }

    fn covers(&self, flow: &Flow, _: &Around<'_>) -> Option<Severity> {
        match self.guessers.peek(&key(flow))?.case.place.now() {
            Attack::Watching => None,
            Attack::Guessing => Some(Severity::High),
            Attack::Succeeded => Some(Severity::Critical),
        }
    }

    fn shown(&self) -> Shown {
        shown(Kind::BruteForce, &self.guessers, |(from, to, port), guesser| {
            let counters =
                vec![("tries", guesser.tries.total()), ("refused", long(guesser.refused))];
            (format!("{from} → {to} port {port}"), guesser.case.place.now(), counters)
        })
    }
}

#[cfg(test)]
mod tests {
    use capture::{Http, Metadata};

    use super::*;
    use crate::detect::proving::{Bench, Made, flow};

    fn bench() -> Bench<Detect> {
        Bench::new(Detect::new(BruteForce::default(), 100))
    }

    fn ssh(n: u32) -> Made {
        flow("10.0.0.1:40000 > 10.0.0.2:22", n * 10).talk(1_200, 1_800, 12).lasting(3.0)
    }

    #[test]
    fn ten_short_logins_are_guessing_and_nine_are_not() {
        let mut bench = bench();
        assert!(bench.see((0..9).map(ssh)).is_empty());
        let told = bench.see([ssh(9)]);
        assert_eq!(told.first().unwrap().severity, Severity::High);
        assert!(bench.covers(&ssh(10)));
    }

    #[test]
    fn a_login_that_goes_on_after_many_tries_is_told_as_a_success() {
        let mut bench = bench();
        bench.see((0..12).map(ssh));
        let login =
            flow("10.0.0.1:40000 > 10.0.0.2:22", 130).talk(90_000, 50_000, 400).lasting(300.0);
        let told = bench.see([login]);
        assert_eq!(told.first().unwrap().severity, Severity::Critical);
    }

    #[test]
    fn refused_requests_of_one_long_conversation_count_each() {
        let refused = Metadata { refused: 10, ..Metadata::default() };
        let http = |n, refused: &Metadata| {
            flow("10.0.0.1:40000 > 10.0.0.2:80", n).talk(5_000, 5_000, 90).says(refused.clone())
        };
        let mut bench = bench();
        let told = bench.see([http(0, &refused)]);
        assert_eq!(told.len(), 1);
        let let_in = Metadata {
            credentials: Some(capture::Credentials {
                scheme: "http-basic".to_owned(),
                user: "a***n".to_owned(),
            }),
            http: Some(Http { status: Some(200), ..Http::default() }),
            ..Metadata::default()
        };
        let told = bench.see([http(1, &let_in)]);
        assert_eq!(told.first().map(|told| told.severity), Some(Severity::Critical));
        assert!(
            Bench::new(Detect::new(BruteForce::default(), 9)).see([http(0, &let_in)]).is_empty()
        );
    }

    #[test]
    fn browsing_polling_mail_and_knocking_are_quiet() {
        let web = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:443", n).talk(900, 9_000, 9);
        assert!(bench().see((0..500).map(web)).is_empty());
        let mail = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:993", n * 20).talk(900, 2_000, 9);
        assert!(bench().see((0..500).map(mail)).is_empty());
        let knock = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:22", n);
        assert!(bench().see((0..500).map(knock)).is_empty());
        let daily = |n: u32| flow("10.0.0.1:40000 > 10.0.0.2:22", n * 600).talk(900, 900, 9);
        assert!(bench().see((0..500).map(daily)).is_empty());
    }
}

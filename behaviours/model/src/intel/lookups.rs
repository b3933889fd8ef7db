//! What is found by lists, and what is not.

use capture::{Dns, DnsAnswer, Http, Metadata, Moment, Request, Seen, Tls};

use super::{Defaults, Format, Intelligence, Spot};
use crate::detect::proving::{flow, question};

const NOW: Moment = Moment(1_700_000_000_000_000_000);

fn knowing(list: &str) -> Intelligence {
    let mut intelligence = Intelligence::default();
    let loaded = intelligence.load(Format::Plain, list, &Defaults::default(), NOW);
    assert_eq!(loaded.wrong, 0, "{loaded:?}");
    intelligence
}

fn found(intelligence: &mut Intelligence, seen: &Seen) -> Vec<(String, Spot)> {
    let mut out = Vec::new();
    intelligence.look(seen, &mut out);
    out.into_iter().map(|found| (found.indicator, found.spot)).collect()
}

fn web(host: &str, path: &str) -> Seen {
    let request =
        Request { host: Some(host.to_owned()), path: path.to_owned(), ..Request::default() };
    let http = Some(Http { requests: vec![request], ..Http::default() });
    let metadata = Metadata { http, ..Metadata::default() };
    flow("10.0.0.1:1 > 192.0.2.1:80", 0).talk(9, 9, 9).says(metadata).into()
}

fn tls(name: &str, ja3: Option<&str>) -> Seen {
    let tls =
        Tls { server_name: Some(name.to_owned()), ja3: ja3.map(str::to_owned), ..Tls::default() };
    let metadata = Metadata { tls: Some(tls), ..Metadata::default() };
    flow("10.0.0.1:1 > 192.0.2.1:443", 0).talk(9, 9, 9).says(metadata).into()
}

fn one(value: &str, spot: Spot) -> Vec<(String, Spot)> {
    vec![(value.to_owned(), spot)]
}

#[test]
fn addresses_and_networks_are_found_on_either_side() {
    let mut known = knowing("192.0.2.1\n198.51.100.0/24\n2001:db8::/32\n");
    let out = flow("10.0.0.1:1 > 192.0.2.1:80", 0).into();
    assert_eq!(found(&mut known, &out), one("192.0.2.1", Spot::Responder));
    let inward = flow("198.51.100.7:1 > 10.0.0.1:80", 0).into();
    assert_eq!(found(&mut known, &inward), one("198.51.100.0/24", Spot::Originator));
    let six = flow("[2001:db8::5]:1 > [2001:db9::1]:80", 0).into();
    assert_eq!(found(&mut known, &six), one("2001:db8::/32", Spot::Originator));
    let mapped = flow("10.0.0.1:1 > [::ffff:192.0.2.1]:80", 0).into();
    assert_eq!(found(&mut known, &mapped), one("192.0.2.1", Spot::Responder));
    let other = flow("10.0.0.1:1 > 203.0.113.1:80", 0).into();
    assert!(found(&mut known, &other).is_empty());
    assert_eq!(known.counts().hits, 4);
}

#[test]
fn names_are_found_with_all_below_them_wherever_they_are_said() {
    let mut known = knowing("bad.example\n");
    assert_eq!(found(&mut known, &web("a.Bad.example:8080", "/")), one("bad.example", Spot::Host));
    assert_eq!(found(&mut known, &tls("bad.example.", None)), one("bad.example", Spot::ServerName));
    assert_eq!(
        found(&mut known, &question("x.bad.example", 0, None)),
        one("bad.example", Spot::Question)
    );
    assert!(found(&mut known, &question("notbad.example", 0, None)).is_empty());
    assert!(found(&mut known, &question("bad.example", 0, Some(0))).is_empty(), "told already");
    let Seen::Dns(dns) = question("good.example", 0, Some(0)) else { unreachable!() };
    let answers = vec![DnsAnswer::Name("cdn.bad.example".to_owned())];
    let answer = Seen::Dns(Dns { answers, ..dns });
    assert_eq!(found(&mut known, &answer), one("bad.example", Spot::Answer));
}

#[test]
fn a_path_does_not_make_its_host_bad() {
    let mut known = knowing("http://shared.example/evil.exe\n");
    assert!(found(&mut known, &web("shared.example", "/")).is_empty());
    assert!(found(&mut known, &tls("shared.example", None)).is_empty());
    let expected = one("shared.example/evil.exe", Spot::Url);
    assert_eq!(found(&mut known, &web("shared.example", "/evil.exe")), expected);
}

#[test]
fn fingerprints_are_found() {
    let mut known = Intelligence::default();
    let print = "e7d705a3286e19ea42f587b344ee6865";
    known.load(Format::Csv, &format!("ja3_md5,x\n{print},\n"), &Defaults::default(), NOW);
    assert_eq!(found(&mut known, &tls("x.example", Some(print))), one(print, Spot::Fingerprint));
}

#[test]
fn the_good_win_over_every_indicator() {
    let mut known = knowing("192.0.2.1\nbad.example\n198.51.100.0/24\n");
    known.warn(Format::Warninglist, r#"{"type": "cidr", "list": ["192.0.2.0/24"]}"#);
    known.allow(Format::Plain, "example\nbad.example\n");
    let out: Seen = flow("10.0.0.1:1 > 192.0.2.1:80", 0).into();
    assert!(found(&mut known, &out).is_empty());
    assert!(known.known_good(&out) && !known.allows(&out));
    let asks = question("a.bad.example", 0, None);
    assert!(known.allows(&asks) && found(&mut known, &asks).is_empty());
    assert_eq!((known.counts().hits, known.counts().outweighed), (0, 2));
}

#[test]
fn a_warninglist_keeps_in_sight_what_an_allowlist_hides() {
    let calls = flow("10.0.0.1:1 > 192.0.2.1:80", 0).into();
    let list = r#"{"type": "cidr", "list": ["192.0.2.0/24"]}"#;
    let mut known = knowing("192.0.2.1\n");
    assert_eq!(known.good(Format::Warninglist, list).taken, 1);
    assert!(known.known_good(&calls) && !known.allows(&calls));
    assert!(found(&mut known, &calls).is_empty());
    let mut known = knowing("192.0.2.1\n");
    assert_eq!(known.good(Format::Plain, "192.0.2.0/24\n").taken, 1);
    assert!(known.allows(&calls) && !known.known_good(&calls));
}

#[test]
fn hashes_of_files_are_counted_and_not_kept() {
    let mut known = Intelligence::default();
    let list = format!("{}\n192.0.2.1\n", "a".repeat(64));
    let loaded = known.load(Format::Plain, &list, &Defaults::default(), NOW);
    assert_eq!((loaded.taken, loaded.not_for_detection, known.len()), (1, 1, 1));
}

#[test]
fn what_has_expired_is_not_loaded_not_found_and_forgotten() {
    let mut known = Intelligence::default();
    let until = |text: &str| format!("value,valid_until\n192.0.2.1,{text}\n");
    let loaded = known.load(Format::Csv, &until("2020-01-01"), &Defaults::default(), NOW);
    assert_eq!((loaded.expired, known.len()), (1, 0));
    known.load(Format::Csv, &until("1700000100"), &Defaults::default(), NOW);
    let at = |seconds| flow("10.0.0.1:1 > 192.0.2.1:80", seconds).into();
    assert_eq!(found(&mut known, &at(99)).len(), 1);
    assert!(found(&mut known, &at(100)).is_empty());
    assert_eq!((known.expire(NOW), known.expire(NOW.after(100.0)), known.len()), (0, 1, 0));
}

#[test]
fn two_lists_that_name_the_same_are_one_indicator_and_the_surer_counts() {
    let mut known = Intelligence::default();
    for (source, confidence) in [("sure", 0.9), ("unsure", 0.3)] {
        let source = source.to_owned();
        let defaults = Defaults { source, confidence, valid_until: None };
        known.load(Format::Plain, "192.0.2.1\n198.51.100.0/24\n", &defaults, NOW);
    }
    assert_eq!(known.len(), 2);
    assert!(known.known().all(|known| known.indicator.source == "sure"));
}

#[test]
fn a_full_store_refuses_what_is_new_and_counts_it() {
    let mut known = Intelligence::new(2);
    let loaded = known.load(
        Format::Plain,
        "192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.1\n10.0.0.0/8\n",
        &Defaults::default(),
        NOW,
    );
    assert_eq!((loaded.taken, loaded.known, loaded.no_room, known.len()), (2, 1, 2, 2));
}

#[test]
fn the_wrong_format_is_told() {
    let mut known = Intelligence::default();
    for format in [Format::Misp, Format::Stix, Format::Warninglist] {
        let loaded = known.load(format, "{", &Defaults::default(), NOW);
        assert_eq!(loaded.wrong, 1, "{format:?}");
    }
    assert_eq!(known.allow(Format::Stix, "{}").wrong, 1);
    assert_eq!(known.warn(Format::Warninglist, "[").wrong, 1);
}

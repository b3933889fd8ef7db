//! All that is known of who is bad and who is good, and what is found by it.

use std::{hash::Hash, net::IpAddr};

use ahash::AHashMap;
use capture::{DnsAnswer, Flow, Metadata, Moment, Seen};
use serde::{Deserialize, Serialize};

use super::{
    Defaults, Good, Indicator, Loaded, What, csv, good::above, misp, networks::Networks, plain,
    stix,
};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One entry a line, or `/etc/hosts`.
    Plain,
    /// One entry a row.
    Csv,
    /// An event of MISP, or a list of them.
    Misp,
    /// A bundle of STIX 2.1.
    Stix,
    /// A warninglist of MISP; of the good only.
    Warninglist,
}

/// Where in what is seen an indicator was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// Who started a conversation.
    Originator,
    /// Who was spoken to.
    Responder,
    /// The name that TLS asked for.
    ServerName,
    /// The host that HTTP asked for.
    Host,
    /// The host and path that HTTP asked for.
    Url,
    /// A fingerprint of TLS.
    Fingerprint,
    /// A name that DNS was asked for.
    Question,
    /// What DNS answered.
    Answer,
}

impl Spot {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Originator => "originator",
            Self::Responder => "responder",
            Self::ServerName => "server name",
            Self::Host => "host",
            Self::Url => "url",
            Self::Fingerprint => "fingerprint",
            Self::Question => "question",
            Self::Answer => "answer",
        }
    }
}

/// An indicator that was found in what is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The indicator as it is written.
    pub indicator: String,
    /// Which list says so.
    pub source: String,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Where it was found.
    pub spot: Spot,
}

/// An indicator and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The indicator; where several lists name it, the surest, and the longest time.
    pub indicator: Indicator,
    /// How often it was found.
    pub hits: u64,
    /// When it was found last.
    pub last: Option<Moment>,
}

/// How much is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Indicators.
    pub indicators: usize,
    /// Entries of allowlists.
    pub allowed: usize,
    /// Entries of warninglists.
    pub known_good: usize,
    /// Matches.
    pub hits: u64,
    /// Matches that were not told because a list of the good wins.
    pub outweighed: u64,
}

/// Indicators, and lists of the good.
#[derive(Debug)]
pub struct Intelligence {
    most: usize,
    addresses: AHashMap<IpAddr, Known>,
    networks: Networks<Known>,
    domains: AHashMap<String, Known>,
    urls: AHashMap<String, Known>,
    prints: AHashMap<String, Known>,
    hashes: AHashMap<String, Known>,
    allowed: Good,
    known_good: Good,
    hits: u64,
    outweighed: u64,
}

impl Default for Intelligence {
    fn default() -> Self {
        Self::new(Self::MOST)
    }
}

impl Intelligence {
    /// How many indicators there are at most, unless it is said otherwise.
    pub const MOST: usize = 2_000_000;

    /// Of at most so many indicators; when there is no room left, further ones are refused and
    /// counted.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            addresses: AHashMap::new(),
            networks: Networks::new(),
            domains: AHashMap::new(),
            urls: AHashMap::new(),
            prints: AHashMap::new(),
            hashes: AHashMap::new(),
            allowed: Good::default(),
            known_good: Good::default(),
            hits: 0,
            outweighed: 0,
        }
    }

    /// Loads a list of indicators. What has expired at `now` is left out.
    pub fn load(&mut self, format: Format, text: &str, defaults: &Defaults, now: Moment) -> Loaded {
        let mut loaded = Loaded::default();
        let take = |indicator, loaded: &mut Loaded| self.add(indicator, now, loaded);
        match format {
            Format::Plain => plain::read(text, defaults, &mut loaded, take),
            Format::Csv => csv::read(text, defaults, &mut loaded, take),
            Format::Misp | Format::Stix => match serde_json::from_str(text) {
                Ok(json) if format == Format::Misp => {
                    misp::read(&json, defaults, &mut loaded, take);
                }
                Ok(json) => stix::read(&json, defaults, &mut loaded, take),
                Err(why) => loaded.wrong(why.line().max(1), &format!("no JSON: {why}")),
            },
            Format::Warninglist => {
                loaded.wrong(1, "a warninglist names the good; it holds no indicators");
            }
        }
        loaded
    }

    /// Loads an allowlist: what it names is not looked at.
    pub fn allow(&mut self, format: Format, text: &str) -> Loaded {
        load_good(&mut self.allowed, format, text)
    }

    /// Loads a warninglist: what it names is no indicator, and its regular visitors no beacons.
    pub fn warn(&mut self, format: Format, text: &str) -> Loaded {
        load_good(&mut self.known_good, format, text)
    }

    fn add(&mut self, indicator: Indicator, now: Moment, loaded: &mut Loaded) {
        if indicator.valid_until.is_some_and(|until| until <= now) {
            loaded.expired += 1;
            return;
        }
        let room = self.len() < self.most;
        let what = indicator.what.clone();
        match what {
            What::Address(address) => put(&mut self.addresses, address, indicator, room, loaded),
            What::Domain(name) => put(&mut self.domains, name, indicator, room, loaded),
            What::Url(url) => put(&mut self.urls, url, indicator, room, loaded),
            What::Ja3(print) | What::Ja4(print) => {
                put(&mut self.prints, print, indicator, room, loaded);
            }
            What::Hash(hash) => put(&mut self.hashes, hash, indicator, room, loaded),
            What::Network(network) => {
                let new = !self.networks.has(&network);
                if new && !room {
                    loaded.no_room += 1;
                    return;
                }
                let known = self.networks.entry(network, || fresh(indicator.clone()));
                if new {
                    loaded.taken += 1;
                } else {
                    known.indicator = surest(&known.indicator, &indicator);
                    loaded.known += 1;
                }
            }
        }
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
            + self.networks.len()
            + self.domains.len()
            + self.urls.len()
            + self.prints.len()
            + self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much is known.
    pub fn counts(&self) -> Counts {
        Counts {
            indicators: self.len(),
            allowed: self.allowed.len(),
            known_good: self.known_good.len(),
            hits: self.hits,
            outweighed: self.outweighed,
        }
    }

    /// All indicators, in no order.
    pub fn known(&self) -> impl Iterator<Item = &Known> {
        let texts = [&self.domains, &self.urls, &self.prints, &self.hashes];
        let networks = self.networks.iter().map(|(_, known)| known);
        let texts = texts.into_iter().flat_map(|texts| texts.values());
        self.addresses.values().chain(networks).chain(texts)
    }

    /// Forgets what no longer holds; says how many that were.
    pub fn expire(&mut self, now: Moment) -> usize {
        let before = self.len();
        let keep = |known: &Known| known.indicator.valid_until.is_none_or(|until| until > now);
        self.addresses.retain(|_, known| keep(known));
        self.networks.retain(keep);
        for texts in [&mut self.domains, &mut self.urls, &mut self.prints, &mut self.hashes] {
            texts.retain(|_, known| keep(known));
        }
        before - self.len()
    }

    /// Whether an allowlist names one of the two hosts, or the name that was asked for. A resolver
    /// that is allowed does not make what it is asked allowed.
    pub fn allows(&self, seen: &Seen) -> bool {
        let good = &self.allowed;
        if good.is_empty() {
            return false;
        }
        match seen {
            Seen::Flow(flow) => {
                good.has_address(flow.originator.address)
                    || good.has_address(flow.responder.address)
                    || name_of(flow).is_some_and(|name| good.has_name(name))
            }
            Seen::Dns(dns) => good.has_address(dns.client.address) || good.has_name(&dns.name),
            Seen::Arp(arp) => good.has_address(arp.sender_address),
            Seen::Dhcp(dhcp) => dhcp.address.is_some_and(|address| good.has_address(address)),
        }
    }

    /// Whether a warninglist names the host that was called on, or its name.
    pub fn known_good(&self, seen: &Seen) -> bool {
        let good = &self.known_good;
        if good.is_empty() {
            return false;
        }
        match seen {
            Seen::Flow(flow) => {
                good.has_address(flow.responder.address)
                    || name_of(flow).is_some_and(|name| good.has_name(name))
            }
            Seen::Dns(dns) => good.has_name(&dns.name),
            Seen::Arp(_) | Seen::Dhcp(_) => false,
        }
    }

    /// Looks for indicators in what is seen; what is found is counted and added to `out`.
    pub fn look(&mut self, seen: &Seen, out: &mut Vec<Match>) {
        if self.is_empty() {
            return;
        }
        let at = seen.at();
        match seen {
            Seen::Flow(flow) => {
                self.look_at_address(flow.originator.address, Spot::Originator, at, out);
                self.look_at_address(flow.responder.address, Spot::Responder, at, out);
                if let Some(metadata) = &flow.metadata {
                    self.look_at_metadata(metadata, at, out);
                }
            }
            Seen::Dns(dns) => {
                // An answer repeats its question.
                if dns.code.is_none() {
                    self.look_at_name(&dns.name, Spot::Question, at, out);
                }
                for answer in &dns.answers {
                    match answer {
                        DnsAnswer::Address(address) => {
                            self.look_at_address(*address, Spot::Answer, at, out);
                        }
                        DnsAnswer::Name(name) => self.look_at_name(name, Spot::Answer, at, out),
                        DnsAnswer::Other(..) => {}
                    }
                }
            }
            Seen::Arp(_) | Seen::Dhcp(_) => {}
        }
    }

    fn look_at_metadata(&mut self, metadata: &Metadata, at: Moment, out: &mut Vec<Match>) {
        if let Some(tls) = &metadata.tls {
            if let Some(name) = &tls.server_name {
                self.look_at_name(name, Spot::ServerName, at, out);
            }
            for print in [&tls.ja3, &tls.ja3s, &tls.ja4].into_iter().flatten() {
                self.hits += hit(self.prints.get_mut(print.as_str()), Spot::Fingerprint, at, out);
            }
        }
        let requests = metadata.http.iter().flat_map(|http| &http.requests);
        for request in requests {
            let Some(host) = request.host.as_deref().map(without_port) else { continue };
            self.look_at_name(&host, Spot::Host, at, out);
            let good = self.known_good.has_name(&host) || self.allowed.has_name(&host);
            let path = request.path.trim_start_matches('/');
            let known = self.urls.get_mut(&format!("{host}/{path}"));
            if good {
                self.outweighed += u64::from(known.is_some());
            } else {
                self.hits += hit(known, Spot::Url, at, out);
            }
        }
    }

    fn look_at_address(&mut self, address: IpAddr, spot: Spot, at: Moment, out: &mut Vec<Match>) {
        let address = address.to_canonical();
        let known = if self.addresses.contains_key(&address) {
            self.addresses.get_mut(&address)
        } else {
            let network = self.networks.around(address).map(|(network, _)| network);
            network.and_then(|network| self.networks.get_mut(&network))
        };
        if self.known_good.has_address(address) || self.allowed.has_address(address) {
            self.outweighed += u64::from(known.is_some());
            return;
        }
        self.hits += hit(known, spot, at, out);
    }

    fn look_at_name(&mut self, name: &str, spot: Spot, at: Moment, out: &mut Vec<Match>) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return self.look_at_address(address, spot, at, out);
        }
        let found = above(&name).find(|domain| self.domains.contains_key(*domain));
        let known = found.and_then(|domain| self.domains.get_mut(domain));
        if self.known_good.has_name(&name) || self.allowed.has_name(&name) {
            self.outweighed += u64::from(known.is_some());
            return;
        }
        self.hits += hit(known, spot, at, out);
    }
}

/// The name that a conversation asks for.
fn name_of(flow: &Flow) -> Option<&str> {
    let metadata = flow.metadata.as_ref()?;
    let tls = metadata.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let http = metadata.http.as_ref().and_then(|http| http.requests.first());
    tls.or_else(|| http.and_then(|request| request.host.as_deref()))
}

fn without_port(host: &str) -> String {
    let bare = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    bare.map_or(host, |(bare, _)| bare).trim_end_matches('.').to_ascii_lowercase()
}

fn hit(known: Option<&mut Known>, spot: Spot, at: Moment, out: &mut Vec<Match>) -> u64 {
    let Some(known) = known else { return 0 };
    if known.indicator.valid_until.is_some_and(|until| until <= at) {
        return 0;
    }
    known.hits += 1;
    known.last = known.last.max(Some(at));
    out.push(Match {
        indicator: known.indicator.what.value(),
        source: known.indicator.source.clone(),
        confidence: known.indicator.confidence,
        spot,
    });
    1
}

fn fresh(indicator: Indicator) -> Known {
    Known { indicator, hits: 0, last: None }
}

fn put<K: Eq + Hash>(
    all: &mut AHashMap<K, Known>,
    key: K,
    indicator: Indicator,
    room: bool,
    loaded: &mut Loaded,
) {
    if let Some(known) = all.get_mut(&key) {
        known.indicator = surest(&known.indicator, &indicator);
        loaded.known += 1;
    } else if room {
        all.insert(key, fresh(indicator));
        loaded.taken += 1;
    } else {
        loaded.no_room += 1;
    }
}

/// Of two that name the same: the surer one, for as long as the longer holds.
fn surest(one: &Indicator, other: &Indicator) -> Indicator {
    let best = if other.confidence > one.confidence { other } else { one };
    let until = match (one.valid_until, other.valid_until) {
        (Some(one), Some(other)) => Some(one.max(other)),
        _ => None,
    };
    Indicator { valid_until: until, ..best.clone() }
}

fn load_good(good: &mut Good, format: Format, text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    let mut take = |what: What, loaded: &mut Loaded| {
        if good.add(what) {
            loaded.taken += 1;
        } else {
            loaded.no_room += 1;
        }
    };
    let defaults = Defaults::default();
    match format {
        Format::Plain => {
            plain::read(text, &defaults, &mut loaded, |found, loaded| take(found.what, loaded));
        }
        Format::Csv => {
            csv::read(text, &defaults, &mut loaded, |found, loaded| take(found.what, loaded));
        }
        Format::Warninglist => match serde_json::from_str(text) {
            Ok(json) => misp::read_warnings(&json, &mut loaded, take),
            Err(why) => loaded.wrong(why.line().max(1), &format!("no JSON: {why}")),
        },
        Format::Misp | Format::Stix => {
            loaded.wrong(1, "lists of the good are: plain, csv, warninglist");
        }
    }
    loaded
}

#[cfg(test)]
mod tests {
    use capture::{Dns, Http, Request, Tls};

    use super::*;
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
        let tls = Tls {
            server_name: Some(name.to_owned()),
            ja3: ja3.map(str::to_owned),
            ..Tls::default()
        };
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
        assert_eq!(
            found(&mut known, &web("a.Bad.example:8080", "/")),
            one("bad.example", Spot::Host)
        );
        assert_eq!(
            found(&mut known, &tls("bad.example.", None)),
            one("bad.example", Spot::ServerName)
        );
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
        assert_eq!(
            found(&mut known, &tls("x.example", Some(print))),
            one(print, Spot::Fingerprint)
        );
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
}

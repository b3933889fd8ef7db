//! All that is known of who is bad and who is good, and what is found by it.

use std::{hash::Hash, net::IpAddr};

use ahash::AHashMap;
use capture::{DnsAnswer, Flow, Metadata, Moment, Seen};

use super::{
    Counts, Defaults, Format, Good, Indicator, Known, Loaded, Match, Spot, What, csv, good::above,
    misp, networks::Networks, plain, stix,
};

/// Indicators, and lists of the good.
#[derive(Debug)]
pub struct Intelligence {
    most: usize,
    addresses: AHashMap<IpAddr, Known>,
    networks: Networks<Known>,
    domains: AHashMap<String, Known>,
    urls: AHashMap<String, Known>,
    prints: AHashMap<String, Known>,
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

    /// Loads a list of the good as its format means it: a warninglist is of who is known to be good,
    /// and stays in sight; all others are allowlists.
    pub fn good(&mut self, format: Format, text: &str) -> Loaded {
        match format {
            Format::Warninglist => self.warn(format, text),
            _ => self.allow(format, text),
        }
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
            // No files are looked at.
            What::Hash(_) => loaded.not_for_detection += 1,
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
        let texts = [&self.domains, &self.urls, &self.prints];
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
        for texts in [&mut self.domains, &mut self.urls, &mut self.prints] {
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

//! Two who aggregate, and one of them dies while ten thousand results flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use agents::prosody::{Prosody, free_port as free_from};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Process, free_port, get, until, vedette};

const DOMAIN: &str = "failover.test";
const PROBES: u64 = 5;
/// Results of each probe.
const RESULTS: u64 = 2000;
const AGGREGATORS: [&str; 2] = ["aggregator1", "aggregator2"];

/// A network in pieces: each part is a process of its own.
struct Network {
    folder: TempDir,
    prosody: Prosody,
    http: String,
    _api: Process,
    agents: BTreeMap<String, Process>,
}

/// One result, as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    number: u64,
    source: String,
    received_ms: i64,
}

impl Network {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let prepared =
            Prosody::prepare(&at("xmpp"), DOMAIN, free_from(free_port()).unwrap()).unwrap();
        let probes: Vec<String> = (0..PROBES).map(|number| format!("probe{number}")).collect();
        let names: Vec<&str> =
            AGGREGATORS.into_iter().chain(probes.iter().map(String::as_str)).collect();
        for name in names.iter().chain(&["registry"]) {
            prepared.add(name, &format!("password of {name}").as_str().into()).await.unwrap();
            fs::write(at(name), format!("password of {name}\n")).unwrap();
        }
        let prosody = prepared.start().await.unwrap();
        let (http, api) = start_api(folder.path()).await;
        let members = names.iter().map(|it| format!("\"{it}@{DOMAIN}\"")).collect::<Vec<_>>();
        let members = format!("[{}]", members.join(", "));
        let mut network = Self { folder, prosody, http, _api: api, agents: BTreeMap::new() };
        network.write(
            "registrar",
            "registry",
            &format!(
                "contacts = {members}\n[[behaviour]]\nrun = \"register\"\nmembers = {members}\n"
            ),
        );
        for name in AGGREGATORS {
            let http = &network.http;
            let behaviours = format!(
                "[[behaviour]]\nrun = \"anchor\"\nurl = \"{http}/tsr\"\nanchor = \"tsa/anchor.pem\"\n\
                 [[behaviour]]\nrun = \"forward\"\napi = \"{http}\"\ntoken_file = \"token\"\n"
            );
            network.write("aggregator", name, &behaviours);
        }
        for (first, name) in (0..).step_by(100_000).zip(&probes) {
            network.write("probe", name, &counting(first));
        }
        for name in ["registry"].iter().chain(&names) {
            network.run(name);
        }
        network
    }

    fn write(&self, role: &str, name: &str, behaviours: &str) {
        let text = format!(
            "role = \"{role}\"\njid = \"{name}@{DOMAIN}\"\npassword_file = \"{name}\"\n\
             server = \"{}\"\nca = \"xmpp/ca.pem\"\nstate = \"state-{name}\"\n{behaviours}",
            self.prosody.address()
        );
        fs::write(self.folder.path().join(format!("{name}.toml")), text).unwrap();
    }

    fn run(&mut self, name: &str) {
        let mut command = vedette();
        command.args(["agent", "run"]).arg(self.folder.path().join(format!("{name}.toml")));
        let log = self.folder.path().join(format!("{name}.log"));
        self.agents.insert(name.to_owned(), Process::start(&mut command, &log));
    }

    async fn signal(&mut self, name: &str, signal: Signal) {
        let agent = self.agents.get_mut(name).unwrap();
        agent.signal(signal);
        agent.end().await;
    }

    async fn stored(&self) -> Option<Vec<Stored>> {
        let (mut stored, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/items?type=count&limit=500{cursor}");
            let page = get(&self.http, &path).await?;
            for item in page["items"].as_array()? {
                stored.push(Stored {
                    number: item["summary"].as_str()?.parse().ok()?,
                    source: item["source"].as_str()?.to_owned(),
                    received_ms: item["received_ms"].as_i64()?,
                });
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Some(stored),
            }
        }
    }

    /// How many results are stored.
    async fn count(&self) -> u64 {
        let page = get(&self.http, "/api/v1/items?type=count&limit=1").await;
        page.and_then(|it| it["total"].as_u64()).unwrap_or(0)
    }

    /// When the registrar noted that somebody was gone.
    async fn gone_ms(&self, name: &str) -> Option<i64> {
        let path = format!("/api/v1/agents/{name}@{DOMAIN}/presence");
        let moments = get(&self.http, &path).await?;
        let gone = moments["items"].as_array()?.iter().find(|it| it["show"] == "unavailable")?;
        gone["since_ms"].as_i64()
    }

    /// All are stored, each once.
    async fn all_arrive(&self) -> Vec<Stored> {
        let all = PROBES * RESULTS;
        until("all results arrive", async || (self.count().await >= all).then_some(())).await;
        let stored = self.stored().await.unwrap();
        let numbers: BTreeSet<u64> = stored.iter().map(|it| it.number).collect();
        let expected: BTreeSet<u64> = (0..PROBES)
            .flat_map(|probe| (1..=RESULTS).map(move |number| probe * 100_000 + number))
            .collect();
        assert_eq!(numbers, expected);
        assert_eq!(stored.len(), numbers.len(), "something is stored twice");
        stored
    }
}

async fn start_api(folder: &Path) -> (String, Process) {
    let port = free_port();
    let http = format!("http://127.0.0.1:{port}");
    let api = format!(
        "listen = \"127.0.0.1:{port}\"\ndatabase = \"sqlite://vedette.db\"\n\
         [tsa]\nown = \"tsa\"\n[auth]\nanonymous = \"read\"\n\
         [[auth.token]]\nname = \"aggregator\"\nrole = \"agent\"\nfile = \"token\"\n"
    );
    fs::write(folder.join("api.toml"), api).unwrap();
    let mut command = vedette();
    command.args(["api", "--config"]).arg(folder.join("api.toml"));
    let process = Process::start(&mut command, &folder.join("api.log"));
    until("the API", async || get(&http, "/api/v1/summary").await).await;
    (http, process)
}

/// A machine that makes results with the numbers after `first`, as fast as the disk takes them.
fn counting(first: u64) -> String {
    let last = first + RESULTS;
    format!(
        r#"
[[behaviour]]
run = "check"
every = "1h"
command = ["true"]

[[behaviour]]
run = "machine"
[behaviour.machine]
name = "count"
variables = {{ n = {first} }}
[behaviour.machine.state.counting]
on = [
  {{ every = "4ms", when = "n < {last}", do = ["n += 1", {{ keep = "count", text = "{{n}}" }}] }},
  {{ when = "n >= {last}", go = "done" }},
]
[behaviour.machine.state.done]
final = true
"#
    )
}

/// The longest time in which nothing came from a probe, of all probes.
fn longest_pause(stored: &[Stored]) -> i64 {
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for it in stored {
        times.entry(&it.source).or_default().push(it.received_ms);
    }
    let pause = |times: &mut Vec<i64>| {
        times.sort_unstable();
        times.windows(2).map(|it| it[1] - it[0]).max().unwrap_or(0)
    };
    times.values_mut().map(pause).max().unwrap_or(0)
}

#[tokio::test]
async fn ten_thousand_results_survive_an_aggregator_that_is_killed() {
    let mut network = Network::start().await;
    until("results flow", async || (network.count().await > 500).then_some(())).await;
    network.signal("aggregator1", Signal::KILL).await;
    // The server keeps its session for a while, so it is not gone yet; whoever waits for its
    // receipts goes on without it all the same.
    let before = network.count().await;
    until("results flow again", async || (network.count().await > before + 4000).then_some(()))
        .await;
    let alone = network.stored().await.unwrap();
    // What it had confirmed and not brought on is on its disk.
    network.run("aggregator1");
    network.all_arrive().await;
    let pause = longest_pause(&alone);
    tell(&format!("10,000 of 10,000, none twice; the longest pause of a probe was {pause} ms"));
    network.prosody.stop().await;
}

#[tokio::test]
async fn when_an_aggregator_takes_leave_the_other_one_goes_on_at_once() {
    let mut network = Network::start().await;
    until("results flow", async || (network.count().await > 500).then_some(())).await;
    network.signal("aggregator1", Signal::TERM).await;
    let gone = until("its leave is noted", async || network.gone_ms("aggregator1").await).await;
    let before = network.count().await;
    until("results flow on", async || (network.count().await > before + 3000).then_some(())).await;
    let after = network.stored().await.unwrap().into_iter();
    let after: Vec<Stored> = after.filter(|it| it.received_ms >= gone - 100).collect();
    let sources: BTreeSet<&str> = after.iter().map(|it| it.source.as_str()).collect();
    assert_eq!(sources.len(), usize::try_from(PROBES).unwrap(), "{sources:?}");
    let pause = longest_pause(&after);
    tell(&format!("the longest pause of a probe after the leave was {pause} ms"));
    network.run("aggregator1");
    network.all_arrive().await;
    network.prosody.stop().await;
}

/// A figure for who looks (`--nocapture`); how long it takes is nothing to fail for.
#[expect(clippy::print_stdout, reason = "a figure to read")]
fn tell(figure: &str) {
    println!("{figure}");
}

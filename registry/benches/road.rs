//! Messages from agent to agent over a real Prosody and TLS: how many a second, what one costs in
//! CPU at each side, and how long a question and its answer take.
//!
//! Each side is a process of its own, so that its CPU time is its own.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark prints figures and may fail"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use registry::{
    Account, DeviceIdentity, LinkState, Members, Policies, Roots, Sealing, Server, SigningKey,
    Subscriptions, Validity, XmppRoad,
    prosody::{Prosody, ProsodyError, free_port},
};
use runtime::{
    Agent, AgentHandle, Behaviour, Context, Failure, MemoryStore, Message, Performative, Spec,
    Template, states,
};
use tokio::{sync::watch, time::Instant};
use types::{Announcement, Device, Member};

#[path = "beside/spade.rs"]
mod spade;

const DOMAIN: &str = "bench.vedette";
const MESSAGES: usize = 30_000;
const TRIPS: usize = 2_000;

states! {
    enum Work {
        /// At it.
        Working => [Done],
        /// Over.
        Done => [],
    }
}

/// Takes so many messages, then says what that cost.
struct Sink;

impl Behaviour for Sink {
    type State = Work;
    const NAME: &'static str = "sink";

    async fn step(&mut self, _: Work, ctx: &mut Context) -> Result<Work, Failure> {
        ctx.receive().await?;
        let (started, cpu) = (Instant::now(), cpu());
        for _ in 1..MESSAGES {
            ctx.receive().await?;
        }
        figures("receiver", started.elapsed(), self::cpu() - cpu);
        // Now everything is answered.
        for _ in 0..TRIPS {
            let message = ctx.receive().await?;
            let answer = message.reply(Performative::Inform, Arc::clone(&message.body)).unwrap();
            ctx.send(answer).await?;
        }
        Ok(Work::Done)
    }
}

/// Sends so many messages, then asks one by one.
struct Source;

impl Behaviour for Source {
    type State = Work;
    const NAME: &'static str = "source";

    async fn step(&mut self, _: Work, ctx: &mut Context) -> Result<Work, Failure> {
        let body: Arc<str> = "x".repeat(1024).into();
        let to = runtime::AgentId::from(format!("sink@{DOMAIN}"));
        let message = || Message::text(Performative::Inform, to.clone(), Arc::clone(&body));
        let (started, cpu) = (Instant::now(), cpu());
        for _ in 0..MESSAGES {
            ctx.send(message()).await?;
        }
        figures("sender", started.elapsed(), self::cpu() - cpu);
        let mut trips = Vec::with_capacity(TRIPS);
        for _ in 0..TRIPS {
            let asked = Instant::now();
            ctx.send(message()).await?;
            ctx.receive().await?;
            trips.push(asked.elapsed());
        }
        trips.sort_unstable();
        let (middle, late) = (trips[TRIPS / 2], trips[TRIPS * 99 / 100]);
        println!("round trip: p50 {middle:.2?}, p99 {late:.2?}");
        Ok(Work::Done)
    }
}

fn figures(side: &str, took: Duration, cpu: f64) {
    let rate = MESSAGES as f64 / took.as_secs_f64();
    let each = cpu * 1e6 / MESSAGES as f64;
    println!(
        "{side}: {MESSAGES} messages of 1 KB in {took:.2?}: {rate:.0} messages/s, {each:.1} µs CPU each"
    );
}

/// CPU time of this process so far, in seconds.
fn cpu() -> f64 {
    cpu_of("self")
}

/// CPU time of a process so far, in seconds.
fn cpu_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}

/// What seals for a side, when the folder of keys is given.
fn sealing(name: &str, keys: &str) -> Option<Sealing> {
    if keys.is_empty() {
        return None;
    }
    let device = |name: &str| DeviceIdentity::open_or_make(&Path::new(keys).join(name)).unwrap();
    let member = |name: &str| {
        let device = device(name);
        let identity = hex::encode(device.identity.key().0.0);
        Member {
            jid: format!("{name}@{DOMAIN}"),
            role: "probe".to_owned(),
            labels: BTreeMap::new(),
            devices: vec![Device { device: device.device, identity }],
            evidence_key: "11".repeat(32),
            serial: 1,
        }
    };
    let key = SigningKey::open_or_make(&Path::new(keys).join("registry.key")).unwrap();
    let validity = Validity { serial: 1, issued_ms: 0, until_ms: i64::MAX };
    let both = vec![member("sink"), member("source")];
    let members = Members::none(key.public()).sign(&key, both, &[], validity).unwrap();
    // Nobody changes it.
    let (_, members) = watch::channel(Arc::new(members));
    Some(Sealing {
        device: device(name),
        store: Path::new(keys).join(name).join("omemo.sqlite"),
        members,
        policies: Policies::of_agent(&format!("{name}@{DOMAIN}"), false),
    })
}

async fn start<B: Behaviour>(
    name: &str,
    port: &str,
    ca: &str,
    keys: &str,
    make: fn() -> B,
) -> (AgentHandle, XmppRoad) {
    let account = Account {
        jid: format!("{name}@{DOMAIN}").parse().unwrap(),
        password: name.into(),
        server: Server::At(format!("127.0.0.1:{port}")),
        roots: Roots::File(ca.into()),
        registrar: format!("registry@{DOMAIN}").into(),
        contacts: Vec::new(),
        wants: Vec::new(),
        subscriptions: Subscriptions::Ask,
        pubsub: None,
    };
    let mut agent = Agent::new(
        format!("{name}@{DOMAIN}").into(),
        Announcement::default(),
        Arc::new(MemoryStore::default()),
    );
    let spec = Spec { template: Template::Any, mailbox: 2 * MESSAGES, ..Spec::default() };
    agent.add(spec, make);
    let door = agent.door().clone();
    let road = XmppRoad::connect_sealed(account, door, sealing(name, keys)).unwrap();
    road.state().wait_for(|it| matches!(it, LinkState::Online)).await.unwrap();
    (agent.start(Arc::new(road.clone())), road)
}

async fn side(arguments: &[String]) {
    let [side, port, ca, keys] = arguments else { panic!("side, port, ca, keys") };
    let (agent, _road) = if side == "sink" {
        start("sink", port, ca, keys, || Sink).await
    } else {
        start("source", port, ca, keys, || Source).await
    };
    println!("ready");
    agent.finished().await;
    println!("{side}: {}", memory());
    agent.shutdown().await;
}

fn child(
    side: &str,
    port: u16,
    ca: &Path,
    keys: &str,
) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--side", side, &port.to_string()])
        .arg(ca)
        .arg(keys)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    (child, lines)
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|it| it == "--side") {
        side(&arguments[at + 1..]).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = 25_000;
    let prosody = loop {
        let port = free_port(wanted).unwrap();
        let prepared = Prosody::prepare(folder.path(), DOMAIN, port).unwrap();
        for name in ["source", "sink"] {
            prepared.add(name, &name.into()).await.unwrap();
        }
        match prepared.start().await {
            Ok(prosody) => break prosody,
            Err(ProsodyError::Taken(port)) => wanted = port + 1,
            Err(error) => panic!("{error:?}"),
        }
    };
    let port = prosody.address().port();
    let rate = talk("xmpp road", &prosody, "");
    let keys = folder.path().join("keys");
    for name in ["source", "sink"] {
        drop(DeviceIdentity::open_or_make(&keys.join(name)).unwrap());
    }
    drop(SigningKey::open_or_make(&keys.join("registry.key")).unwrap());
    talk("sealed road", &prosody, keys.to_str().unwrap());
    beside(port, rate).await;
    prosody.stop().await;
}

/// Has two processes talk; how many messages a second were heard.
fn talk(road: &str, prosody: &Prosody, keys: &str) -> f64 {
    let before = cpu_of(&prosody.pid().unwrap().to_string());
    let port = prosody.address().port();
    let (mut sink, sinks) = child("sink", port, &prosody.authority(), keys);
    let (mut source, sources) = child("source", port, &prosody.authority(), keys);
    let mut rate = f64::NAN;
    for line in sources.lines().chain(sinks.lines()) {
        let line = line.unwrap();
        if let Some(text) = line.strip_prefix("receiver: ").and_then(|it| it.split(": ").nth(1)) {
            rate = text.split(' ').next().unwrap().parse().unwrap();
        }
        println!("{road}: {line}");
    }
    source.wait().unwrap();
    sink.wait().unwrap();
    let server = cpu_of(&prosody.pid().unwrap().to_string()) - before;
    let all = MESSAGES + 2 * TRIPS;
    println!("{road}: the server: {:.1} µs CPU each", server * 1e6 / all as f64);
    rate
}

/// The same by SPADE, over the same server.
async fn beside(port: u16, ours: f64) {
    let Some(python) = spade::python("xmpp road").await else { return };
    let (port, ways) = (port.to_string(), [("apart", "a process each"), ("server", "one process")]);
    for (way, told) in ways {
        let arguments = [
            "messages",
            "--port",
            &port,
            "--domain",
            DOMAIN,
            "--count",
            "10000",
            "--size",
            "1024",
            "--password-source",
            "source=source,sink=sink",
            "--way",
            way,
        ];
        match spade::run(&python, &arguments).await {
            None => println!("xmpp road: SPADE, {told}: no figure"),
            Some(line) => {
                let figure = |name| spade::figure(&line, name);
                println!(
                    "xmpp road: SPADE, {told}: {} messages of 1 KB: {:.0} messages/s, {:.0} µs CPU \
                     each, both sides; ours are {:.1} times as many",
                    figure("count"),
                    figure("per_second"),
                    figure("cpu_us_each"),
                    ours / figure("per_second")
                );
            }
        }
    }
}

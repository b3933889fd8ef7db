//! Many agents in one process, each with an account and a connection of its own, on one Prosody:
//! how long until all are present, what one weighs, and how many messages they pass in all.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark prints figures and may fail"
)]

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use registry::{
    Account, Roots, Server, Subscriptions, XmppRoad,
    prosody::{Prosody, ProsodyError, free_port},
};
use runtime::{
    Agent, AgentHandle, Behaviour, Context, Failure, MemoryStore, Message, Performative, Spec,
    Template, states,
};
use tokio::{sync::watch, time::Instant};
use types::{Announcement, Show};

#[path = "beside/spade.rs"]
mod spade;

const DOMAIN: &str = "bench.vedette";
/// How many agents SPADE is asked for: a thousand take it minutes.
const BESIDE: usize = 200;
/// Messages that each agent sends to the next.
const MESSAGES: usize = 20;

states! {
    enum Work {
        /// Waits for the others, then tells the next one.
        Telling => [Hearing],
        /// Hears the one before.
        Hearing => [Done],
        /// Has heard all.
        Done => [],
    }
}

/// Tells the next agent, and hears the one before.
struct Link {
    next: String,
    begin: watch::Receiver<bool>,
    heard: Arc<AtomicUsize>,
}

impl Behaviour for Link {
    type State = Work;
    const NAME: &'static str = "link";

    async fn step(&mut self, state: Work, ctx: &mut Context) -> Result<Work, Failure> {
        match state {
            Work::Telling => {
                drop(self.begin.wait_for(|it| *it).await);
                for _ in 0..MESSAGES {
                    let to = runtime::AgentId::from(self.next.as_str());
                    ctx.send(Message::text(Performative::Inform, to, "x".repeat(1024))).await?;
                }
                Ok(Work::Hearing)
            }
            Work::Hearing => {
                for _ in 0..MESSAGES {
                    ctx.receive().await?;
                    self.heard.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Work::Done)
            }
            Work::Done => Ok(Work::Done),
        }
    }
}

fn account(prosody: &Prosody, name: &str, contacts: Vec<runtime::AgentId>) -> Account {
    Account {
        jid: format!("{name}@{DOMAIN}").parse().unwrap(),
        password: name.into(),
        server: Server::At(prosody.address().to_string()),
        roots: Roots::File(prosody.authority()),
        registrar: format!("registry@{DOMAIN}").into(),
        contacts,
        subscriptions: Subscriptions::Contacts,
        pubsub: None,
        wants: Vec::new(),
    }
}

fn agent(name: &str) -> Agent {
    let announcement = Announcement { role: "probe".to_owned(), ..Announcement::default() };
    Agent::new(format!("{name}@{DOMAIN}").into(), announcement, Arc::new(MemoryStore::default()))
}

fn start(agent: Agent, account: Account) -> AgentHandle {
    let road = XmppRoad::connect(account, agent.door().clone()).unwrap();
    agent.start(Arc::new(road))
}

fn status(process: &str, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn cpu_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let field = |number: usize| fields.get(number).unwrap().parse::<f64>().unwrap();
    (field(11) + field(12)) / 100.0
}

async fn server(names: &[String]) -> (Prosody, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port(26_000).unwrap();
    let prepared = Prosody::prepare(folder.path(), DOMAIN, port).unwrap();
    for name in names.iter().map(String::as_str).chain(["registry"]) {
        prepared.add(name, &name.into()).await.unwrap();
    }
    match prepared.start().await {
        Ok(prosody) => (prosody, folder),
        Err(ProsodyError::Taken(port)) => panic!("port {port} is taken; run it again"),
        Err(error) => panic!("{error:?}"),
    }
}

/// Waits until the registrar sees everybody.
async fn all_present(registrar: &AgentHandle, count: usize) {
    let mut members = registrar.directory().watch();
    let limit = tokio::time::sleep(Duration::from_mins(5));
    tokio::pin!(limit);
    loop {
        let members_now = registrar.directory().members();
        if members_now.iter().filter(|it| it.show == Show::Available).count() >= count {
            return;
        }
        tokio::select! {
            changed = members.changed() => changed.unwrap(),
            () = &mut limit => panic!("not all came"),
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let count: usize = env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(1000);
    let names: Vec<String> = (0..count).map(|number| format!("agent{number}")).collect();
    let (prosody, _folder) = server(&names).await;
    let server = prosody.pid().unwrap().to_string();
    let contacts = names.iter().map(|it| format!("{it}@{DOMAIN}").into()).collect();
    let registrar = start(agent("registry"), account(&prosody, "registry", contacts));
    let (begin, waiting) = watch::channel(false);
    let heard = Arc::new(AtomicUsize::new(0));

    // Once, so that everybody is in everybody's roster; then as on every other day.
    let (begin_first, never) = watch::channel(false);
    let first = meet(&prosody, &names, &registrar, &never, &heard, "for the first time").await;
    let (per_second, kb_each) = (first.per_second, first.kb_each);
    for agent in &first.agents {
        agent.behaviours().iter().for_each(runtime::Handle::kill);
    }
    futures_util::future::join_all(first.agents.iter().map(AgentHandle::shutdown)).await;
    drop((first, begin_first));
    let before = status("self", "VmRSS");
    let agents = meet(&prosody, &names, &registrar, &waiting, &heard, "again").await.agents;

    let (started, ours, theirs) = (Instant::now(), cpu_of("self"), cpu_of(&server));
    begin.send_replace(true);
    for agent in &agents {
        agent.finished().await;
    }
    let (took, all) = (started.elapsed(), heard.load(Ordering::Relaxed));
    assert_eq!(all, count * MESSAGES, "messages were lost");
    println!(
        "many: {all} messages of 1 KB in a ring in {took:.2?}: {:.0} messages/s, {:.0} µs CPU each \
         here, {:.0} µs at the server; {} KB an agent at the end",
        all as f64 / took.as_secs_f64(),
        (cpu_of("self") - ours) * 1e6 / all as f64,
        (cpu_of(&server) - theirs) * 1e6 / all as f64,
        (status("self", "VmRSS") - before) / count as u64,
    );
    beside(&prosody, &names, per_second, kb_each).await;
    // A thousand goodbyes at once are not what is measured here.
    prosody.stop().await;
    std::process::exit(0);
}

/// The same by SPADE, over the same server, with accounts of its own, beside what ours took when
/// they came for the first time.
async fn beside(prosody: &Prosody, names: &[String], per_second: f64, kb_each: f64) {
    let Some(python) = spade::python("many").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("names");
    let count = BESIDE.min(names.len());
    let mut lines = Vec::new();
    for number in 0..count {
        let name = format!("spade{number}");
        prosody.add(&name, &name.as_str().into()).await.unwrap();
        lines.push(format!("{name} {name}\n"));
    }
    fs::write(&file, lines.concat()).unwrap();
    let (port, wanted) = (prosody.address().port().to_string(), count.to_string());
    let arguments = [
        "agents",
        "--port",
        &port,
        "--domain",
        DOMAIN,
        "--count",
        &wanted,
        "--names-file",
        file.to_str().unwrap(),
    ];
    match spade::run(&python, &arguments).await {
        None => println!("many: SPADE: no figure"),
        Some(line) => {
            let figure = |name| spade::figure(&line, name);
            println!(
                "many: SPADE: {} agents in one process present after {:.2}s: {:.0} a second; {:.0} \
                 KB an agent; ours are {:.0} times as quick and {:.1} times as small",
                figure("count"),
                figure("seconds"),
                figure("count") / figure("seconds"),
                figure("kb_each"),
                per_second * figure("seconds") / figure("count"),
                figure("kb_each") / kb_each,
            );
        }
    }
}

/// Agents that are present, and what that took.
struct Met {
    agents: Vec<AgentHandle>,
    per_second: f64,
    kb_each: f64,
}

/// Starts everybody and waits until the registrar sees all.
async fn meet(
    prosody: &Prosody,
    names: &[String],
    registrar: &AgentHandle,
    begun: &watch::Receiver<bool>,
    heard: &Arc<AtomicUsize>,
    when: &str,
) -> Met {
    let (count, server) = (names.len(), prosody.pid().unwrap().to_string());
    let before = status("self", "VmRSS");
    let (started, ours, theirs) = (Instant::now(), cpu_of("self"), cpu_of(&server));
    let mut agents = Vec::with_capacity(count);
    for (name, next) in names.iter().zip(names.iter().cycle().skip(1)) {
        let mut agent = agent(name);
        let (next, begun, heard) = (format!("{next}@{DOMAIN}"), begun.clone(), Arc::clone(heard));
        let spec = Spec { template: Template::Any, ..Spec::default() };
        agent.add(spec, move || Link {
            next: next.clone(),
            begin: begun.clone(),
            heard: Arc::clone(&heard),
        });
        agents.push(start(agent, account(prosody, name, Vec::new())));
    }
    all_present(registrar, count).await;
    let took = started.elapsed();
    let per_second = count as f64 / took.as_secs_f64();
    println!(
        "many: {count} agents in one process present {when} after {took:.2?}: {per_second:.0} a second; \
         {:.1} ms CPU each here, {:.1} ms at the server",
        (cpu_of("self") - ours) * 1e3 / count as f64,
        (cpu_of(&server) - theirs) * 1e3 / count as f64,
    );
    let kb_each = status("self", "VmRSS").saturating_sub(before) as f64 / count as f64;
    println!(
        "many: {kb_each:.0} KB an agent, {} KB in all; the server {} KB",
        status("self", "VmRSS"),
        status(&server, "VmRSS"),
    );
    Met { agents, per_second, kb_each }
}

use std::{fs, path::Path, time::Duration};

use agents::prosody::{Prosody, free_port as free_from};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::support::{Platform, Process, counted, counting, free_port, get, send, until, vedette};

fn write_counter(folder: &Path) {
    let agents = folder.join("data/agents");
    fs::create_dir_all(&agents).unwrap();
    let counting = counting(&folder.join("counter"), "100ms");
    let text = format!(
        "role = \"probe\"\njid = \"counter@vedette.local\"\n\
         password_file = \"../secrets/counter\"\n\n{counting}"
    );
    fs::write(agents.join("counter.toml"), text).unwrap();
}

fn counter(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("counter")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Waits until the API holds every number up to `last`, each once and each with a proof.
async fn all_arrive(http: &str, last: u64) {
    until("every number arrives", async || {
        let counted = counted(http).await?;
        (1..=last).all(|number| counted.contains_key(&number)).then_some(())
    })
    .await;
    let counted = counted(http).await.unwrap();
    let twice: Vec<_> = counted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    until("every number is proven", async || {
        let summary = get(http, "/api/v1/summary").await?;
        (summary["items"]["pending"].as_u64()? < 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_killed_xmpp_server_is_started_again_and_no_result_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    write_counter(folder.path());
    let platform = Platform::up_in(folder, &[]).await;
    until("it counts", async || (counter(platform.folder.path()) > 10).then_some(())).await;
    for _ in 0..2 {
        let pid = platform.xmpp_pid().unwrap();
        send(pid, Signal::KILL);
        until("another server", async || platform.xmpp_pid().filter(|it| *it != pid)).await;
        let before = counter(platform.folder.path());
        all_arrive(&platform.http, before + 10).await;
    }
}

#[tokio::test]
async fn what_a_probe_accepted_survives_the_death_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    write_counter(folder.path());
    let mut platform = Platform::up_in(folder, &[]).await;
    let mut cuts = Vec::new();
    for _ in 0..3 {
        let start = counter(platform.folder.path());
        until("it counts", async || (counter(platform.folder.path()) > start + 10).then_some(()))
            .await;
        platform.process.signal(Signal::KILL);
        platform.process.end().await;
        cuts.push(counter(platform.folder.path()));
        platform.up_again().await;
    }
    let last = counter(platform.folder.path());
    // The number at which it was killed may never have become a result; all others have.
    until("every number arrives", async || {
        let counted = counted(&platform.http).await?;
        let missing = (1..=last).filter(|it| !counted.contains_key(it) && !cuts.contains(it));
        (missing.count() == 0).then_some(())
    })
    .await;
    let counted = counted(&platform.http).await.unwrap();
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
}

/// The parts of a platform as processes of their own.
struct Parts {
    folder: TempDir,
    prosody: Prosody,
    http: String,
    api: Process,
    agents: Vec<Process>,
}

const DOMAIN: &str = "parts.test";

impl Parts {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let prepared =
            Prosody::prepare(&at("xmpp"), DOMAIN, free_from(free_port()).unwrap()).unwrap();
        for name in ["registry", "aggregator", "counter"] {
            prepared.add(name, &format!("password of {name}").as_str().into()).await.unwrap();
            fs::write(at(name), format!("password of {name}\n")).unwrap();
        }
        let prosody = prepared.start().await.unwrap();
        let port = free_port();
        let http = format!("http://127.0.0.1:{port}");
        let api = format!(
            "listen = \"127.0.0.1:{port}\"\ndatabase = \"sqlite://vedette.db\"\n\
             [tsa]\nown = \"tsa\"\n[auth]\nanonymous = \"read\"\n\
             [[auth.token]]\nname = \"aggregator\"\nrole = \"agent\"\nfile = \"token\"\n"
        );
        fs::write(at("api.toml"), api).unwrap();
        let api = Self::start_api(folder.path());
        until("the API", async || get(&http, "/api/v1/summary").await).await;
        let head = |role: &str, name: &str| {
            format!(
                "role = \"{role}\"\njid = \"{name}@{DOMAIN}\"\npassword_file = \"{name}\"\n\
                 server = \"{}\"\nca = \"xmpp/ca.pem\"\nstate = \"state-{name}\"\n",
                prosody.address()
            )
        };
        let members = format!("[\"aggregator@{DOMAIN}\", \"counter@{DOMAIN}\"]");
        let registrar = format!(
            "{}contacts = {members}\n[[behaviour]]\nrun = \"register\"\nmembers = {members}\n",
            head("registrar", "registry")
        );
        let aggregator = format!(
            "{}[[behaviour]]\nrun = \"anchor\"\nurl = \"{http}/tsr\"\nanchor = \"tsa/anchor.pem\"\n\
             [[behaviour]]\nrun = \"forward\"\napi = \"{http}\"\ntoken_file = \"token\"\n",
            head("aggregator", "aggregator")
        );
        let counter =
            format!("{}{}", head("probe", "counter"), counting(&at("counter-file"), "100ms"));
        let mut agents = Vec::new();
        for (name, text) in
            [("registry", registrar), ("aggregator", aggregator), ("counter", counter)]
        {
            let file = at(&format!("{name}.toml"));
            fs::write(&file, text).unwrap();
            let mut command = vedette();
            command.args(["agent", "run"]).arg(&file);
            agents.push(Process::start(&mut command, &at(&format!("{name}.log"))));
        }
        Self { folder, prosody, http, api, agents }
    }

    fn start_api(folder: &Path) -> Process {
        let mut command = vedette();
        command.args(["api", "--config"]).arg(folder.join("api.toml"));
        Process::start(&mut command, &folder.join("api.log"))
    }

    fn counter(&self) -> u64 {
        let text = fs::read_to_string(self.folder.path().join("counter-file"));
        text.unwrap_or_default().trim().parse().unwrap_or(0)
    }
}

#[tokio::test]
async fn results_wait_for_an_api_that_is_away_and_arrive_once() {
    let mut parts = Parts::start().await;
    until("it counts", async || (parts.counter() > 10).then_some(())).await;
    parts.api.signal(Signal::KILL);
    parts.api.end().await;
    let before = parts.counter();
    until("it goes on counting", async || (parts.counter() > before + 30).then_some(())).await;
    assert_eq!(counted(&parts.http).await, None, "somebody answers");
    parts.api = Parts::start_api(parts.folder.path());
    until("the API", async || get(&parts.http, "/api/v1/summary").await).await;
    let last = parts.counter();
    all_arrive(&parts.http, last).await;
    for agent in &mut parts.agents {
        assert_eq!(agent.stop().await.code(), Some(0));
    }
    parts.prosody.stop().await;
}

#[tokio::test]
async fn a_killed_aggregator_has_forgotten_nothing() {
    let mut parts = Parts::start().await;
    until("it counts", async || (parts.counter() > 10).then_some(())).await;
    let aggregator = &mut parts.agents[1];
    aggregator.signal(Signal::KILL);
    aggregator.end().await;
    sleep(Duration::from_secs(1)).await;
    let mut command = vedette();
    command.args(["agent", "run"]).arg(parts.folder.path().join("aggregator.toml"));
    parts.agents[1] = Process::start(&mut command, &parts.folder.path().join("aggregator.log"));
    let last = parts.counter() + 10;
    all_arrive(&parts.http, last).await;
    parts.prosody.stop().await;
}

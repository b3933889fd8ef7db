//! From a check to its stamped row in the database: by a process that starts for it, and by an
//! agent that runs already. Everything is real: Prosody, TLS, the disk queues, the authority, SQL.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints figures and may fail"
)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tokio::time::Instant;

const COLD: usize = 40;
const WARM: usize = 200;

/// A platform that is killed when dropped.
struct Platform(Child);

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What comes over the events of the API.
struct Events {
    answer: reqwest::Response,
    read: String,
}

impl Events {
    async fn open(http: &str) -> Self {
        let url = format!("{http}/api/v1/events?topics=tst");
        Self { answer: reqwest::get(url).await.unwrap(), read: String::new() }
    }

    /// The item that was stamped next.
    async fn next(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                let uuid = data.map(|it| serde_json::from_str::<Value>(it).unwrap());
                let (uuid, rest) = (uuid, rest.to_owned());
                self.read = rest;
                if let Some(uuid) = uuid.as_ref().and_then(|it| it["uuid"].as_str()) {
                    return uuid.to_owned();
                }
                continue;
            }
            let chunk = self.answer.chunk().await.unwrap().unwrap();
            self.read.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

fn write_agent(folder: &Path, name: &str, xmpp: &str, behaviour: &str) {
    let agents = folder.join("agents");
    fs::create_dir_all(&agents).unwrap();
    let text = format!(
        "role = \"probe\"\njid = \"{name}@vedette.local\"\npassword_file = \"../secrets/{name}\"\n\
         server = \"{xmpp}\"\nca = \"../xmpp/ca.pem\"\nstate = \"../state-{name}\"\n\n\
         [[behaviour]]\nrun = \"check\"\ncommand = [\"date\", \"+%s%N\"]\n{behaviour}"
    );
    fs::write(agents.join(format!("{name}.toml")), text).unwrap();
}

fn up(folder: &Path) -> (Platform, Value) {
    let ready = folder.join("ready.json");
    drop(fs::remove_file(&ready));
    let child = Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["--log", "warn", "up", "--data"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let platform = Platform(child);
    loop {
        let text = fs::read_to_string(&ready).unwrap_or_default();
        if let Ok(ready) = serde_json::from_str(&text) {
            return (platform, ready);
        }
        std::thread::yield_now();
    }
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (middle, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: {} times: p50 {middle:.1?}, p99 {late:.1?}", times.len());
}

async fn cold(folder: &Path, http: &str) {
    let mut times = Vec::new();
    for _ in 0..COLD {
        let mut events = Events::open(http).await;
        let started = Instant::now();
        let mut probe = Command::new(env!("CARGO_BIN_EXE_vedette"))
            .args(["--log", "warn", "agent", "run"])
            .arg(folder.join("agents/cold.toml"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        events.next().await;
        times.push(started.elapsed());
        probe.wait().unwrap();
    }
    tell("cold probe process → stamped row", times);
}

async fn warm(http: &str) {
    let mut events = Events::open(http).await;
    let mut seen = Vec::new();
    while seen.len() < WARM {
        let uuid = events.next().await;
        seen.push((uuid, SystemTime::now().duration_since(UNIX_EPOCH).unwrap()));
    }
    let mut times = Vec::new();
    for (uuid, stamped) in seen {
        let url = format!("{http}/api/v1/items/{uuid}");
        let item: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let began: u64 = item["decoded"].as_str().unwrap().trim().parse().unwrap();
        times.push(stamped.saturating_sub(Duration::from_nanos(began)));
    }
    tell("warm probe, check → stamped row", times);
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    // The first run makes the accounts and tells where the server is.
    write_agent(folder.path(), "cold", "127.0.0.1:5222", "");
    let (platform, ready) = up(folder.path());
    let (http, xmpp) = (ready["http"].as_str().unwrap(), ready["xmpp"].as_str().unwrap());
    write_agent(folder.path(), "cold", xmpp, "");
    cold(folder.path(), http).await;
    drop(platform);

    fs::remove_file(folder.path().join("agents/cold.toml")).unwrap();
    write_agent(folder.path(), "warm", xmpp, "every = \"50ms\"\n");
    let (platform, ready) = up(folder.path());
    warm(ready["http"].as_str().unwrap()).await;
    let pid = platform.0.id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("the whole platform: {peak}");
}

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The command itself.
pub(crate) fn vedette() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vedette"))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A process that is killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let out = log.try_clone().unwrap();
        Self(command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.0.id(), signal);
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        until("the process ends", async || self.0.try_wait().unwrap()).await
    }

    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// `vedette up` in a folder of its own.
pub(crate) struct Platform {
    pub(crate) folder: TempDir,
    pub(crate) process: Process,
    pub(crate) http: String,
    arguments: Vec<String>,
}

impl Platform {
    pub(crate) async fn up(arguments: &[&str]) -> Self {
        Self::up_in(tempfile::tempdir().unwrap(), arguments).await
    }

    pub(crate) async fn up_in(folder: TempDir, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let process = Self::spawn(folder.path(), &arguments);
        let mut platform = Self { folder, process, http: String::new(), arguments };
        platform.wait_until_ready().await;
        platform
    }

    /// Starts again what has ended.
    pub(crate) async fn up_again(&mut self) {
        self.process = Self::spawn(self.folder.path(), &self.arguments);
        self.wait_until_ready().await;
    }

    fn spawn(folder: &Path, arguments: &[String]) -> Process {
        let data = folder.join("data");
        let mut command = vedette();
        command.arg("up").arg("--data").arg(data).args(arguments);
        Process::start(&mut command, &folder.join("log"))
    }

    async fn wait_until_ready(&mut self) {
        let path = self.data("ready.json");
        let pid = self.process.0.id();
        let process = &mut self.process.0;
        let log = self.folder.path().join("log");
        let ready = until("ready.json", async || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("it ended with {status}: {}", fs::read_to_string(&log).unwrap());
            }
            let ready: Value = serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?;
            (ready["pid"] == pid).then_some(ready)
        })
        .await;
        self.http = ready["http"].as_str().unwrap().to_owned();
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    pub(crate) fn xmpp_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data("xmpp/prosody.pid")).ok()?;
        text.trim().parse().ok()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        get(&self.http, path).await.expect("the API answers")
    }

    pub(crate) async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = reqwest::get(format!("{}{path}", self.http)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }
}

/// What the API answers, if it does.
pub(crate) async fn get(http: &str, path: &str) -> Option<Value> {
    let answer = reqwest::get(format!("{http}{path}")).await.ok()?;
    answer.json().await.ok()
}

/// All numbers that a counting probe had stored, and how often each.
pub(crate) async fn counted(http: &str) -> Option<BTreeMap<u64, usize>> {
    let mut counted = BTreeMap::new();
    let mut path = "/api/v1/items?type=count&limit=500".to_owned();
    loop {
        let page = get(http, &path).await?;
        for item in page["items"].as_array()? {
            let number = item["summary"].as_str()?.parse().ok()?;
            *counted.entry(number).or_insert(0) += 1;
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/items?type=count&limit=500&cursor={next}"),
            None => return Some(counted),
        }
    }
}

/// A check that counts: 1, 2, 3, …, also over restarts.
pub(crate) fn counting(counter: &Path, every: &str) -> String {
    let counter = counter.display();
    let script = format!(
        "n=$(cat {counter} 2>/dev/null || echo 0); n=$((n+1)); echo $n >{counter}; echo $n"
    );
    format!(
        "[[behaviour]]\nrun = \"check\"\ntype = \"count\"\nevery = \"{every}\"\n\
         command = [\"sh\", \"-c\", {script:?}]\n"
    )
}

/// Decodes the raw payload of an item.
pub(crate) fn raw(item: &Value) -> String {
    let raw = item["record"]["payload"]["raw"].as_str().unwrap();
    String::from_utf8(BASE64_STANDARD.decode(raw).unwrap()).unwrap()
}

/// A free port of the loopback address.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

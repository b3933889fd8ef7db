//! Everything is killed between the token of a batch and its commit: nothing is lost, nothing is
//! there twice, and all that was proven stays so.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::{
    parts::{DOMAIN, Part, Parts},
    support::{counted, counting, get, run, stdout, until, vedette},
};

const COUNTER: &str = "counter";

/// Stands between the aggregator and the authority, and tells of each token that passes.
struct Gate {
    address: std::net::SocketAddr,
    passed: watch::Receiver<()>,
    /// Keeps tokens, instead of letting them pass.
    keeps: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

impl Gate {
    async fn before(http: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, passed) = watch::channel(());
        let keeps = Arc::new(AtomicBool::new(false));
        let (url, keeps_too) = (format!("{http}/tsr"), Arc::clone(&keeps));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(pass(stream, url.clone(), tell.clone(), Arc::clone(&keeps_too)));
            }
        });
        Self { address, passed, keeps, _task: task }
    }

    /// The next token that the authority makes.
    async fn token(&mut self) {
        self.passed.mark_unchanged();
        self.passed.changed().await.unwrap();
    }
}

async fn pass(
    mut stream: TcpStream,
    url: String,
    tell: watch::Sender<()>,
    keeps: Arc<AtomicBool>,
) -> Option<()> {
    let mut received = Vec::new();
    let query = loop {
        if stream.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
        let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: "))?;
        let length: usize = length.parse().ok()?;
        if let Some(body) = received.get(end + 4..end + 4 + length) {
            break body.to_vec();
        }
    };
    let asked = reqwest::Client::new().post(url).body(query);
    let asked = asked.header("content-type", "application/timestamp-query").send().await.ok()?;
    let token = asked.bytes().await.ok()?;
    if keeps.load(Ordering::SeqCst) {
        tell.send(()).ok()?;
        return std::future::pending().await;
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/timestamp-reply\r\n\r\n",
        token.len()
    );
    stream.write_all(&[head.as_bytes(), &token].concat()).await.ok()?;
    tell.send(()).ok()
}

fn counter(parts: &Parts) -> u64 {
    let text = fs::read_to_string(parts.file(COUNTER)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Saves the evidence of an item that is proven, the newest one.
async fn evidence(parts: &Parts, name: &str) -> PathBuf {
    let uuid = until("an item is proven", async || {
        let page = get(&parts.http, "/api/v1/items?type=count&limit=500").await?;
        let mut items = page["items"].as_array()?.iter();
        items.find(|it| it["proof"] == "stamped")?["uuid"].as_str().map(str::to_owned)
    })
    .await;
    let url = format!("{}/api/v1/items/{uuid}/evidence", parts.http);
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    fs::write(parts.file(name), answer.bytes().await.unwrap()).unwrap();
    parts.file(name)
}

fn verify(parts: &Parts, bundle: &Path) -> Value {
    let mut verify = vedette();
    verify.arg("verify").arg(bundle).arg("--json");
    let output = run(verify.arg("--anchor").arg(parts.file("tsa/anchor.pem")));
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// `kill -9` for everything, and everything again.
async fn cut(parts: &mut Parts) {
    let members = ["aggregator", "prober", "registry"];
    parts.api.signal(Signal::KILL);
    for name in members {
        parts.agent(name).signal(Signal::KILL);
    }
    parts.api.end().await;
    for name in members {
        parts.agent(name).end().await;
    }
    parts.start_api();
    until("the API", async || get(&parts.http, "/api/v1/summary").await).await;
    for name in members {
        parts.start(name);
    }
}

#[tokio::test]
async fn a_death_between_a_token_and_its_commit_loses_and_doubles_nothing() {
    let mut parts = Parts::with(&[
        Part::new("aggregator", "aggregator", ""),
        Part::new("probe", "prober", counting(Path::new(COUNTER), "100ms")),
    ])
    .await;
    let mut gate = Gate::before(&parts.http).await;
    let file = parts.file("aggregator.toml");
    let text = fs::read_to_string(&file).unwrap();
    let through = text.replace(&format!("{}/tsr", parts.http), &format!("http://{}", gate.address));
    assert_ne!(text, through);
    fs::write(file, through).unwrap();
    for name in ["aggregator", "prober"] {
        parts.start(name);
    }
    let before = evidence(&parts, "before.asics").await;

    let mut cuts = Vec::new();
    // A token that never comes, one that has just come, and one that is being written down.
    for (keeps, wait) in [(true, 0), (false, 0), (false, 2), (false, 6), (false, 15)] {
        gate.keeps.store(keeps, Ordering::SeqCst);
        gate.token().await;
        sleep(Duration::from_millis(wait)).await;
        gate.keeps.store(false, Ordering::SeqCst);
        cut(&mut parts).await;
        cuts.push(counter(&parts));
        gate.token().await;
    }

    let last = counter(&parts);
    // The number at which the probe was killed may never have become a result; all others have.
    until("every number arrives", async || {
        let counted = counted(&parts.http).await?;
        let is_cut = |it: &u64| cuts.iter().any(|cut| cut.abs_diff(*it) <= 1);
        (1..=last).all(|it| counted.contains_key(&it) || is_cut(&it)).then_some(())
    })
    .await;
    let counted = counted(&parts.http).await.unwrap();
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
    until("every number is proven", async || {
        let summary = get(&parts.http, "/api/v1/summary").await?;
        (summary["items"]["pending"].as_u64()? < 15).then_some(())
    })
    .await;

    for name in ["prober", "aggregator"] {
        let path = format!("/api/v1/agents/{name}@{DOMAIN}/completeness");
        let chain = until("the chain is whole", async || {
            let chain = get(&parts.http, &path).await?;
            (chain["missing"] == 0).then_some(chain)
        })
        .await;
        assert_eq!(
            (&chain["gaps"], &chain["breaks"]),
            (&Value::Array(vec![]), &Value::Array(vec![]))
        );
    }
    let deeds = get(&parts.http, "/api/v1/audit").await.unwrap();
    let deeds: Vec<&Value> =
        deeds["items"].as_array().unwrap().iter().map(|it| &it["deed"]).collect();
    assert!(!deeds.iter().any(|it| *it == "log-gap" || *it == "log-fork"), "{deeds:?}");

    // What is stored is gone over at every start.
    parts.api.signal(Signal::KILL);
    parts.api.end().await;
    parts.start_api();
    let report = until("it is checked", async || {
        let report = get(&parts.http, "/api/v1/integrity").await?;
        (report["state"] != "checking").then_some(report)
    })
    .await;
    assert_eq!(report["state"], "sound", "{report}");

    let after = evidence(&parts, "after.asics").await;
    let [early, late] = [before, after].map(|it| verify(&parts, &it));
    assert!(early["log"]["size"].as_u64() < late["log"]["size"].as_u64(), "{early} {late}");
    parts.stop().await;
}

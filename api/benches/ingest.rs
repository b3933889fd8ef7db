//! How many items a second are stored, through HTTP on loopback, on disk before the answer.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where something is wrong"
)]

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use api::{Api, Auth, Config, Limits, Role, Token, Tsa};
use base64::{Engine, prelude::BASE64_STANDARD};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use evidence::{
    BatchTree, OwnAuthority, Record, Request, accept,
    log::{Checkpoint, Peaks},
};
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// An API with an agent that sends to it.
struct World {
    api: Api,
    client: Client,
    token: String,
    raw: String,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("agent.token");
        let token = Token { name: "agent".to_owned(), role: Role::Agent, file: file.clone() };
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: folder.path().join("vedette.db"),
            tsa: Tsa { own: Some(folder.path().join("tsa")), ..Tsa::default() },
            auth: Auth { tokens: vec![token], ..Auth::default() },
            limits: Limits::default(),
        };
        let api = Api::start(config).await.unwrap();
        let token = std::fs::read_to_string(file).unwrap().trim().to_owned();
        let raw = BASE64_STANDARD.encode("LISTEN 0 4096 127.0.0.1:8000 0.0.0.0:*\n".repeat(8));
        Self { api, client: Client::new(), token, raw, folder }
    }

    fn item(&self) -> Value {
        json!({
            "version": "1",
            "format": "raw",
            "meta": {
                "uuid": Uuid::new_v4(),
                "ts": 1_700_000_000,
                "type": "check",
                "source": "probe1@vedette.local",
            },
            "payload": { "raw": self.raw, "verdict": "pass", "exit": 0, "took_ms": 12 },
        })
    }

    fn body(&self, batch: u64) -> String {
        if batch == 1 {
            return self.item().to_string();
        }
        (0..batch).map(|_| self.item()).collect::<Value>().to_string()
    }

    async fn post(&self, body: String) {
        self.send("items", body).await;
    }

    async fn send(&self, what: &str, body: String) {
        let response = self
            .client
            .post(format!("http://{}/api/v1/{what}", self.api.address()))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status();
        assert!(status.is_success(), "{status}: {}", response.text().await.unwrap());
        response.bytes().await.unwrap();
    }
}

fn ingest(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, batch, together) in [
        ("1 item", 1, 1),
        ("1 item, 64 senders", 1, 64),
        ("100 items", 100, 1),
        ("4096 items", 4096, 1),
    ] {
        let world = runtime.block_on(World::start());
        group.throughput(Throughput::Elements(batch * together));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (0..together).map(|_| world.body(batch)).collect::<Vec<_>>(),
                |bodies| {
                    runtime.block_on(join_all(bodies.into_iter().map(|body| world.post(body))));
                },
                criterion::BatchSize::PerIteration,
            );
        });
        runtime.block_on(world.api.stop());
    }
    group.finish();
}

/// Items, and the proof over all of them with which a log goes on: whatever an aggregator sends for
/// one request to an authority.
fn prove(criterion: &mut Criterion) {
    const BATCH: usize = 4096;
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let authority = OwnAuthority::open(&world.folder.path().join("tsa")).unwrap();
    let mut log = Peaks::default();
    let mut group = criterion.benchmark_group("prove");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap()));
    group.bench_function("4096 items and their proof", |bencher| {
        bencher.iter_batched(
            || {
                let items: Vec<Value> = (0..BATCH).map(|_| world.item()).collect();
                let proof = proof(&items, &mut log, &authority);
                (Value::from(items).to_string(), proof.to_string())
            },
            |(items, proof)| {
                runtime.block_on(async {
                    world.post(items).await;
                    world.send("proofs", proof).await;
                });
            },
            criterion::BatchSize::PerIteration,
        );
    });
    runtime.block_on(world.api.stop());
    group.finish();
}

fn proof(items: &[Value], log: &mut Peaks, authority: &OwnAuthority) -> Value {
    let before = log.clone();
    let mut leaves: Vec<_> = items.iter().map(|it| Record::of(it).unwrap().digest()).collect();
    log.extend(&leaves);
    let (origin, size, root) = ("bench@test".to_owned(), log.size(), log.root());
    let checkpoint = Checkpoint { origin, size, root }.unsigned();
    let named: Vec<Value> = items
        .iter()
        .zip(&leaves)
        .map(|(item, leaf)| json!({ "uuid": item["meta"]["uuid"], "sha256": hex::encode(leaf) }))
        .collect();
    leaves.push(checkpoint.digest());
    let root = BatchTree::new(leaves).unwrap().root();
    let request = Request::new(&root);
    let answer = authority.respond(&request.to_der());
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let skew = Duration::from_mins(5);
    let (token, _) = accept(&answer, &request, &authority.authority(), now, skew).unwrap();
    json!({
        "batch": Uuid::new_v4(), "authority": "own", "leaves": named, "root": hex::encode(root),
        "token": BASE64_STANDARD.encode(token),
        "log": {
            "first": before.size(),
            "peaks": before.roots().iter().map(hex::encode).collect::<Vec<_>>(),
            "checkpoint": checkpoint.note,
        },
    })
}

criterion_group!(benches, ingest, prove);
criterion_main!(benches);

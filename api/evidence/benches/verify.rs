//! How fast records are made canonical, batches are hashed and tokens are verified.

#![expect(clippy::unwrap_used, reason = "without a token there is nothing to measure")]

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use evidence::{BatchTree, Digest, OwnAuthority, Record, Request, accept, sha256, verify};

fn records(criterion: &mut Criterion) {
    let json = item();
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Bytes(u64::try_from(json.len()).unwrap_or_default()));
    group.bench_function("parse and digest an item of 1 KB", |bencher| {
        bencher.iter(|| Record::parse(black_box(&json)).map(|record| record.digest()));
    });
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let leaves: Vec<Digest> = (0..4096_u32).map(|leaf| sha256(&leaf.to_be_bytes())).collect();
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(4096));
    group.bench_function("hash 4096 leaves", |bencher| {
        bencher.iter(|| BatchTree::new(black_box(leaves.clone())));
    });
    group.finish();
}

fn tokens(criterion: &mut Criterion) {
    let (tsa, _) = OwnAuthority::create().unwrap();
    let (authority, digest) = (tsa.authority(), sha256(b"data"));
    let request = Request::new(&digest);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let answer = tsa.respond(&request.to_der());
    let (token, _) = accept(&answer, &request, &authority, now.as_secs(), now).unwrap();
    let mut group = criterion.benchmark_group("token");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify with its chain (P-256)", |bencher| {
        bencher.iter(|| verify(black_box(&token), &digest, &authority));
    });
    group.bench_function("answer a request (P-256)", |bencher| {
        bencher.iter(|| tsa.respond(black_box(&request.to_der())));
    });
    group.finish();
}

fn item() -> Vec<u8> {
    let raw = "bGlzdGVuaW5nIG9uIDAuMC4wLjA6MjIK".repeat(24);
    let item = serde_json::json!({
        "version": "1",
        "format": "raw",
        "meta": {
            "uuid": "00000000-0000-4000-8000-000000000001",
            "ts": 1_790_000_000,
            "type": "check",
            "source": "probe1@vedette.local",
        },
        "payload": {"raw": raw, "verdict": "ok", "exit": 0, "took_ms": 12.5},
    });
    item.to_string().into_bytes()
}

criterion_group!(benches, records, batches, tokens);
criterion_main!(benches);

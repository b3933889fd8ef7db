//! How fast records are made canonical, batches are hashed and tokens are verified.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "without a token there is nothing to measure"
)]

#[allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "the tests use all of it, and here it is about keys"
)]
#[path = "../tests/evidence/forge.rs"]
mod forge;

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use evidence::log::{Peaks, Tail, verify_consistency, verify_inclusion};
use evidence::{BatchTree, Bundle, Digest, OwnAuthority, Record, Request, accept, sha256, verify};
use forge::{DATA, Forge, Kind};

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
    group.bench_function("verify with its chain (own authority)", |bencher| {
        bencher.iter(|| verify(black_box(&token), &digest, &authority));
    });
    for kind in [Kind::Rsa, Kind::P256, Kind::P384, Kind::Ed25519] {
        let forge = Forge::of(kind, |_| {});
        let (token, digest, authority) = (forge.token(), sha256(DATA), forge.authority());
        verify(&token, &digest, &authority).unwrap();
        group.bench_function(format!("verify with its chain ({kind:?})"), |bencher| {
            bencher.iter(|| verify(black_box(&token), &digest, &authority));
        });
    }
    group.bench_function("answer a request (P-256)", |bencher| {
        bencher.iter(|| tsa.respond(black_box(&request.to_der())));
    });
    group.finish();
}

/// A log of a million entries that gets a batch more.
fn logs(criterion: &mut Criterion) {
    let entries: Vec<Digest> = (0..1_000_000_u32).map(|it| sha256(&it.to_be_bytes())).collect();
    let mut group = criterion.benchmark_group("log");
    group.sample_size(10);
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("append a million entries", |bencher| {
        bencher.iter(|| {
            let mut log = Peaks::default();
            log.extend(black_box(&entries));
            log.root()
        });
    });
    let mut log = Peaks::default();
    log.extend(&entries);
    let (old, batch) = (log.clone(), &entries[..4096]);
    log.extend(batch);
    let tail = Tail::new(&old, batch);
    let inclusion = tail.inclusion(1_002_000).unwrap();
    let consistency = tail.consistency().unwrap();
    let (size, root, old_root) = (log.size(), log.root(), old.root());
    group.throughput(Throughput::Elements(1));
    group.bench_function("prove one of 4096 new entries", |bencher| {
        bencher.iter(|| tail.inclusion(black_box(1_002_000)));
    });
    group.bench_function("verify an inclusion", |bencher| {
        bencher.iter(|| {
            verify_inclusion(black_box(&batch[2000]), 1_002_000, size, &inclusion, &root).unwrap();
        });
    });
    group.bench_function("verify a consistency", |bencher| {
        let check = || verify_consistency((1_000_000, &old_root), (size, &root), &consistency);
        bencher.iter(|| black_box(check()).unwrap());
    });
    group.finish();
}

fn bundles(criterion: &mut Criterion) {
    let record = Record::parse(&item()).unwrap();
    let mut leaves: Vec<Digest> = (0..4096_u32).map(|leaf| sha256(&leaf.to_be_bytes())).collect();
    leaves[17] = record.digest();
    let tree = BatchTree::new(leaves).unwrap();
    let forge = Forge::new();
    let (token, authorities) = (forge.token_over(&tree.root()), [forge.authority()]);
    let build = || Bundle::build(record.bytes(), &tree.path(17), &token, &authorities[0]).unwrap();
    let file = build();
    let mut group = criterion.benchmark_group("bundle");
    group.throughput(Throughput::Elements(1));
    group.bench_function("build, one of 4096", |bencher| bencher.iter(build));
    group.bench_function("read and verify, one of 4096 (P-256)", |bencher| {
        bencher.iter(|| Bundle::read(black_box(&file)).unwrap().verify(&authorities).unwrap());
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

criterion_group!(benches, records, batches, tokens, logs, bundles);
criterion_main!(benches);

//! What sealing and opening costs in CPU time, by engine and namespace: one message of the
//! ratchet, whole messages to one device and to 50, and sessions set up.

#![expect(clippy::unwrap_used, reason = "without a session there is nothing to measure")]

use std::{hint::black_box, path::Path, process::Command, time::Duration};

use criterion::{
    BatchSize, Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
#[cfg(feature = "signal")]
use omemo::ratchet::Signal;
use omemo::{
    Bundle, Identity, Namespace, Pair, Prekey, SignedPrekey, payload,
    ratchet::{Own, Ratchet},
};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process, since the machine may be busy with other things.
struct Cpu;

impl Measurement for Cpu {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// The key of a payload and what authenticates it.
const KEY: [u8; 48] = [7; 48];

/// A device with one prekey.
struct Device {
    identity: Identity,
    signed_prekey: Pair,
    prekey: Pair,
    bundle: Bundle,
}

impl Device {
    fn new(namespace: Namespace) -> Self {
        let (identity, signed_prekey, prekey) =
            (Identity::random(), Pair::random(), Pair::random());
        let key = signed_prekey.public;
        let signature = identity.sign_prekey(namespace, &key);
        let bundle = Bundle {
            identity: identity.key(),
            sign: Some(0),
            signed_prekey: SignedPrekey { id: 1, key, signature },
            prekeys: vec![Prekey { id: 1, key: prekey.public }],
        };
        Self { identity, signed_prekey, prekey, bundle }
    }

    fn begin<R: Ratchet>(&self, namespace: Namespace, other: &Self) -> R {
        R::initiate(namespace, &self.identity, &other.bundle, 1).unwrap()
    }

    fn answer<R: Ratchet>(&self, namespace: Namespace, bytes: &[u8]) -> R {
        let (own, spk, pk) = (&self.identity, &self.signed_prekey, &self.prekey);
        R::respond(namespace, own, spk, pk, bytes).unwrap().0
    }
}

/// Two sessions with each other that have answered each other.
fn pair<R: Ratchet>(namespace: Namespace) -> (R, R) {
    let (a, b) = (Device::new(namespace), Device::new(namespace));
    let mut one = a.begin::<R>(namespace, &b);
    let mut other = b.answer::<R>(namespace, &one.seal(&KEY).unwrap().bytes);
    pass(&mut other, &mut one);
    pass(&mut one, &mut other);
    (one, other)
}

fn pass<R: Ratchet>(from: &mut R, to: &mut R) {
    let sealed = from.seal(&KEY).unwrap();
    to.open(&sealed.bytes, sealed.exchange).unwrap();
}

fn engine<R: Ratchet>(criterion: &mut Criterion<Cpu>, name: &str, namespace: Namespace) {
    let mut group = criterion.benchmark_group(format!("ratchet/{name}"));
    group.throughput(Throughput::Elements(1));
    let (mut one, _) = pair::<R>(namespace);
    group.bench_function("seal in a chain", |bencher| bencher.iter(|| one.seal(black_box(&KEY))));
    let (mut one, mut other) = pair::<R>(namespace);
    group.bench_function("open in a chain", |bencher| {
        bencher.iter_batched(
            || one.seal(&KEY).unwrap().bytes,
            |bytes| other.open(&bytes, false).unwrap(),
            BatchSize::NumIterations(500),
        );
    });
    group.bench_function("save", |bencher| bencher.iter(|| other.save()));
    let saved = other.save();
    group.bench_function("load", |bencher| bencher.iter(|| R::load(&saved).unwrap()));
    group.throughput(Throughput::Elements(2));
    group.bench_function("ping and pong, both sides", |bencher| {
        bencher.iter(|| {
            pass(&mut one, &mut other);
            pass(&mut other, &mut one);
        });
    });

    group.throughput(Throughput::Elements(1));
    let (a, b) = (Device::new(namespace), Device::new(namespace));
    group.bench_function("set up, who begins", |bencher| {
        bencher.iter(|| a.begin::<R>(namespace, &b).seal(&KEY).unwrap());
    });
    let first = a.begin::<R>(namespace, &b).seal(&KEY).unwrap().bytes;
    group.bench_function("set up, who answers", |bencher| {
        bencher.iter(|| b.answer::<R>(namespace, &first));
    });
    group.finish();
}

/// Whole messages: the payload once, its key for each device, each session saved.
fn messages<R: Ratchet>(criterion: &mut Criterion<Cpu>, name: &str, namespace: Namespace) {
    let mut group = criterion.benchmark_group(format!("message/{name}"));
    for (size, length) in [("1 KB", 1024), ("64 KB", 65_536)] {
        let plain = vec![b'x'; length];
        group.throughput(Throughput::Bytes(u64::try_from(length).unwrap()));
        let sealed = payload::seal(namespace, &plain);
        group.bench_function(format!("{size}, payload seal"), |bencher| {
            bencher.iter(|| payload::seal(namespace, black_box(&plain)));
        });
        group.bench_function(format!("{size}, payload open"), |bencher| {
            bencher.iter(|| payload::open(namespace, &sealed.cipher, &sealed.iv, &sealed.key));
        });
        for devices in [1, 50] {
            let mut pairs: Vec<_> = (0..devices).map(|_| pair::<R>(namespace)).collect();
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("{size}, seal for {devices}"), |bencher| {
                bencher.iter(|| {
                    let sealed = payload::seal(namespace, black_box(&plain));
                    for (session, _) in &mut pairs {
                        black_box(session.seal(&sealed.key).unwrap());
                        black_box(session.save());
                    }
                });
            });
        }
        let (mut one, mut other) = pair::<R>(namespace);
        group.bench_function(format!("{size}, open"), |bencher| {
            bencher.iter_batched(
                || {
                    let sealed = payload::seal(namespace, &plain);
                    (one.seal(&sealed.key).unwrap().bytes, sealed)
                },
                |(bytes, sealed)| {
                    let key = other.open(&bytes, false).unwrap();
                    black_box(other.save());
                    payload::open(namespace, &sealed.cipher, &sealed.iv, &key).unwrap()
                },
                BatchSize::NumIterations(100),
            );
        });
    }
    group.finish();
}

fn bundles(criterion: &mut Criterion<Cpu>) {
    let mut group = criterion.benchmark_group("bundle");
    for namespace in Namespace::ALL {
        let mut device = Device::new(namespace);
        device.bundle.prekeys =
            (1..=100).map(|id| Prekey { id, key: Pair::random().public }).collect();
        group.bench_function(format!("check 100 prekeys, {}", namespace.as_str()), |bencher| {
            bencher.iter(|| device.bundle.check(namespace).unwrap());
        });
    }
    group.finish();
}

/// What python-omemo needs for a message, in microseconds.
#[derive(serde::Deserialize)]
struct Theirs {
    seal_us: f64,
    open_us: f64,
}

/// The same whole messages by python-omemo, on this machine and now, where it is installed.
#[expect(clippy::print_stdout, reason = "criterion prints its figures, too")]
fn beside_python() {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/omemo/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/python.py");
    if !Path::new(tools).exists() {
        println!("python-omemo is not installed, so there is no ratio: `make omemo` installs it");
        return;
    }
    for (namespace, name) in Namespace::ALL.into_iter().zip(["axolotl", "omemo:2"]) {
        let run = Command::new(tools).args([script, name, "1024", "500"]).output().unwrap();
        let theirs: Theirs = serde_json::from_slice(&run.stdout).unwrap();
        let [sealing, opening] = ours(namespace, 1024, 5000);
        for (what, ours, theirs) in
            [("seal", sealing, theirs.seal_us), ("open", opening, theirs.open_us)]
        {
            let ratio = theirs / ours;
            println!(
                "{what} 1 KB, {name}: {ours:.1} µs, python-omemo {theirs:.1} µs: {ratio:.0} times"
            );
        }
    }
}

/// CPU time of a message, sealed and opened, in microseconds.
fn ours(namespace: Namespace, length: usize, count: u32) -> [f64; 2] {
    let plain = vec![b'x'; length];
    let (mut one, mut other) = pair::<Own>(namespace);
    let begun = Cpu.start();
    let messages: Vec<_> = (0..count)
        .map(|_| {
            let sealed = payload::seal(namespace, &plain);
            let key = one.seal(&sealed.key).unwrap().bytes;
            black_box(one.save());
            (sealed, key)
        })
        .collect();
    let sealing = Cpu.end(begun);
    let begun = Cpu.start();
    for (sealed, key) in messages {
        let key = other.open(&key, false).unwrap();
        black_box(other.save());
        payload::open(namespace, &sealed.cipher, &sealed.iv, &key).unwrap();
    }
    [sealing, Cpu.end(begun)].map(|it| it.as_secs_f64() * 1e6 / f64::from(count))
}

fn all(criterion: &mut Criterion<Cpu>) {
    let [old, new] = Namespace::ALL;
    engine::<Own>(criterion, "own, axolotl", old);
    engine::<Own>(criterion, "own, omemo:2", new);
    messages::<Own>(criterion, "own, axolotl", old);
    messages::<Own>(criterion, "own, omemo:2", new);
    #[cfg(feature = "signal")]
    {
        engine::<Signal>(criterion, "libsignal, axolotl", old);
        messages::<Signal>(criterion, "libsignal, axolotl", old);
    }
    bundles(criterion);
    beside_python();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Cpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = all
}
criterion_main!(benches);

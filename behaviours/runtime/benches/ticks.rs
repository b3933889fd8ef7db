//! Many periodic behaviours in one process: how late their rounds are, what one costs in CPU, and
//! what one weighs.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a benchmark prints figures and may fail"
)]

use std::{
    fs,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use runtime::{Agent, Context, Failure, Hub, MemoryStore, Periodic, Spec, Task};
use tokio::time::Instant;
use types::Announcement;

const BEHAVIOURS: u32 = 100_000;
const EVERY: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 10;
/// Lateness is counted in steps of so many microseconds, up to a second.
const STEP: u64 = 50;

/// How late rounds were.
struct Lateness(Vec<AtomicU64>);

impl Lateness {
    fn note(&self, late: Duration) {
        let step = (late.as_micros() as u64 / STEP).min(self.0.len() as u64 - 1);
        self.0[step as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn rounds(&self) -> u64 {
        self.0.iter().map(|it| it.load(Ordering::Relaxed)).sum()
    }

    fn share(&self, share: f64) -> Duration {
        let wanted = (self.rounds() as f64 * share) as u64;
        let mut seen = 0;
        let step = self.0.iter().position(|it| {
            seen += it.load(Ordering::Relaxed);
            seen >= wanted
        });
        Duration::from_micros((step.unwrap_or(self.0.len()) as u64 + 1) * STEP)
    }
}

/// Notes how late it is.
struct Tick {
    due: Instant,
    lateness: Arc<Lateness>,
}

impl Task for Tick {
    const NAME: &'static str = "tick";

    async fn run(&mut self, _: &mut Context) -> Result<ControlFlow<()>, Failure> {
        self.lateness.note(self.due.elapsed());
        self.due += EVERY;
        Ok(ControlFlow::Continue(()))
    }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let before = resident_kb();
    let lateness = Arc::new(Lateness((0..1_000_000 / STEP).map(|_| AtomicU64::new(0)).collect()));
    let mut agent =
        Agent::new("ticks@bench".into(), Announcement::default(), Arc::new(MemoryStore::default()));
    // Adding them takes a while; then they begin, spread over one period.
    let begin = Instant::now() + Duration::from_secs(3);
    for number in 0..BEHAVIOURS {
        let due = begin + EVERY * number / BEHAVIOURS;
        let lateness = Arc::clone(&lateness);
        agent.add(Spec::default(), move || {
            let tick = Tick { due, lateness: Arc::clone(&lateness) };
            Periodic::new(tick, EVERY).starting_at(due)
        });
    }
    let road = Hub::default().join(agent.door());
    let agent = agent.start(road);
    tokio::time::sleep_until(begin).await;
    let each = (resident_kb() - before) * 1024 / u64::from(BEHAVIOURS);
    let (started, spent, ran) = (Instant::now(), cpu(), lateness.rounds());
    tokio::time::sleep(EVERY * ROUNDS as u32).await;
    let rounds = lateness.rounds() - ran;
    let cost = cpu().saturating_sub(spent).as_secs_f64() * 1e6 / rounds as f64;
    println!(
        "ticks: {BEHAVIOURS} behaviours at {EVERY:?}: {rounds} rounds in {:.1?}, {cost:.2} µs CPU \
         each, {each} bytes a behaviour",
        started.elapsed()
    );
    println!(
        "ticks: lateness p50 {:?}, p99 {:?}, p99.9 {:?}",
        lateness.share(0.5),
        lateness.share(0.99),
        lateness.share(0.999)
    );
    agent.shutdown().await;
}

//! Drives every target for so many seconds, without a fuzzer: `cargo run --release --bin drive -- 300`.

use std::time::{Duration, Instant};

/// Rounds between two looks at the clock.
const ROUNDS: usize = 10_000;

fn main() {
    let argument = |place| std::env::args().nth(place).and_then(|it| it.parse::<u64>().ok());
    let (seconds, mut seed) = (argument(1).unwrap_or(300), argument(2).unwrap_or(1));
    let crates = [runtime::fuzzing::TARGETS, registry::fuzzing::TARGETS, behaviours::fuzzing::TARGETS];
    let targets = crates.concat();
    let share = Duration::from_secs(seconds) / u32::try_from(targets.len()).unwrap_or(1);
    for target in targets {
        let (begun, mut rounds) = (Instant::now(), 0);
        while begun.elapsed() < share {
            println!("{} seed {seed}", target.name);
            target.drive(seed, ROUNDS);
            (seed, rounds) = (seed + 1, rounds + ROUNDS);
        }
        println!("{}: {rounds} executions", target.name);
    }
}

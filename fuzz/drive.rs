//! What every target begins with, for a fuzzer: `drive seeds`, into `corpus/`. Or all of them for
//! so many seconds without one: `drive 300`.

use std::{
    error::Error,
    fs,
    time::{Duration, Instant},
};

/// Rounds between two looks at the clock.
const ROUNDS: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let crates =
        [runtime::fuzzing::TARGETS, registry::fuzzing::TARGETS, behaviours::fuzzing::TARGETS];
    let targets = crates.concat();
    let what = std::env::args().nth(1).unwrap_or_else(|| "300".to_owned());
    if what == "seeds" {
        for target in targets {
            let folder = format!("{}/corpus/{}", env!("CARGO_MANIFEST_DIR"), target.name);
            fs::create_dir_all(&folder)?;
            for (number, seed) in target.seeds.iter().enumerate() {
                fs::write(format!("{folder}/seed{number}"), seed)?;
            }
        }
        return Ok(());
    }
    let mut seed: u64 = std::env::args().nth(2).map_or(Ok(1), |it| it.parse())?;
    let share = Duration::from_secs(what.parse()?) / u32::try_from(targets.len())?;
    for target in targets {
        let (begun, mut rounds) = (Instant::now(), 0);
        while begun.elapsed() < share {
            // Where it panics, this seed makes it panic again.
            eprintln!("{} from seed {seed}", target.name);
            target.drive(seed, ROUNDS);
            (seed, rounds) = (seed + 1, rounds + ROUNDS);
        }
        println!("{}: {rounds} executions", target.name);
    }
    Ok(())
}

//! What every target begins with, for a fuzzer: `drive seeds`, into `corpus/`. Or all of them for
//! so many seconds without one: `drive 300`; or one of them, from a seed: `drive 60 1 session`.

use std::{
    error::Error,
    fs,
    time::{Duration, Instant},
};

use runtime::fuzzing::drive;

/// Rounds between two looks at the clock.
const ROUNDS: usize = 10_000;

/// Something that reads what others wrote.
struct Job {
    name: &'static str,
    read: fn(&[u8]),
    seeds: Vec<Vec<u8>>,
}

fn jobs() -> Vec<Job> {
    let of_text =
        [runtime::fuzzing::TARGETS, registry::fuzzing::TARGETS, behaviours::fuzzing::TARGETS];
    let of_text = of_text.concat().into_iter().map(|it| Job {
        name: it.name,
        read: it.read,
        seeds: it.seeds.iter().map(|it| it.as_bytes().to_vec()).collect(),
    });
    let of_bytes = omemo::fuzzing::TARGETS.iter();
    let of_bytes = of_bytes.map(|it| Job { name: it.name, read: it.read, seeds: (it.seeds)() });
    let of_captures = capture::fuzzing::TARGETS.iter();
    let of_captures =
        of_captures.map(|it| Job { name: it.name, read: it.read, seeds: (it.seeds)() });
    let of_models = model::fuzzing::TARGETS.iter();
    let of_models = of_models.map(|it| Job { name: it.name, read: it.read, seeds: (it.seeds)() });
    of_text.chain(of_bytes).chain(of_captures).chain(of_models).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(3);
    let mut jobs = jobs();
    jobs.retain(|it| only.as_ref().is_none_or(|only| it.name == only));
    let what = std::env::args().nth(1).unwrap_or_else(|| "300".to_owned());
    if what == "seeds" {
        for job in jobs {
            let folder = format!("{}/corpus/{}", env!("CARGO_MANIFEST_DIR"), job.name);
            fs::create_dir_all(&folder)?;
            for (number, seed) in job.seeds.iter().enumerate() {
                fs::write(format!("{folder}/seed{number}"), seed)?;
            }
        }
        return Ok(());
    }
    let mut seed: u64 = std::env::args().nth(2).map_or(Ok(1), |it| it.parse())?;
    let share = Duration::from_secs(what.parse()?) / u32::try_from(jobs.len().max(1))?;
    for job in jobs {
        let (begun, mut rounds) = (Instant::now(), 0);
        while begun.elapsed() < share {
            // Where it panics, this seed makes it panic again.
            eprintln!("{} from seed {seed}", job.name);
            drive(job.read, job.seeds.clone(), seed, ROUNDS);
            (seed, rounds) = (seed + 1, rounds + ROUNDS);
        }
        println!("{}: {rounds} executions", job.name);
    }
    Ok(())
}

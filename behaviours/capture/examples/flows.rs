//! Captures → flows, a JSON object a line: `flows [--checksums] FILE…`.

use std::{io::Write as _, path::Path};

use capture::{Engine, File, Seen, Settings, merge};

fn main() {
    let mut settings = Settings { active: 0.0, max_flows: 4_000_000, ..Settings::default() };
    let mut files = Vec::new();
    let (mut quiet, mut ids) = (false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--checksums" => settings.verify_checksums = true,
            "--bare" => settings.metadata = false,
            "--quiet" => quiet = true,
            "--cid" => ids = true,
            path => match File::open(Path::new(path)) {
                Ok(file) => files.push(file),
                Err(error) => complain(&error),
            },
        }
    }
    let mut engine = Engine::new(settings);
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut tell = |seen: Seen| {
        if quiet {
            return;
        }
        let Ok(mut value) = serde_json::to_value(&seen) else { return };
        if ids && let (Seen::Flow(flow), Some(value)) = (&seen, value.as_object_mut()) {
            value.insert("cid".to_owned(), flow.community_id(0).into());
        }
        if let Ok(line) = serde_json::to_string(&value) {
            drop(writeln!(output, "{line}"));
        }
    };
    merge(files, &mut |frame| engine.frame(frame, &mut tell), &mut |error| complain(&error));
    engine.finish(&mut tell);
    drop(writeln!(std::io::stderr(), "{:?}", engine.counters()));
}

fn complain(error: &dyn std::error::Error) {
    drop(writeln!(std::io::stderr(), "{error}"));
}

//! What is analysed: captures, and the logs of other programs; and the lists of who is known.

use std::{
    fs,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use agents::Clock;
use capture::{File, FileError, Moment, Seen, logs};
use model::intel::{Defaults, Format, Intelligence, Loaded};

use crate::exit::Failure;

/// How many mistakes of a file are told one by one.
const TOLD: usize = 5;

/// One thing to be read.
pub(super) enum Source {
    Capture(Box<File>),
    Log(PathBuf),
}

impl Source {
    pub(super) fn is_capture(&self) -> bool {
        matches!(self, Self::Capture(_))
    }

    pub(super) fn capture(self) -> Option<File> {
        match self {
            Self::Capture(file) => Some(*file),
            Self::Log(_) => None,
        }
    }
}

/// Opens all of them, or tells which cannot be.
pub(super) fn open(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    paths.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> Result<Source, Failure> {
    match File::open(path) {
        Ok(file) => Ok(Source::Capture(Box::new(file))),
        Err(FileError::NotACapture { .. }) if looks_like_a_log(path) => {
            Ok(Source::Log(path.to_owned()))
        }
        Err(error @ FileError::NotACapture { .. }) => Err(Failure::call(error).hint(
            "captures are pcap and pcapng, gzipped or not; Zeek's `conn.log`, Suricata's EVE and \
             the CSV of Argus are read too",
        )),
        Err(error) => Err(Failure::work(error)),
    }
}

/// Whether it is text that starts as one of the logs does.
fn looks_like_a_log(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
    let Ok(text) = std::str::from_utf8(start.get(..start.len().min(512)).unwrap_or_default())
    else {
        return false;
    };
    let has_columns = |line: &str| line.contains(',') && line.split(',').count() > 5;
    read.is_ok()
        && (text.starts_with("#separator")
            || text.starts_with("#fields")
            || text.starts_with('{')
            || text.lines().next().is_some_and(has_columns))
}

/// Reads a log in the order in which its conversations ended, as a probe tells them.
pub(super) fn replay(source: Source, look: &mut impl FnMut(Seen), troubles: &mut Vec<String>) {
    let Source::Log(path) = source else { return };
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) => return troubles.push(format!("cannot read `{}`: {error}", path.display())),
    };
    let (mut all, mut bad, mut told) = (Vec::new(), 0_u64, Vec::new());
    for record in logs::Reader::new(BufReader::new(file)) {
        match record {
            Ok(record) => all.push(record.seen),
            Err(error) => {
                bad += 1;
                if told.len() < TOLD {
                    told.push(format!("`{}`: {error}", path.display()));
                }
            }
        }
    }
    all.sort_by_key(Seen::at);
    all.into_iter().for_each(look);
    troubles.extend(told);
    if bad > u64::try_from(TOLD).unwrap_or(0) {
        troubles.push(format!("`{}`: {bad} lines in all cannot be read", path.display()));
    }
}

/// Loads indicators, in whatever of the known forms they are.
pub(super) fn indicators(intelligence: &mut Intelligence, path: &Path) -> Result<(), Failure> {
    let text = super::read(path)?;
    let source = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let defaults = Defaults { source, ..Defaults::default() };
    // What holds until a time before now is left out.
    let now = Moment(Clock::system().now_ms().saturating_mul(1_000_000));
    tell(path, &intelligence.load(Format::of(path, &text), &text, &defaults, now))
}

/// Loads what is never to be blamed; what a warninglist names stays in sight.
pub(super) fn allowed(intelligence: &mut Intelligence, path: &Path) -> Result<(), Failure> {
    let text = super::read(path)?;
    tell(path, &intelligence.good(Format::of(path, &text), &text))
}

fn tell(path: &Path, loaded: &Loaded) -> Result<(), Failure> {
    for wrong in loaded.told.iter().take(TOLD) {
        tracing::warn!("`{}`, line {}: {}", path.display(), wrong.line, wrong.why);
    }
    if loaded.taken + loaded.known == 0 && loaded.wrong > 0 {
        let what = format!("`{}` holds nothing that could be loaded", path.display());
        let hint = "plain lists, CSV, MISP events and warninglists, and STIX 2.1 bundles are read";
        return Err(Failure::call(what).hint(hint));
    }
    tracing::info!("loaded {} entries of `{}`", loaded.taken, path.display());
    if loaded.not_for_detection > 0 {
        let left = loaded.not_for_detection;
        tracing::info!("{left} of `{}` are hashes of files, or not for detection", path.display());
    }
    Ok(())
}

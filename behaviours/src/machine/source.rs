//! Where a machine comes from: its file, which is looked at again and again.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use runtime::Problem;

use super::definition::Definition;

/// How large a file may be, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A machine's file, and how it looked last.
#[derive(Clone, Debug)]
pub(super) struct Source {
    path: PathBuf,
    /// As it is written where it is named.
    name: String,
    stamp: Option<(Option<SystemTime>, u64)>,
    digest: u64,
    /// Whether the stamp is old enough that every later change has another one.
    is_settled: bool,
}

/// What a look at the file showed.
#[derive(Debug)]
pub(super) enum Look {
    Same,
    Other(Box<Definition>),
    /// It is not in order; what is wrong.
    Wrong(String),
}

impl Source {
    /// Reads a file for the first time; every problem is told with its name.
    pub(super) fn read(
        path: PathBuf,
        name: String,
        problems: &mut Vec<Problem>,
    ) -> Option<(Self, Definition)> {
        let mut source = Self { path, name, stamp: None, digest: 0, is_settled: false };
        let mut found = Vec::new();
        let definition = match source.text() {
            Ok(text) => {
                source.digest = digest(&text);
                parse(&text, &mut found)
            }
            Err(error) => {
                found
                    .push(Problem { key: String::new(), what: format!("cannot be read: {error}") });
                None
            }
        };
        problems.extend(found.into_iter().map(|it| source.locate(it)));
        Some((source, definition?))
    }

    /// Looks whether the file is another one now. What is wrong is told once.
    pub(super) fn look(&mut self) -> Look {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(seen) => Some((seen.modified().ok(), seen.len())),
            Err(_) => None,
        };
        let is_same = stamp == self.stamp;
        if is_same && self.is_settled {
            return Look::Same;
        }
        // Two changes may come within one tick of the file system's clock.
        self.is_settled = is_same;
        self.stamp = stamp;
        let text = match self.text() {
            Ok(text) => text,
            Err(error) => {
                let what = format!("`{}` cannot be read: {error}", self.name);
                let digest = digest(what.as_bytes());
                let is_news = std::mem::replace(&mut self.digest, digest) != digest;
                return if is_news { Look::Wrong(what) } else { Look::Same };
            }
        };
        let digest = digest(&text);
        if std::mem::replace(&mut self.digest, digest) == digest {
            return Look::Same;
        }
        let mut problems = Vec::new();
        if let Some(definition) = parse(&text, &mut problems) {
            return Look::Other(Box::new(definition));
        }
        let told = problems.into_iter().map(|it| self.locate(it).to_string());
        Look::Wrong(told.collect::<Vec<_>>().join("; "))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn text(&self) -> io::Result<Vec<u8>> {
        read(&self.path)
    }

    fn locate(&self, Problem { key, what }: Problem) -> Problem {
        let name = &self.name;
        let key = if key.is_empty() { name.clone() } else { format!("{name}: {key}") };
        Problem { key, what }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|it| it <= LARGEST) {
        return Ok(text);
    }
    Err(io::Error::other(format!("it is larger than {LARGEST} bytes")))
}

pub(super) fn parse(text: &[u8], problems: &mut Vec<Problem>) -> Option<Definition> {
    let mut complain = |what: String| {
        problems.push(Problem { key: String::new(), what });
        None
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return complain("is no text in UTF-8".to_owned());
    };
    if text.trim().is_empty() {
        return complain("is empty; a machine has at least one state, `[state.closed]`".to_owned());
    }
    match text.parse::<toml::Table>() {
        Ok(table) => Definition::read(table, problems),
        Err(error) => {
            let start = error.span().map_or(0, |it| it.start);
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            complain(format!("is not TOML: line {line}: {}", error.message()))
        }
    }
}

fn digest(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

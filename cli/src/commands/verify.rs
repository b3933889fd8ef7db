//! `vedette verify`: is this evidence genuine? Without a network.

mod judge;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use evidence::Authority;
use serde_json::Value;

use crate::{
    arguments,
    exit::{self, Answer, Failure},
};

/// What bundles and time stamps are called at the end.
const BUNDLE: &str = "asics";
const STAMPS: [&str; 2] = ["tst", "tsr"];
/// Folders within folders that are looked into.
const DEEPEST: usize = 16;

/// One thing to be judged.
enum Case {
    Bundle(PathBuf),
    /// A time stamp, and the file of which it is.
    Stamp(PathBuf, PathBuf),
}

impl Case {
    fn path(&self) -> &Path {
        match self {
            Self::Bundle(path) | Self::Stamp(path, _) => path,
        }
    }
}

pub(crate) fn run(arguments: &arguments::Verify) -> Result<Answer, Failure> {
    let mut cases = Vec::new();
    for path in &arguments.paths {
        if path.is_dir() {
            gather(path, 0, &mut cases)?;
        } else {
            cases.push(case(path, arguments.of.as_deref()));
        }
    }
    if arguments.of.is_some() && (cases.len() != 1 || !matches!(cases[..], [Case::Stamp(..)])) {
        let hint = "for example `vedette verify report.tsr --of report.pdf`";
        return Err(Failure::call("`--of` goes with one time stamp").hint(hint));
    }
    if cases.is_empty() {
        let what = "there is neither a bundle (`.asics`) nor a time stamp (`.tst`, `.tsr`) there";
        return Err(Failure::work(what));
    }
    let anchors = anchors(arguments)?;
    let is_one = arguments.paths.len() == 1 && !arguments.paths.iter().any(|it| it.is_dir());
    let (mut genuine, mut reports) = (0, Vec::new());
    for case in &cases {
        let mut report = match case {
            Case::Bundle(path) => judge::bundle(&read(path)?, &anchors),
            Case::Stamp(path, of) => judge::stamp(&read(path)?, &read(of)?, &anchors),
        };
        genuine += usize::from(judge::is_genuine(&report));
        if !arguments.json {
            exit::result(&judge::in_words(case.path(), &report));
        }
        if !is_one && let Value::Object(report) = &mut report {
            report.insert("file".to_owned(), case.path().display().to_string().into());
        }
        reports.push(report);
    }
    match (arguments.json, is_one, reports.first()) {
        (true, true, Some(report)) => exit::result(&report.to_string()),
        (true, ..) => exit::result(&Value::from(reports).to_string()),
        (false, true, _) => {}
        (false, false, _) => exit::result(&format!("{genuine} of {} genuine", cases.len())),
    }
    Ok(if genuine == cases.len() { Answer::Yes } else { Answer::No })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .map_err(|error| Failure::work(format!("cannot read `{}`: {error}", path.display())))
}

fn is(path: &Path, ends: &[&str]) -> bool {
    let end = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    ends.iter().any(|it| end.eq_ignore_ascii_case(it))
}

fn case(path: &Path, of: Option<&Path>) -> Case {
    match of {
        Some(of) => Case::Stamp(path.to_owned(), of.to_owned()),
        None if is(path, &STAMPS) => Case::Stamp(path.to_owned(), path.with_extension("")),
        None => Case::Bundle(path.to_owned()),
    }
}

/// What is in a folder, by name.
fn gather(folder: &Path, depth: usize, cases: &mut Vec<Case>) -> Result<(), Failure> {
    let broken = |error| Failure::work(format!("cannot look into `{}`: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(broken)? {
        paths.push(entry.map_err(broken)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() && depth < DEEPEST {
            gather(&path, depth + 1, cases)?;
        } else if is(&path, &[BUNDLE]) || (is(&path, &STAMPS) && path.with_extension("").is_file())
        {
            cases.push(case(&path, None));
        }
    }
    Ok(())
}

fn anchors(arguments: &arguments::Verify) -> Result<Vec<Authority>, Failure> {
    let own = arguments.data.join("tsa/anchor.pem");
    if arguments.anchor.is_empty() && own.is_file() {
        return Ok(vec![anchor(&own, &read(&own)?)?.self_signed()]);
    }
    arguments.anchor.iter().map(|path| anchor(path, &read(path)?)).collect()
}

fn anchor(path: &Path, pem: &[u8]) -> Result<Authority, Failure> {
    let name = path.file_stem().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    Authority::from_pem(&name, pem).map_err(|error| {
        Failure::call(format!("`{}` holds no authority: {error}", path.display()))
            .hint("`--anchor` wants the certificate of the authority, in PEM")
    })
}

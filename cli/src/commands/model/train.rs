//! Trains another model: features here, the rest by the script that is shipped with this program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::features;
use crate::{
    arguments,
    exit::{self, Answer, Failure},
};

/// The script and what it needs.
const SCRIPT: [(&str, &str); 16] = [
    ("train.py", include_str!("../../../../behaviours/model/training/train.py")),
    ("card.py", include_str!("../../../../behaviours/model/training/card.py")),
    ("data.py", include_str!("../../../../behaviours/model/training/data.py")),
    ("detectors.py", include_str!("../../../../behaviours/model/training/detectors.py")),
    ("evidence.py", include_str!("../../../../behaviours/model/training/evidence.py")),
    ("export.py", include_str!("../../../../behaviours/model/training/export.py")),
    ("features.json", include_str!("../../../../behaviours/model/training/features.json")),
    ("figures.py", include_str!("../../../../behaviours/model/training/figures.py")),
    ("foreign.py", include_str!("../../../../behaviours/model/training/foreign.py")),
    ("held_out.py", include_str!("../../../../behaviours/model/training/held_out.py")),
    ("learners.py", include_str!("../../../../behaviours/model/training/learners.py")),
    ("nested.py", include_str!("../../../../behaviours/model/training/nested.py")),
    ("page.py", include_str!("../../../../behaviours/model/training/page.py")),
    ("plots.py", include_str!("../../../../behaviours/model/training/plots.py")),
    ("rivals.py", include_str!("../../../../behaviours/model/training/rivals.py")),
    ("requirements.txt", include_str!("../../../../behaviours/model/training/requirements.txt")),
];
/// Which file is of which family.
const SOURCES: &str = include_str!("../../../../behaviours/model/training/sources.json");

pub(super) fn run(arguments: &arguments::ModelTrain) -> Result<Answer, Failure> {
    let out = &arguments.out;
    let script = out.join("training");
    let failed = |error| Failure::work(format!("cannot write into `{}`: {error}", out.display()));
    fs::create_dir_all(&script).map_err(failed)?;
    for (name, text) in SCRIPT {
        fs::write(script.join(name), text).map_err(failed)?;
    }
    let sources = match &arguments.sources {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| Failure::call(format!("cannot read `{}`: {error}", path.display())))?,
        None => SOURCES.to_owned(),
    };
    fs::write(script.join("sources.json"), sources).map_err(failed)?;
    let (matrix, table) = (out.join("features.npy"), out.join("flows.csv"));
    let count = features::write(&matrix, &table, &arguments.flows)?;
    tracing::warn!("{count} conversations; training takes a quarter of an hour and more");
    let python = python(arguments, &script)?;
    let mut train = Command::new(python);
    train.arg(script.join("train.py")).arg("--features").arg(&matrix).arg("--meta").arg(&table);
    done(train.arg("--out").arg(out), "train.py")?;
    // It lies beside the model, as the card does.
    fs::rename(out.join("evidence.json"), out.join("model.evidence.json")).map_err(failed)?;
    let made = ["model.onnx", "model.card.json", "model.evidence.json"];
    exit::result(&made.map(|name| shown(out, name)).join("\n"));
    Ok(Answer::Yes)
}

fn shown(out: &Path, name: &str) -> String {
    out.join(name).display().to_string()
}

/// The Python that was named, or one of its own with what the script needs.
fn python(arguments: &arguments::ModelTrain, script: &Path) -> Result<PathBuf, Failure> {
    if let Some(python) = &arguments.python {
        return Ok(python.clone());
    }
    let folder = arguments.out.join("venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&folder), "python3 -m venv")?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
        done(install.arg(script.join("requirements.txt")), "pip install")?;
    }
    Ok(python)
}

fn done(command: &mut Command, name: &str) -> Result<(), Failure> {
    let status = command.status().map_err(|error| {
        Failure::work(format!("cannot run `{name}`: {error}"))
            .hint("training needs Python 3.11 or newer with `venv`; nothing else here does")
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::work(format!("`{name}` failed: {status}")))
}

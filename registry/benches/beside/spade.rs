//! The same by SPADE 4, on the same server, where it is installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

/// How long one run may take before it is ended.
const LIMIT: Duration = Duration::from_mins(3);

/// A Python that has SPADE: the one that `VEDETTE_SPADE_PYTHON` names, or that of `make spade`.
/// Without one, it says how to get it.
pub(crate) async fn python(what: &str) -> Option<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/spade/bin/python");
    let python = env::var_os("VEDETTE_SPADE_PYTHON").map_or(ours, PathBuf::from);
    let probe = Command::new(&python)
        .args(["-c", "import spade"])
        .current_dir(env::temp_dir())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    if probe.is_ok_and(|it| it.success()) {
        return Some(python);
    }
    println!(
        "{what}: SPADE is not installed, so there is nothing to compare with; `make spade` installs \
         it beside the linters, or VEDETTE_SPADE_PYTHON names a Python that has it"
    );
    None
}

/// Runs the script and reads its one line; none, when it failed or did not come to an end.
pub(crate) async fn run(python: &Path, arguments: &[&str]) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/beside/spade.py");
    let running = Command::new(python)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, running).await.ok()?.ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// A figure of the line.
pub(crate) fn figure(line: &Value, name: &str) -> f64 {
    line.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

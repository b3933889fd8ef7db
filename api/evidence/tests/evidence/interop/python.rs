//! A Python that has other people's verifiers, installed once in a target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PACKAGES: [&str; 2] = ["pyHanko==0.38.0", "rfc3161-client==1.0.9"];

/// Made once for all tests of all processes that share a target directory.
pub(super) fn with_verifiers() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyhanko-0.38.0");
        let python = folder.join("bin/python");
        let lock = fs::File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let done = folder.join("complete");
        if !done.exists() {
            call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
            let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            call(Command::new(&python).args(quiet).args(PACKAGES));
            fs::write(done, "").unwrap();
        }
        python
    })
}

fn call(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

//! A Python that has SPADE.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::{process::Command, sync::OnceCell};

/// What is installed, once in a target directory.
const PACKAGES: [&str; 2] = ["spade==4.1.4", "greenlet"];

/// What is installed without what it says it needs: databases, for examples of theirs.
const BARE: [&str; 2] = ["spade-pubsub==0.3.0", "spade-artifact==0.3.2"];

static PYTHON: OnceCell<PathBuf> = OnceCell::const_new();

pub(crate) async fn with_spade() -> &'static Path {
    PYTHON.get_or_init(install).await
}

/// Makes the environment, once for all tests of all processes that share a target directory.
async fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spade-4.1.4");
    let python = folder.join("bin/python");
    let lock = fs::File::create(folder.with_extension("lock")).unwrap();
    tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
    let done = folder.join("complete");
    if !done.exists() {
        call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)).await;
        let pip = || {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip
        };
        call(pip().args(PACKAGES)).await;
        call(pip().arg("--no-deps").args(BARE)).await;
        fs::write(done, "").unwrap();
    }
    python
}

async fn call(command: &mut Command) {
    let status = command.status().await.unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

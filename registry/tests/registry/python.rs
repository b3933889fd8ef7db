//! Pythons that have SPADE, or OMEMO.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::{process::Command, sync::OnceCell};

/// An environment that is installed once in a target directory.
struct Environment {
    name: &'static str,
    packages: &'static [&'static str],
    /// Installed without what they say they need: databases, for examples of theirs.
    bare: &'static [&'static str],
}

const SPADE: Environment = Environment {
    name: "spade-4.1.4",
    packages: &["spade==4.1.4", "greenlet"],
    bare: &["spade-pubsub==0.3.0", "spade-artifact==0.3.2"],
};

const OMEMO: Environment = Environment {
    name: "slixmpp-omemo-2.2.0",
    packages: &["slixmpp-omemo==2.2.0", "oldmemo[xml]", "twomemo[xml]"],
    bare: &[],
};

static WITH_SPADE: OnceCell<PathBuf> = OnceCell::const_new();
static WITH_OMEMO: OnceCell<PathBuf> = OnceCell::const_new();

pub(crate) async fn with_spade() -> &'static Path {
    WITH_SPADE.get_or_init(|| install(SPADE)).await
}

pub(crate) async fn with_omemo() -> &'static Path {
    WITH_OMEMO.get_or_init(|| install(OMEMO)).await
}

/// Makes an environment, once for all tests of all processes that share a target directory.
async fn install(environment: Environment) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(environment.name);
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
        call(pip().args(environment.packages)).await;
        if !environment.bare.is_empty() {
            call(pip().arg("--no-deps").args(environment.bare)).await;
        }
        fs::write(done, "").unwrap();
    }
    python
}

async fn call(command: &mut Command) {
    let status = command.status().await.unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

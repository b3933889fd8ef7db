//! The process: started, watched, started again, stopped by its number and never by name.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{Folder, ProsodyError};
use crate::backoff::Backoff;

/// How long it may take to come up.
const READY: Duration = Duration::from_secs(20);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(5);
/// How long a log may be at a start before a new one is begun, in bytes.
const LOG: u64 = 16 << 20;
/// How often something is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(20);

/// Finds a program on the `PATH`; Debian keeps some where only root looks.
pub(super) fn find(program: &'static str) -> Result<PathBuf, ProsodyError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or(ProsodyError::Missing(program))
}

/// Ends what an earlier run left behind in this folder, if that one had no time to do it.
pub(super) async fn clear(folder: &Folder) {
    let pidfile = folder.file("prosody.pid");
    let Some(pid) = fs::read_to_string(&pidfile).ok().and_then(|it| it.trim().parse().ok()) else {
        return;
    };
    let config = folder.file("prosody.cfg.lua");
    if runs(pid, &config) {
        warn!(process.pid = pid, "an earlier server still runs; stopping it");
        terminate(pid);
        let deadline = Instant::now() + STOP;
        while runs(pid, &config) && Instant::now() < deadline {
            sleep(LOOK).await;
        }
        signal(pid, Signal::KILL);
    }
    // A pidfile that is not there is what we want.
    drop(fs::remove_file(pidfile));
}

/// Whether process `pid` is a server with this configuration, and not another that got its
/// number.
fn runs(pid: u32, config: &Path) -> bool {
    let config = config.as_os_str().as_encoded_bytes();
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|argument| argument == config))
}

/// Starts the server and waits until it listens.
pub(super) async fn start(folder: &Folder, port: u16) -> Result<Child, ProsodyError> {
    let log = folder.file("prosody.log");
    let mut seen = fs::metadata(&log).map_or(0, |it| it.len());
    if seen > LOG {
        // One old log is kept; a log that cannot be moved goes on growing, which is no reason not
        // to start.
        seen = fs::rename(&log, log.with_extension("log.old")).map_or(seen, |()| 0);
    }
    let mut child = spawn(folder)?;
    let deadline = Instant::now() + READY;
    let not_ready = |why: String| ProsodyError::NotReady { why, log: log.clone() };
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(not_ready(format!("it ended with {status}")));
        }
        let told = news(&log, seen);
        if told.contains("Failed to open server port") {
            kill(&mut child).await;
            return Err(ProsodyError::Taken(port));
        }
        // A busy port is not fatal for Prosody: it must say itself that it has the port.
        if told.contains(&format!("Activated service 'c2s' on [127.0.0.1]:{port}"))
            && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        {
            return Ok(child);
        }
        if Instant::now() > deadline {
            kill(&mut child).await;
            return Err(not_ready(format!("nothing on port {port} after {READY:?}")));
        }
        sleep(LOOK).await;
    }
}

fn spawn(folder: &Folder) -> Result<Child, ProsodyError> {
    let prosody = find("prosody")?;
    // The server ends with us even when we are killed.
    let mut command = match find("setpriv") {
        Ok(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "TERM"]).arg(prosody);
            command
        }
        Err(_) => Command::new(prosody),
    };
    command
        .arg("--config")
        .arg(folder.file("prosody.cfg.lua"))
        .arg("-F")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| ProsodyError::Start { program: "prosody", source })
}

/// Waits for the end of the server, and starts it again unless it was asked to end.
pub(super) async fn keep(
    folder: Folder,
    port: u16,
    mut child: Child,
    report: Arc<watch::Sender<Option<u32>>>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::default();
    loop {
        backoff.succeeded();
        tokio::select! {
            () = stop.cancelled() => {
                kill(&mut child).await;
                report.send_replace(None);
                return;
            }
            status = child.wait() => warn!(?status, "the server ended; starting it again"),
        }
        report.send_replace(None);
        child = loop {
            if stop.run_until_cancelled(sleep(backoff.wait())).await.is_none() {
                return;
            }
            match start(&folder, port).await {
                Ok(child) => break child,
                Err(error) => {
                    error!(%error, "the server cannot be started again");
                    backoff.failed();
                }
            }
        };
        info!(process.pid = child.id(), "the server runs again");
        report.send_replace(child.id());
    }
}

/// Asks a process to end.
pub(super) fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        debug!(%error, "a process is gone already");
    }
}

async fn kill(child: &mut Child) {
    if let Some(pid) = child.id() {
        terminate(pid);
    }
    if tokio::time::timeout(STOP, child.wait()).await.is_err() {
        // It may have ended in this very moment.
        drop(child.kill().await);
    }
}

/// What a log says after its first `seen` bytes.
fn news(log: &Path, seen: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let start = usize::try_from(seen).unwrap_or(usize::MAX).min(bytes.len());
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}

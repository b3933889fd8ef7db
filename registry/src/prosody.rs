//! A Prosody of our own: a child process on loopback, with its own authority, accounts and data.
//!
//! It needs no root and no configuration. Only accounts that [`Prosody::add`] made can log in,
//! by SCRAM over TLS; nobody can register; there is no federation.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::Secret;

mod accounts;
mod certificate;
mod config;
mod process;

/// The port where XMPP clients expect a server (RFC 6120 section 14.7).
pub const USUAL_PORT: u16 = 5222;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProsodyError {
    /// It is not installed.
    #[error("`{0}` is not installed; on Debian and Ubuntu: apt-get install prosody")]
    Missing(&'static str),
    /// Its folder cannot be written.
    #[error("cannot write `{}`", path.display())]
    Folder {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make the server's certificate")]
    Certificate(#[source] rcgen::Error),
    /// It could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// Which program.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Another program has its port.
    #[error("port {0} is taken")]
    Taken(u16),
    /// It ended, or did not answer in time.
    #[error("prosody did not come up: {why}; its log is `{}`", log.display())]
    NotReady {
        /// What happened.
        why: String,
        /// Where it says more.
        log: PathBuf,
    },
    /// It did not make an account.
    #[error("prosody did not make the account `{account}`: {why}")]
    Account {
        /// Which account.
        account: String,
        /// What it said.
        why: String,
    },
}

/// Where the files of one server are.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, ProsodyError> {
        let path = self.file(name);
        private_file(&path, text)
            .map_err(|source| ProsodyError::Folder { path: path.clone(), source })?;
        Ok(path)
    }
}

/// A running server. Ask it to [`stop`](Self::stop); dropped, it is killed.
#[derive(Debug)]
pub struct Prosody {
    folder: Folder,
    domain: String,
    port: u16,
    pid: watch::Receiver<Option<u32>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A server that is configured but does not run yet: the time to make accounts.
#[derive(Debug)]
pub struct Prepared {
    folder: Folder,
    domain: String,
    port: u16,
}

impl Prosody {
    /// Prepares a server for `domain` in `folder`: configuration, certificate. It will listen on
    /// `port` of the loopback address.
    pub fn prepare(folder: &Path, domain: &str, port: u16) -> Result<Prepared, ProsodyError> {
        let folder = Folder(folder.to_owned());
        process::find("prosody")?;
        process::find("prosodyctl")?;
        let data = folder.file("data");
        private_folder(&folder.0)
            .and_then(|()| private_folder(&data))
            .map_err(|source| ProsodyError::Folder { path: data, source })?;
        certificate::renew(&folder, domain)?;
        for (file, code) in config::MODULES {
            folder.write(file, code)?;
        }
        folder.write("prosody.cfg.lua", &config::text(&folder, domain, port))?;
        Ok(Prepared { folder, domain: domain.to_owned(), port })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The domain of its accounts.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority(&self) -> PathBuf {
        self.folder.file("ca.pem")
    }

    /// The process, while it runs; it is started again when it dies.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Wakes when the process changes.
    pub fn watch_pid(&self) -> watch::Receiver<Option<u32>> {
        self.pid.clone()
    }

    /// Makes an account, or sets its password anew.
    pub async fn add(&self, name: &str, password: &Secret) -> Result<(), ProsodyError> {
        accounts::add(&self.folder, name, &self.domain, password).await
    }

    /// Asks the process to end, waits, and kills it when it takes longer than 5 seconds.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(pid) = self.pid() {
            process::terminate(pid);
        }
    }
}

impl Prepared {
    /// Whether there is an account of that name.
    pub fn has(&self, name: &str) -> bool {
        accounts::file(&self.folder, name, &self.domain).exists()
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority(&self) -> PathBuf {
        self.folder.file("ca.pem")
    }

    /// Makes an account, or sets its password anew.
    pub async fn add(&self, name: &str, password: &Secret) -> Result<(), ProsodyError> {
        accounts::add(&self.folder, name, &self.domain, password).await
    }

    /// Starts the server and waits until it listens.
    pub async fn start(self) -> Result<Prosody, ProsodyError> {
        let Self { folder, domain, port } = self;
        process::clear(&folder).await;
        let child = process::start(&folder, port).await?;
        let (report, pid) = watch::channel(child.id());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let keep = process::keep(folder.clone(), port, child, Arc::new(report), stop.clone());
        tasks.spawn(keep);
        Ok(Prosody { folder, domain, port, pid, stop, tasks })
    }
}

/// The first free port of the loopback address from `wanted` on.
pub fn free_port(wanted: u16) -> Option<u16> {
    (wanted..=u16::MAX)
        .take(1000)
        .find(|port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only its owner can read, in one step.
fn private_file(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let unfinished = path.with_extension("unfinished");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

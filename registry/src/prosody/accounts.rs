//! Makes accounts by Prosody's own tool, so that nobody else ever sees the password.

use std::{fmt::Write, path::PathBuf, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use super::{Folder, ProsodyError};
use crate::Secret;

pub(super) async fn add(
    folder: &Folder,
    name: &str,
    domain: &str,
    password: &Secret,
) -> Result<(), ProsodyError> {
    let account = format!("{name}@{domain}");
    let (done, said) = run(folder, "adduser", &account, password).await?;
    let (done, said) = match done {
        false if said.contains("already exists") => {
            run(folder, "passwd", &account, password).await?
        }
        done => (done, said),
    };
    if done { Ok(()) } else { Err(ProsodyError::Account { account, why: said }) }
}

/// Runs one command of the tool on one account; says whether it succeeded and what it said.
async fn run(
    folder: &Folder,
    command: &str,
    account: &str,
    password: &Secret,
) -> Result<(bool, String), ProsodyError> {
    let start = |source| ProsodyError::Start { program: "prosodyctl", source };
    let mut child = Command::new("prosodyctl")
        .arg("--config")
        .arg(folder.file("prosody.cfg.lua"))
        .args([command, account])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It asks twice; on the command line the password would be seen by every process.
        let twice = format!("{0}\n{0}\n", password.reveal());
        stdin.write_all(twice.as_bytes()).await.map_err(start)?;
    }
    let output = child.wait_with_output().await.map_err(start)?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
}

/// Where Prosody's internal storage keeps an account.
pub(super) fn file(folder: &Folder, name: &str, domain: &str) -> PathBuf {
    let place = format!("data/{}/accounts/{}.dat", escape(domain), escape(name));
    folder.file(&place)
}

fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else if write!(escaped, "%{byte:02x}").is_err() {
            break;
        }
    }
    escaped
}

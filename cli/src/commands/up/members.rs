//! Who belongs to the platform: the agents of the data folder, their passwords and accounts.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use agents::{
    Config, ConfigError, Secret,
    prosody::{Prepared, ProsodyError},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use super::{DOMAIN, Failure, house::House};

/// The platform's own accounts.
const OWN: [&str; 3] = ["registry", "aggregator", "analyzer"];

/// Writes a password for every account of ours that has none yet.
pub(crate) fn give_passwords(house: &House, demo: bool) -> Result<(), Failure> {
    let mut wanted: BTreeSet<PathBuf> =
        OWN.iter().map(|name| house.file(&format!("secrets/{name}"))).collect();
    for file in files(house, demo)? {
        wanted.extend(password_of_ours(&file));
    }
    for path in wanted {
        if !path.exists() {
            write_secret(&path).map_err(|error| {
                Failure::work(format!("cannot write `{}`: {error}", path.display()))
            })?;
        }
    }
    Ok(())
}

/// Reads the file of every agent. The problems of all files are told at once.
pub(crate) fn read(house: &House, demo: bool) -> Result<Vec<Config>, Failure> {
    let (mut members, mut problems) = (Vec::new(), Vec::new());
    let mut known: BTreeSet<String> = OWN.iter().map(|name| format!("{name}@{DOMAIN}")).collect();
    for path in files(house, demo)? {
        match Config::read(&path) {
            Ok(config) if known.insert(config.account.jid.to_string()) => members.push(config),
            Ok(config) => problems.push(format!(
                "`{}`: `jid`: `{}` belongs to another agent already",
                path.display(),
                config.account.jid
            )),
            Err(error) => problems.push(told(&error)),
        }
    }
    if problems.is_empty() {
        return Ok(members);
    }
    let hint = "`vedette agent behaviours` tells what can be set; nothing was started";
    Err(Failure::call(problems.join("\n")).hint(hint))
}

/// Makes the accounts that are not there yet.
pub(crate) async fn open_accounts(
    house: &House,
    prosody: &Prepared,
    members: &[Config],
) -> Result<(), Failure> {
    for name in OWN {
        let path = house.file(&format!("secrets/{name}"));
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::work(format!("cannot read `{}`: {error}", path.display())))?;
        open_account(prosody, name, &text.trim().into()).await.map_err(Failure::work)?;
    }
    for member in members.iter().filter(|it| it.account.jid.domain().as_str() == DOMAIN) {
        if let Some(name) = member.account.jid.node() {
            open_account(prosody, name.as_str(), &member.account.password)
                .await
                .map_err(Failure::work)?;
        }
    }
    Ok(())
}

pub(super) async fn open_account(
    prosody: &Prepared,
    name: &str,
    password: &Secret,
) -> Result<(), ProsodyError> {
    if prosody.has(name) {
        return Ok(());
    }
    tracing::info!(account.name = name, "making the account `{name}@{DOMAIN}`");
    prosody.add(name, password).await
}

fn told(error: &ConfigError) -> String {
    agents::Chain(error).to_string()
}

/// The files of the agents, in order.
fn files(house: &House, demo: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = vec![house.file("agents")];
    folders.extend(demo.then(|| house.file("demo")));
    let mut files = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(&folder).map_err(|error| {
            Failure::work(format!("cannot read `{}`: {error}", folder.display()))
        })?;
        let paths = entries.filter_map(|it| it.ok().map(|it| it.path()));
        files.extend(paths.filter(|it| it.extension().is_some_and(|it| it == "toml")));
    }
    files.sort();
    Ok(files)
}

/// Where the password of an agent should be, if its account is on our own server. What else is
/// wrong with the file is told when it is read.
fn password_of_ours(path: &Path) -> Option<PathBuf> {
    let table: toml::Table = fs::read_to_string(path).ok()?.parse().ok()?;
    let jid = table.get("jid")?.as_str()?;
    let (_, domain) = jid.split_once('@')?;
    let password = table.get("password_file")?.as_str()?;
    (domain == DOMAIN).then(|| path.parent().unwrap_or(Path::new("")).join(password))
}

/// A password of 256 random bits.
pub(super) fn write_secret(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))?;
    file.sync_all()
}

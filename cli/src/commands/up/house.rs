//! The data folder of a platform: what is where, and whose it is.

use std::{
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use agents::Config;
use api::{Anonymous, Auth, Limits, Role, Token, Tsa};

use super::{DOMAIN, Failure, ready::Ready, write};

/// Where the token of the platform's own aggregator is.
const TOKEN: &str = "secrets/aggregator.token";
/// Where that of its own registrar is.
const REGISTRAR_TOKEN: &str = "secrets/registrar.token";

/// An open data folder; nobody else opens it meanwhile.
#[derive(Debug)]
pub(crate) struct House {
    folder: PathBuf,
    /// Held as long as the folder is open.
    _lock: File,
}

/// The agents of the platform itself.
pub(crate) struct Own {
    pub(crate) registrar: Config,
    pub(crate) aggregator: Config,
    pub(crate) analyzer: Config,
}

impl House {
    /// Opens the folder, or makes it.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let failed = |path: &Path, error: io::Error| {
            Failure::work(format!("cannot open `{}`: {error}", path.display()))
        };
        for part in ["", "agents", "secrets", "platform", "demo"] {
            let path = folder.join(part);
            private_folder(&path).map_err(|error| failed(&path, error))?;
        }
        let folder = fs::canonicalize(folder).map_err(|error| failed(folder, error))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|error| failed(&path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("`{}` is in use by another `vedette up`", folder.display());
                return Err(Failure::work(what).hint("choose another folder with --data"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path, error)),
        }
        let house = Self { folder, _lock: lock };
        house.remove_ready();
        Ok(house)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write_ready(&self, ready: &Ready) -> Result<(), Failure> {
        let text = serde_json::to_string(ready).map_err(Failure::work)?;
        write(&self.file("ready.json"), &text)
    }

    pub(crate) fn remove_ready(&self) {
        // It is not there unless an earlier run was killed.
        drop(fs::remove_file(self.file("ready.json")));
    }

    /// The API as it is without a configuration of its own. On loopback, who sits at this machine
    /// may look without a token.
    pub(crate) fn api_config(&self, listen: SocketAddr) -> api::Config {
        api::Config {
            listen,
            database: self.file("vedette.db"),
            tsa: Tsa { own: Some(self.file("tsa")), ..Tsa::default() },
            auth: Auth { anonymous: Anonymous::Read, tokens: Vec::new() },
            limits: Limits::default(),
        }
    }

    /// Adds the tokens of the operator and of the aggregator, where a file has none of that name.
    pub(crate) fn add_tokens(&self, config: &mut api::Config) {
        let ours = [
            ("admin", Role::Admin, self.file("admin.token")),
            ("platform aggregator", Role::Agent, self.file(TOKEN)),
            ("platform registrar", Role::Registrar, self.file(REGISTRAR_TOKEN)),
        ];
        for (name, role, file) in ours {
            if !config.auth.tokens.iter().any(|it| it.name == name) {
                config.auth.tokens.push(Token { name: name.to_owned(), role, file });
            }
        }
    }
}

/// Writes the files of the platform's own agents, and reads them as any other's.
pub(crate) fn write_platform(
    house: &House,
    config: &api::Config,
    members: &[Config],
) -> Result<Own, Failure> {
    let listen = config.listen;
    let mut jids = vec![format!("aggregator@{DOMAIN}"), format!("analyzer@{DOMAIN}")];
    jids.extend(members.iter().map(|it| it.account.jid.to_string()));
    let jids = toml::Value::from(jids);
    let path = |it: PathBuf| toml::Value::from(it.to_string_lossy().into_owned());
    let head = |role: &str, name: &str| {
        format!(
            "# Written by vedette at every start.\nrole = \"{role}\"\njid = \"{name}@{DOMAIN}\"\n\
             password_file = \"../secrets/{name}\"\nca = \"../xmpp/ca.pem\"\n"
        )
    };
    let registrar = format!(
        "{}contacts = {jids}\n\n[[behaviour]]\nrun = \"register\"\nmembers = {jids}\n\n\
         [[behaviour]]\nrun = \"enrol\"\napi = \"http://{listen}\"\ntoken_file = {}\n",
        head("registrar", "registry"),
        path(house.file(REGISTRAR_TOKEN)),
    );
    let tsa = config.tsa.own.clone().unwrap_or_else(|| house.file("tsa"));
    let (anchor, token) = (path(tsa.join("anchor.pem")), path(house.file(TOKEN)));
    let aggregator = format!(
        "{}\n[[behaviour]]\nrun = \"anchor\"\nauthority = \"own\"\n\
         url = \"http://{listen}/tsr\"\nanchor = {anchor}\n\n[[behaviour]]\nrun = \"forward\"\n\
         api = \"http://{listen}\"\ntoken_file = {token}\n",
        head("aggregator", "aggregator")
    );
    let analyzer = format!("{}\n[[behaviour]]\nrun = \"score\"\n", head("analyzer", "analyzer"));
    let read = |name: &str, text: &str| {
        let path = house.file(name);
        write(&path, text)?;
        Config::read(&path).map_err(Failure::work)
    };
    Ok(Own {
        registrar: read("platform/registrar.toml", &registrar)?,
        aggregator: read("platform/aggregator.toml", &aggregator)?,
        analyzer: read("platform/analyzer.toml", &analyzer)?,
    })
}

fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

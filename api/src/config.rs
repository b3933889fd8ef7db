//! What the operator decides: the configuration, read from TOML with every problem at once.

mod reader;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use evidence::HashAlgorithm;

use self::reader::Reader;
use crate::auth::Role;

/// What the API needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens. With port 0 the system picks a port; see [`crate::Api::address`].
    pub listen: SocketAddr,
    /// The file of the `SQLite` database; made when it is absent.
    pub database: PathBuf,
    /// Whom it believes about time.
    pub tsa: Tsa,
    /// Who may do what.
    pub auth: Auth,
    /// How much it takes.
    pub limits: Limits,
}

/// Whom the API believes about time.
#[derive(Clone, Debug)]
pub struct Tsa {
    /// Folder of the authority of its own, served at `POST /tsr`; made when it is absent.
    pub own: Option<PathBuf>,
    /// Certificates of further authorities: one PEM file each, which is named after its authority.
    pub anchors: Vec<PathBuf>,
    /// Where these authorities are asked, the certificates of each at the same place in `anchors`;
    /// the own one is asked when there are none.
    pub urls: Vec<String>,
    /// Policies of which a token must have one (object identifiers); any when there are none.
    pub policy: Vec<String>,
    /// The least time between two requests to one of them.
    pub interval: Duration,
    /// How many different authorities must stamp what the API has stamped itself.
    pub quorum: usize,
    /// How long an item waits for an aggregator to have it stamped, before the API does.
    pub patience: Duration,
    /// How long before its end evidence is renewed.
    pub renew: Duration,
    /// The hash function of the trees of evidence, if another than SHA-256: what has another is
    /// renewed.
    pub hash: Option<HashAlgorithm>,
    /// Whether an authority of its own is not enough.
    pub production: bool,
}

impl Default for Tsa {
    fn default() -> Self {
        Self {
            own: None,
            anchors: Vec::new(),
            urls: Vec::new(),
            policy: Vec::new(),
            interval: Duration::ZERO,
            quorum: 1,
            patience: Duration::from_mins(1),
            renew: Duration::from_hours(90 * 24),
            hash: None,
            production: false,
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// What those may do who say nothing of themselves.
    pub anonymous: Anonymous,
    /// The tokens.
    pub tokens: Vec<Token>,
}

/// What those may do who say nothing of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing.
    #[default]
    None,
    /// Read.
    Read,
}

/// One token: a name, what it is good for, and where its secret is.
#[derive(Clone, Debug)]
pub struct Token {
    /// The name, which HTTP Basic wants as the user's.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// The file with the secret. When it is absent, a secret is made and written there.
    pub file: PathBuf,
}

/// How much the API takes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest body of a request, in bytes.
    pub body: usize,
    /// The most items in a request.
    pub items: usize,
    /// How long a client may take to send a body.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 16 << 20, items: 4096, patience: Duration::from_secs(30) }
    }
}

/// Everything that is wrong with a configuration; shown one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads a file. Paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigErrors(vec![format!("`{}`: {cause}", path.display())]))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a text. Paths in it are relative to `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigErrors> {
        let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| {
            ConfigErrors(vec![format!("not TOML: {}", cause.to_string().trim_end())])
        })?;
        let mut problems = Vec::new();
        let config = read(&table, base, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigErrors(problems)),
        }
    }
}

fn read(table: &toml::Table, base: &Path, problems: &mut Vec<String>) -> Option<Config> {
    let mut root = Reader::new("", table, problems);
    root.allow(&["listen", "database", "tsa", "auth", "limits"]);
    let listen = match root.text("listen") {
        Some(text) => root.parse("listen", &text, "an address such as `127.0.0.1:8000`"),
        None => Some(SocketAddr::from(([127, 0, 0, 1], 8000))),
    };
    let database = match root.text("database") {
        Some(url) => match url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Some(path) => Some(base.join(path)),
            None => root.refuse("database", &url, "`sqlite://` and the path of a file"),
        },
        None => Some(base.join("vedette.db")),
    };
    let tsa = match root.table("tsa") {
        Some(table) => tsa(&mut Reader::new("tsa.", table, problems), base),
        None => Tsa::default(),
    };
    let auth = match Reader::new("", table, problems).table("auth") {
        Some(table) => auth(table, base, problems),
        None => Some(Auth::default()),
    };
    let limits = match Reader::new("", table, problems).table("limits") {
        Some(table) => limits(&mut Reader::new("limits.", table, problems)),
        None => Some(Limits::default()),
    };
    Some(Config { listen: listen?, database: database?, tsa, auth: auth?, limits: limits? })
}

fn tsa(reader: &mut Reader<'_, '_>, base: &Path) -> Tsa {
    reader.allow(&[
        "own",
        "anchors",
        "urls",
        "policy",
        "interval",
        "quorum",
        "patience",
        "renew",
        "hash",
        "production",
    ]);
    let usual = Tsa::default();
    let own = reader.text("own").map(|own| base.join(own));
    let anchors: Vec<_> =
        reader.texts("anchors").into_iter().map(|anchor| base.join(anchor)).collect();
    for anchor in &anchors {
        if !anchor.is_file() {
            let path = anchor.display().to_string();
            reader.refuse::<()>("anchors", &path, "a file with certificates in PEM");
        }
    }
    let urls = reader.texts("urls");
    if urls.len() > anchors.len() {
        let more = urls.get(anchors.len()).cloned().unwrap_or_default();
        let right = "an address whose certificates are at the same place in `anchors`";
        reader.refuse::<()>("urls", &more, right);
    }
    let policy = reader.texts("policy");
    let interval = reader.time("interval", usual.interval);
    let patience = reader.time("patience", usual.patience);
    let quorum = reader.count("quorum", usual.quorum);
    let asked = if urls.is_empty() { usize::from(own.is_some()) } else { urls.len() };
    if let Some(quorum) = quorum.filter(|it| *it == 0 || (*it > 1 && *it > asked)) {
        reader.refuse::<()>("quorum", &quorum.to_string(), "1, or up to as many as are asked");
    }
    let renew = reader.time("renew", usual.renew);
    let hash = match reader.text("hash").as_deref() {
        None => None,
        Some("sha384") => Some(HashAlgorithm::Sha384),
        Some("sha512") => Some(HashAlgorithm::Sha512),
        Some(other) => reader.refuse("hash", other, "`sha384` or `sha512`"),
    };
    let production = reader.flag("production", usual.production);
    if production == Some(true) && urls.is_empty() {
        let right = "possible without `urls`: an authority of one's own shows nothing to others";
        reader.refuse::<()>("production", "true", right);
    }
    Tsa {
        own,
        anchors,
        urls,
        policy,
        interval: interval.unwrap_or(usual.interval),
        quorum: quorum.unwrap_or(usual.quorum),
        patience: patience.unwrap_or(usual.patience),
        renew: renew.unwrap_or(usual.renew),
        hash,
        production: production.unwrap_or(usual.production),
    }
}

fn auth(table: &toml::Table, base: &Path, problems: &mut Vec<String>) -> Option<Auth> {
    let mut reader = Reader::new("auth.", table, problems);
    reader.allow(&["anonymous", "token"]);
    let anonymous = match reader.text("anonymous").as_deref() {
        None | Some("none") => Some(Anonymous::None),
        Some("read") => Some(Anonymous::Read),
        Some(other) => reader.refuse("anonymous", other, "`none` or `read`"),
    };
    let mut tokens: Vec<Option<Token>> = Vec::new();
    for (number, table) in reader.tables("token").into_iter().enumerate() {
        let name = format!("auth.token[{number}].");
        let mut entry = Reader::new(&name, table, problems);
        let token = token(&mut entry, base);
        let others = || tokens.iter().flatten();
        if let Some(Token { name, file, .. }) = &token {
            if others().any(|other| other.name == *name) {
                entry.refuse::<()>("name", name, "a name that no other token has");
            }
            if others().any(|other| other.file == *file) {
                let file = file.display().to_string();
                entry.refuse::<()>("file", &file, "a file that no other token has");
            }
        }
        tokens.push(token);
    }
    Some(Auth { anonymous: anonymous?, tokens: tokens.into_iter().collect::<Option<_>>()? })
}

fn token(reader: &mut Reader<'_, '_>, base: &Path) -> Option<Token> {
    reader.allow(&["name", "role", "file"]);
    let name = reader.demand("name", "the name of the token");
    let role = reader.demand("role", "`reader`, `agent`, `registrar`, `operator` or `admin`");
    let file = reader.demand("file", "the file that holds the token").map(|file| base.join(file));
    let name = name.and_then(|name| {
        if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
            return reader.refuse("name", &name, "a name without `:`");
        }
        Some(name)
    });
    let role = role.and_then(|role| {
        Role::named(&role).or_else(|| {
            reader.refuse("role", &role, "`reader`, `agent`, `registrar`, `operator` or `admin`")
        })
    });
    Some(Token { name: name?, role: role?, file: file? })
}

fn limits(reader: &mut Reader<'_, '_>) -> Option<Limits> {
    reader.allow(&["body", "items"]);
    let usual = Limits::default();
    let body = reader.size("body", usual.body);
    let items = reader.count("items", usual.items);
    Some(Limits { body: body?, items: items?, ..usual })
}

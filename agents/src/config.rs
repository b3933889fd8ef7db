//! The file that describes an agent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use behaviours::chat::{self, Chat, Operators};
use registry::{
    Account, BareJid, Notary, Policies, Roots, Secret, Server, SigningKey, Trust, VerifyingKey,
    prosody::Prosody,
};
use runtime::{
    Address, Agent, AgentId, Catalogue, Fields, Handle, MemoryStore, Mood, Problem, Setting, Spec,
    Store,
};
use types::{Announcement, Diagram};

use crate::Role;

mod sealing;
mod settings;
mod social;
mod supervision;
mod trust;

use settings::SETTINGS;

/// Behaviours in one file, at most.
const BEHAVIOURS: usize = 10_000;

/// Settings that every behaviour has.
const COMMON: [&str; 3] = ["run", "name", "restart"];

/// Why a file describes no agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML.
    #[error("`{}` is not TOML", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It is wrong in these ways.
    #[error("`{}`: {}", path.display(), told(problems))]
    Problems {
        /// Which file.
        path: PathBuf,
        /// All of them.
        problems: Vec<Problem>,
    },
}

fn told(problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    };
    let lines = problems.iter().map(|it| format!("\n  {it}"));
    std::iter::once(count).chain(lines).collect()
}

type Add = Box<dyn FnOnce(&mut Agent, Spec) -> Handle + Send>;

/// One agent, as its file describes it.
pub struct Config {
    /// What it is for.
    pub role: Role,
    /// Its account and the way to its server.
    pub account: Account,
    /// The folder of its state on disk.
    pub state: PathBuf,
    /// The key of the registry that it believes; none: it is enrolled nowhere.
    pub trust: Option<VerifyingKey>,
    /// How it speaks to others.
    pub policies: Policies,
    /// What a registrar signs with.
    pub notary: Arc<Notary>,
    reports_to: Address,
    labels: BTreeMap<String, String>,
    duties: Vec<String>,
    operators: Operators,
    mood: Mood,
    behaviours: Vec<(String, Spec, Add)>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads a file; nothing is connected. Every problem is told at once.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file that is, or would be, at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let table: toml::Table = text.parse().map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut problems = Vec::new();
        let config = read(table, base, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Problems { path: path.to_owned(), problems }),
        }
    }

    /// The same agent over this server, if its account is there.
    #[must_use]
    pub fn over(mut self, prosody: &Prosody) -> Self {
        if self.account.jid.domain().as_str() == prosody.domain() {
            self.account.server = Server::At(prosody.address().to_string());
            self.account.roots = Roots::File(prosody.authority());
        }
        self
    }

    /// The same agent, which more people may ask.
    #[must_use]
    pub fn answering(mut self, operators: &Operators) -> Self {
        self.operators.extend(operators);
        self
    }

    /// The same agent, enrolled with that registry, with its keys in another folder.
    #[must_use]
    pub fn enrolled(mut self, registry: VerifyingKey, state: PathBuf) -> Self {
        self.trust = Some(registry);
        self.state = state;
        self
    }

    /// Whether it lets others in: a registrar that keeps the list of members.
    pub fn enrols(&self) -> bool {
        self.behaviours.iter().any(|(name, ..)| name == "enrol")
    }

    /// What its operator calls it by.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Everything that it would run, by name, with states and moves. Nothing is started.
    pub fn diagrams(self) -> Vec<(String, Diagram)> {
        let store = Arc::new(MemoryStore::default());
        let (_agent, named, _account) = self.build(store, None, None);
        let drawn = |it: &Handle| (it.report().name.into_owned(), Diagram::clone(&it.diagram()));
        named.iter().map(drawn).collect()
    }

    /// Makes the agent.
    pub(crate) fn build(
        self,
        store: Arc<dyn Store>,
        trust: Option<&Arc<Trust>>,
        evidence_key: Option<SigningKey>,
    ) -> (Agent, Vec<Handle>, Account) {
        self.notary.take_office(self.state.clone(), self.account.clone());
        let Self { role, account, reports_to, labels, behaviours, operators, mood, .. } = self;
        let duties = role.duties().into_iter().chain(self.duties);
        let announcement = Announcement {
            role: role.name().to_owned(),
            duties: each_once(duties),
            labels,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            runs: each_once(behaviours.iter().map(|(run, ..)| run.clone())),
        };
        let mut agent = Agent::new(AgentId::from(account.jid.as_str()), announcement, store)
            .with_registrar(account.registrar.clone());
        if let Some(key) = evidence_key {
            agent = agent.with_evidence_key(Arc::new(key));
        }
        agent.door().set_mood(|it| *it = mood);
        let has_heartbeat = behaviours.iter().any(|(run, ..)| run == "heartbeat");
        let named = behaviours.into_iter().map(|(_, spec, add)| add(&mut agent, spec)).collect();
        role.furnish(&mut agent, &reports_to, &account.registrar, has_heartbeat);
        if let Some(trust) = trust {
            Role::believe(&mut agent, &account.registrar, trust);
        }
        if !operators.is_empty() {
            agent.add(chat::spec(), move || Chat::from(operators.clone()));
        }
        (agent, named, account)
    }
}

fn each_once(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<String>>().into_iter().collect()
}

fn read(table: toml::Table, base: &Path, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut fields = Fields::new("", table, SETTINGS, problems).in_folder(base);
    let roles = Role::ALL.map(Role::name).join(", ");
    let role = fields.parse("role", &format!("a role; there are: {roles}"), |text| {
        Role::ALL.into_iter().find(|it| it.name() == text)
    });
    let jid = fields.parse("jid", "an account such as \"probe1@vedette.local\"", account_of);
    let password = password(&mut fields);
    let server = fields.parse("server", "a host and port such as \"127.0.0.1:5222\"", address);
    let roots = roots(&mut fields);
    let reports_to: Option<String> = fields.take("reports_to", "a JID or \"duty:aggregate\"");
    let registrar = fields.parse("registrar", "an account", |text| {
        account_of(text).map(|it| AgentId::from(it.as_str()))
    });
    let contacts: Vec<String> = fields.take("contacts", "a list of JIDs").unwrap_or_default();
    let subscriptions =
        fields.parse("subscriptions", "one of contacts, domain, ask", social::policy);
    let operators = social::operators(&mut fields);
    let mood = social::mood(&mut fields);
    let duties: Vec<String> = fields.take("duties", "a list of words").unwrap_or_default();
    let wants: Vec<String> = fields.take("wants", "a list of duties").unwrap_or_default();
    let pubsub = fields.parse("pubsub", "an address such as \"pubsub.vedette.local\"", |text| {
        text.parse::<BareJid>().ok().map(|it| AgentId::from(it.as_str()))
    });
    let labels = fields.take("labels", "a table of names and text").unwrap_or_default();
    let state = fields.file("state").unwrap_or_else(|| base.join("state"));
    let entries: Option<Vec<toml::Table>> = fields.take("behaviour", "a list of [[behaviour]]");
    let entries = entries.unwrap_or_default();
    if entries.len() > BEHAVIOURS {
        fields.complain("behaviour", format!("more than {BEHAVIOURS} in one file"));
        return None;
    }
    let mut wants = wants;
    wants.extend(entries.iter().filter_map(asks));
    let reports_to: Address = reports_to.as_deref().unwrap_or("duty:aggregate").into();
    let me = jid.as_ref().map_or("", |it| it.as_str()).into();
    let trust = trust::read(&mut fields);
    let account = jid.as_ref().map_or("", |it| it.as_str());
    let policies = sealing::read(&mut fields, account, role);
    let notary = Arc::<Notary>::default();
    let behaviours = behaviours(role, &reports_to, (&me, &notary), entries, base, problems);
    let jid = jid?;
    let registry = || AgentId::from(format!("registry@{}", jid.domain()));
    Some(Config {
        role: role?,
        account: Account {
            password: password?,
            server: server.map_or(Server::Srv, Server::At),
            roots: roots?,
            registrar: registrar.unwrap_or_else(registry),
            contacts: contacts.into_iter().map(AgentId::from).collect(),
            subscriptions: subscriptions.unwrap_or_default(),
            pubsub,
            wants: wanted(&reports_to, wants),
            jid,
        },
        state,
        trust,
        policies,
        notary,
        duties,
        operators,
        mood,
        reports_to,
        labels,
        behaviours,
    })
}

fn behaviours(
    role: Option<Role>,
    reports_to: &Address,
    (me, notary): (&AgentId, &Arc<Notary>),
    entries: Vec<toml::Table>,
    base: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Spec, Add)> {
    // Without a role, a behaviour's settings are read as those of the role that has it.
    let roles = role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
    let catalogues: Vec<Catalogue> =
        roles.iter().map(|it| it.catalogue_under(it.superior(reports_to, me), notary)).collect();
    let mut behaviours: Vec<(String, Spec, Add)> = Vec::new();
    let mut named = Vec::new();
    for (nth, mut entry) in (1..).zip(entries) {
        let path = format!("behaviour[{nth}]");
        let common = entry.iter().filter(|(key, _)| COMMON.contains(&key.as_str()));
        let common: toml::Table = common.map(|(key, it)| (key.clone(), it.clone())).collect();
        entry.retain(|key, _| !COMMON.contains(&key));
        let mut fields = Fields::new(&path, common, RUN, problems);
        let run: Option<String> = fields.take("run", "the name of a behaviour");
        let name: Option<String> = fields.take("name", "text");
        let supervision = supervision::read(&mut fields);
        let Some(run) = run else { continue };
        named.push(run.clone());
        let has = |it: &&Catalogue| it.entries().any(|(name, _)| name == run);
        let catalogue = catalogues.iter().find(has).or(catalogues.first());
        let add = catalogue.and_then(|it| it.read(&run, &path, base, entry, problems));
        if let Some(add) = add {
            let mut spec = Role::spec(&run);
            spec.name = name.unwrap_or_default();
            spec.supervision = supervision;
            behaviours.push((run, spec, Box::new(add)));
        }
    }
    for (role, needed) in
        role.iter().flat_map(|it| it.needs().iter().map(move |needed| (it, needed)))
    {
        if !named.iter().any(|it| needed.contains(&it.as_str())) {
            let runs: Vec<_> = needed.iter().map(|it| format!("`run = \"{it}\"`")).collect();
            let what =
                format!("role `{}` needs {} in a [[behaviour]]", role.name(), runs.join(" or "));
            problems.push(Problem { key: "behaviour".to_owned(), what });
        }
    }
    behaviours
}

const RUN: &[Setting] = &[
    Setting { key: "run", about: "what to run", example: "run = \"check\"", required: true },
    Setting { key: "name", about: "its name", example: "name = \"ports\"", required: false },
    Setting {
        key: "restart",
        about: "when to start it again: never, on-failure, always, or a table with bounds",
        example: "restart = { when = \"always\", limit = 5, window = \"1m\", pause = \"1s\" }",
        required: false,
    },
];

/// The duty that a behaviour sends to beside that of whoever aggregates.
fn asks(behaviour: &toml::Table) -> Option<String> {
    let to = behaviour.get("analyze").and_then(toml::Value::as_str)?;
    to.strip_prefix("duty:").map(str::to_owned)
}

/// For which duties the registrar is asked: whoever is reported to, and whom else it may need.
fn wanted(reports_to: &Address, more: Vec<String>) -> Vec<String> {
    let reports = match reports_to {
        Address::Duty(duty) => Some(duty.name.to_string()),
        Address::Agent(_) => None,
    };
    each_once(reports.into_iter().chain(["aggregate".to_owned()]).chain(more))
}

fn account_of(text: &str) -> Option<BareJid> {
    if text.contains('/') || !text.contains('@') { None } else { text.parse().ok() }
}

fn address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
}

fn password(fields: &mut Fields<'_>) -> Option<Secret> {
    let path = fields.file("password_file")?;
    match fs::read_to_string(&path) {
        Ok(text) => match text.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => Some(line.into()),
            _ => {
                let what =
                    format!("`{}` is empty; its first line should be the password", path.display());
                fields.complain("password_file", what);
                None
            }
        },
        Err(error) => {
            fields.complain("password_file", format!("cannot read `{}`: {error}", path.display()));
            None
        }
    }
}

fn roots(fields: &mut Fields<'_>) -> Option<Roots> {
    if !fields.has("ca") {
        return Some(Roots::Public);
    }
    let roots = Roots::File(fields.file("ca")?);
    match roots.config() {
        Ok(_) => Some(roots),
        Err(error) => {
            fields.complain("ca", runtime::Chain(&error).to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), "secret\n").unwrap();
        Config::parse(text, &folder.path().join("agent.toml"))
    }

    const HEAD: &str = "jid = \"a@test\"\npassword_file = \"password\"\n";

    #[test]
    fn a_probe_is_made_from_a_file() {
        let behaviour = "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n";
        let config = parse(&format!("role = \"probe\"\n{HEAD}{behaviour}")).unwrap();
        assert_eq!(config.account.registrar.as_str(), "registry@test");
        assert_eq!(config.account.server, Server::Srv);
        assert_eq!(config.reports_to, "duty:aggregate".into());
    }

    #[test]
    fn without_a_known_role_its_behaviours_are_looked_at_all_the_same() {
        let behaviour = "[[behaviour]]\nrun = \"check\"\ncommand = \"true\"\n";
        let error = parse(&format!("role = \"prob\"\n{HEAD}{behaviour}")).unwrap_err();
        let ConfigError::Problems { problems, .. } = error else { panic!("{error}") };
        let keys: Vec<&str> = problems.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["role", "behaviour[1].command"]);
    }

    #[test]
    fn what_is_wrong_with_a_machine_is_told_with_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), "secret\n").unwrap();
        let check = "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n";
        let machine = "[[behaviour]]\nrun = \"machine\"\nfile = \"door.toml\"\n";
        let text = format!("role = \"probe\"\n{HEAD}{check}{machine}");
        let read = |door: &str| {
            fs::write(folder.path().join("door.toml"), door).unwrap();
            Config::parse(&text, &folder.path().join("agent.toml"))
        };
        read("[state.closed]\non = [{ message = \"any\" }]\n").unwrap();
        let error = read("[state.closed]\non = [{ after = \"1s\", go = \"open\" }]\n").unwrap_err();
        let ConfigError::Problems { problems, .. } = error else { panic!("{error}") };
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = "`door.toml: state.closed.on[1].go`: no state `open`; there are: closed";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn how_it_gets_on_with_others_is_read() {
        let social = "subscriptions = \"domain\"\nduties = [\"open\"]\nwants = [\"close\"]\n\
                      operators = { \"ops@test\" = \"control\" }\n\
                      presence = { show = \"chat\", status = \"here\", priority = 5 }\n";
        let behaviour = "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n";
        let config = parse(&format!("role = \"probe\"\n{HEAD}{social}{behaviour}")).unwrap();
        assert_eq!(config.account.subscriptions, registry::Subscriptions::Domain);
        assert_eq!(config.account.wants, ["aggregate", "close"]);
        assert!(!config.operators.is_empty());
        let mood = (config.mood.show, config.mood.status.as_deref(), config.mood.priority);
        assert_eq!(mood, (types::Show::Chat, Some("here"), 5));
    }

    #[test]
    fn who_may_ask_is_told_line_by_line() {
        let social = "subscriptions = \"all\"\noperators = { ops = \"control\", \"a@b\" = \"root\" }\n\
                      presence = { show = \"happy\", priority = 500, wat = 1 }\n";
        let behaviour = "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n";
        let error = parse(&format!("role = \"probe\"\n{HEAD}{social}{behaviour}")).unwrap_err();
        let ConfigError::Problems { problems, .. } = error else { panic!("{error}") };
        let keys: Vec<&str> = problems.iter().map(|it| it.key.as_str()).collect();
        let expected = [
            "subscriptions",
            "operators.a@b",
            "operators.ops",
            "presence.wat",
            "presence.show",
            "presence.priority",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_role_without_what_it_needs_is_told() {
        let error = parse(&format!("role = \"aggregator\"\n{HEAD}")).unwrap_err().to_string();
        for needed in ["anchor", "forward"] {
            assert!(error.contains(&format!("needs `run = \"{needed}\"`")), "{error}");
        }
        let error = parse(&format!("role = \"probe\"\n{HEAD}")).unwrap_err().to_string();
        let needed = "needs `run = \"check\"` or `run = \"watch\"` or `run = \"machine\"` in";
        assert!(error.contains(needed), "{error}");
    }

    #[test]
    fn a_probe_may_be_nothing_but_a_machine() {
        let machine =
            "[[behaviour]]\nrun = \"machine\"\n[behaviour.machine.state.a]\nfinal = true\n";
        assert!(parse(&format!("role = \"probe\"\n{HEAD}{machine}")).is_ok());
    }
}

//! A platform in parts: a server, the API and agents, each a process of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use agents::prosody::{Prosody, free_port as free_from};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Process, free_port, get, until, vedette};

pub(crate) const DOMAIN: &str = "parts.test";

/// An agent as a test describes it: role, name, and the rest of its file.
pub(crate) struct Part {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) rest: String,
}

impl Part {
    pub(crate) fn new(role: &'static str, name: &str, rest: impl Into<String>) -> Self {
        Self { role, name: name.to_owned(), rest: rest.into() }
    }
}

pub(crate) struct Parts {
    pub(crate) folder: TempDir,
    pub(crate) prosody: Prosody,
    pub(crate) http: String,
    pub(crate) api: Process,
    agents: BTreeMap<String, Process>,
}

impl Parts {
    /// Starts the server, the API and a registrar that has these members. They are not started.
    pub(crate) async fn with(members: &[Part]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let prepared =
            Prosody::prepare(&at("xmpp"), DOMAIN, free_from(free_port()).unwrap()).unwrap();
        let names = members.iter().map(|it| it.name.as_str());
        for name in names.clone().chain(["registry"]) {
            prepared.add(name, &format!("password of {name}").as_str().into()).await.unwrap();
            fs::write(at(name), format!("password of {name}\n")).unwrap();
        }
        let prosody = prepared.start().await.unwrap();
        let port = free_port();
        let http = format!("http://127.0.0.1:{port}");
        let api = format!(
            "listen = \"127.0.0.1:{port}\"\ndatabase = \"sqlite://vedette.db\"\n\
             [tsa]\nown = \"tsa\"\n[auth]\nanonymous = \"read\"\n\
             [[auth.token]]\nname = \"aggregator\"\nrole = \"agent\"\nfile = \"token\"\n"
        );
        fs::write(at("api.toml"), api).unwrap();
        let api = start_api(folder.path());
        until("the API", async || get(&http, "/api/v1/summary").await).await;
        let jids: Vec<String> = names.map(|it| format!("{it}@{DOMAIN}")).collect();
        let registrar =
            format!("contacts = {jids:?}\n[[behaviour]]\nrun = \"register\"\nmembers = {jids:?}\n");
        let mut parts = Self { folder, prosody, http, api, agents: BTreeMap::new() };
        parts.write(&Part::new("registrar", "registry", registrar));
        for member in members {
            parts.write(member);
        }
        parts.start("registry");
        parts
    }

    /// What an aggregator runs, but for its name.
    pub(crate) fn aggregation(&self) -> String {
        format!(
            "[[behaviour]]\nrun = \"anchor\"\nurl = \"{0}/tsr\"\nanchor = \"tsa/anchor.pem\"\n\
             interval = \"1s\"\n\
             [[behaviour]]\nrun = \"forward\"\napi = \"{0}\"\ntoken_file = \"token\"\n",
            self.http
        )
    }

    /// Writes the file of an agent. An aggregator runs what aggregators run.
    fn write(&self, part: &Part) {
        let Part { role, name, rest } = part;
        let aggregation = if *role == "aggregator" { self.aggregation() } else { String::new() };
        let text = format!(
            "role = \"{role}\"\njid = \"{name}@{DOMAIN}\"\npassword_file = \"{name}\"\n\
             server = \"{}\"\nca = \"xmpp/ca.pem\"\nstate = \"state-{name}\"\n{rest}\n{aggregation}",
            self.prosody.address()
        );
        fs::write(self.file(&format!("{name}.toml")), text).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts an agent, perhaps again.
    pub(crate) fn start(&mut self, name: &str) {
        let mut command = vedette();
        command.current_dir(self.folder.path());
        command.args(["agent", "run"]).arg(self.file(&format!("{name}.toml")));
        let process = Process::start(&mut command, &self.file(&format!("{name}.log")));
        self.agents.insert(name.to_owned(), process);
    }

    pub(crate) fn start_api(&mut self) {
        self.api = start_api(self.folder.path());
    }

    pub(crate) fn agent(&mut self, name: &str) -> &mut Process {
        self.agents.get_mut(name).unwrap()
    }

    /// Ends an agent as `kill -9` does.
    pub(crate) async fn kill(&mut self, name: &str) {
        self.agent(name).signal(Signal::KILL);
        self.agent(name).end().await;
    }

    /// Waits until the API has heard that an agent is there, or whatever else `show` is.
    pub(crate) async fn sees(&self, name: &str, show: &str) {
        let path = format!("/api/v1/agents/{name}@{DOMAIN}");
        until(&format!("`{name}` is {show}"), async || {
            (get(&self.http, &path).await?["presence"] == show).then_some(())
        })
        .await;
    }

    /// Stops every agent that still runs; each is to end well.
    pub(crate) async fn stop(mut self) {
        for (name, process) in &mut self.agents {
            if process.0.try_wait().unwrap().is_none() {
                assert_eq!(process.stop().await.code(), Some(0), "`{name}` did not end well");
            }
        }
        self.prosody.stop().await;
    }
}

fn start_api(folder: &Path) -> Process {
    let mut command = vedette();
    command.args(["api", "--config"]).arg(folder.join("api.toml"));
    Process::start(&mut command, &folder.join("api.log"))
}

//! Joining over a server that is not ours: ejabberd, with a registrar that may make accounts there,
//! and everybody in a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    ejabberd::Domain,
    support::{Process, free_port, get, run, stderr, stdout, until, vedette},
};

struct Site {
    folder: TempDir,
    domain: Domain,
    http: String,
    _parts: Vec<Process>,
}

impl Site {
    /// An API and a registrar, and nobody else yet.
    async fn with_registrar() -> Self {
        let (folder, domain) = (tempfile::tempdir().unwrap(), Domain::fresh().await);
        let at = |name: &str| folder.path().join(name);
        domain.add("registry", "correct horse").await;
        fs::write(at("password"), "correct horse\n").unwrap();
        let port = free_port();
        let http = format!("http://127.0.0.1:{port}");
        let tokens = ["registrar", "operator", "agent"].map(|role| {
            format!("[[auth.token]]\nname = \"{role}\"\nrole = \"{role}\"\nfile = \"{role}\"\n")
        });
        let api = format!(
            "listen = \"127.0.0.1:{port}\"\ndatabase = \"sqlite://vedette.db\"\n\
             [tsa]\nown = \"tsa\"\n[auth]\nanonymous = \"read\"\n{}",
            tokens.concat()
        );
        fs::write(at("api.toml"), api).unwrap();
        let registrar = format!(
            "role = \"registrar\"\njid = \"registry@{}\"\npassword_file = \"password\"\n\
             server = \"{}\"\nca = {:?}\nstate = \"state\"\n\
             [[behaviour]]\nrun = \"register\"\nmembers = []\n\
             [[behaviour]]\nrun = \"enrol\"\napi = \"{http}\"\ntoken_file = \"registrar\"\n",
            domain.name,
            domain.server.address(),
            domain.server.authority(),
        );
        fs::write(at("registry.toml"), registrar).unwrap();
        let mut api = vedette();
        let api = Process::start(api.args(["api", "--config"]).arg(at("api.toml")), &at("api.log"));
        until("the API", async || get(&http, "/api/v1/summary").await).await;
        let registrar = start(&at("registry.toml"), &at("registry.log"));
        Self { folder, domain, http, _parts: vec![api, registrar] }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn enroll(&self, arguments: &[&str]) -> Command {
        let mut command = vedette();
        command.arg("enroll").args(arguments).args(["--url", &self.http, "--token-file"]);
        command.arg(self.file("operator"));
        command
    }

    /// Has somebody join, and run.
    async fn join(&self, name: &str, role: &str, more: &str) -> Process {
        // The API knows no registrar before that has asked for something to do.
        let token = until("a token", async || {
            let new = run(&mut self.enroll(&["new", "--name", name, "--role", role]));
            let early = stderr(&new).contains("no registrar has shown itself");
            assert!(early || new.status.success(), "{}", stderr(&new));
            new.status.success().then(|| stdout(&new))
        })
        .await;
        let mut command = vedette();
        succeeds(command.args(["join", token.trim(), "--data"]).arg(self.file(name)));
        let file = self.file(name).join("agent.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + more).unwrap();
        start(&file, &self.file(&format!("{name}.log")))
    }
}

fn start(file: &Path, log: &Path) -> Process {
    Process::start(vedette().args(["agent", "run"]).arg(file), log)
}

fn succeeds(command: &mut Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

#[tokio::test]
async fn agents_join_and_are_revoked_over_ejabberd() {
    let site = Site::with_registrar().await;
    let http = &site.http;
    let gathers = format!(
        "[[behaviour]]\nrun = \"anchor\"\nurl = \"{http}/tsr\"\nanchor = {:?}\ninterval = \"1s\"\n\
         [[behaviour]]\nrun = \"forward\"\napi = \"{http}\"\ntoken_file = {:?}\n",
        site.file("tsa/anchor.pem"),
        site.file("agent"),
    );
    let _gatherer = site.join("gatherer", "aggregator", &gathers).await;
    let mut edge = site.join("edge1", "probe", "").await;
    let source = format!("edge1@{}", site.domain.name);
    until("its result is stamped", async || {
        let page = get(http, &format!("/api/v1/items?source={source}")).await?;
        let is_stamped = |it: &Value| it["proof"] == "stamped";
        page["items"].as_array()?.iter().any(is_stamped).then_some(())
    })
    .await;
    succeeds(&mut site.enroll(&["revoke", "edge1"]));
    assert_eq!(edge.end().await.code(), Some(3));
}

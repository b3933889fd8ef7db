//! An ordinary chat client for people, Profanity, in a terminal of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Wide enough that no line of an answer is broken.
const SIZE: [&str; 4] = ["-x", "250", "-y", "60"];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Time between two looks at the screen.
const LOOK: Duration = Duration::from_millis(50);

/// What stands before a message that was sealed; before others it is `-`.
pub(crate) const SEALED: char = '~';

pub(crate) struct Profanity {
    home: TempDir,
    jid: String,
}

impl Profanity {
    /// Logs in, over TLS and with no authority believed but this one.
    pub(crate) async fn log_in(jid: &str, password: &Path, port: u16, authority: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for folder in ["profanity", "authorities"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::copy(authority, at("authorities/ca.pem")).unwrap();
        run(Command::new("openssl").arg("rehash").arg(at("authorities")));
        let account = format!(
            "[{jid}]\nenabled=true\njid={jid}\nserver=127.0.0.1\nport={port}\nresource=desk\n\
             tls.policy=force\neval_password=cat {}\n",
            password.display()
        );
        fs::write(at("profanity/accounts"), account).unwrap();
        let authorities = at("authorities").display().to_string();
        let settings = format!("[connection]\ntls.certpath={authorities}\n[ui]\nroster=false\n");
        fs::write(at("profanity/profrc"), settings).unwrap();
        let client = Self { home, jid: jid.to_owned() };
        client.start().await;
        client
    }

    async fn start(&self) {
        let mut start = self.tmux();
        start.args(["-f", "/dev/null", "new-session", "-d"]).args(SIZE);
        start.args(["profanity", "-a", &self.jid]);
        let home = self.home.path();
        start.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_DATA_HOME", home);
        run(start.env("TERM", "screen").env("LC_ALL", "C.UTF-8"));
        self.shows(&format!("{}/desk logged in successfully", self.jid)).await;
    }

    /// Ends it as a person would, and starts it anew with what it has kept.
    pub(crate) async fn restart(&self) {
        self.quit().await;
        self.start().await;
    }

    /// The same, without the keys and sessions that it had.
    pub(crate) async fn restart_without_keys(&self) {
        self.quit().await;
        fs::remove_dir_all(self.home.path().join("profanity/omemo")).unwrap();
        self.start().await;
    }

    async fn quit(&self) {
        self.types("/quit");
        // With its only window ends the terminal.
        let deadline = Instant::now() + PATIENCE;
        while self.tmux().arg("has-session").output().unwrap().status.success() {
            assert!(Instant::now() < deadline, "it does not end: {}", self.screen());
            sleep(LOOK).await;
        }
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.socket());
        tmux
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("tmux")
    }

    fn keys(&self, keys: &[&str]) {
        run(self.tmux().arg("send-keys").args(keys));
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        self.keys(&["-l", line]);
        self.keys(&["Enter"]);
    }

    /// What is on the screen, with all space between words made one blank.
    pub(crate) fn screen(&self) -> String {
        let screen = run(self.tmux().args(["capture-pane", "-p"]));
        screen.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until something is on the screen.
    pub(crate) async fn shows(&self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(what) {
            assert!(Instant::now() < deadline, "waited in vain for `{what}`: {}", self.screen());
            sleep(LOOK).await;
        }
    }

    /// Says something to somebody in a window without history.
    pub(crate) fn says(&self, whom: &str, text: &str) {
        self.types("/clear");
        self.types(&format!("/msg {whom} {text}"));
    }

    /// Makes keys, publishes them, and returns their fingerprint.
    pub(crate) async fn makes_keys(&self) -> String {
        self.types("/omemo gen");
        self.shows("OMEMO crytographic materials generated").await;
        self.types("/omemo fingerprint");
        let told = "Your OMEMO fingerprint: ";
        self.shows(told).await;
        let screen = self.screen();
        let (_, after) = screen.rsplit_once(told).unwrap();
        after.split(' ').next().unwrap().to_owned()
    }

    /// Publishes a list of devices where there is none: before, it does not add itself.
    pub(crate) fn begins_its_list(&self) {
        self.types("/omemo clear_device_list");
    }

    /// Begins to speak sealed with somebody who is known by this fingerprint, and no other.
    pub(crate) async fn begins_to_seal(&self, whom: &str, fingerprint: &str) {
        let dashed = fingerprint.replace(' ', "-");
        self.types(&format!("/msg {whom}"));
        self.types(&format!("/omemo start {whom}"));
        self.shows("[OMEMO]").await;
        let deadline = Instant::now() + PATIENCE;
        // Until it has their keys it does not know whom it could trust.
        while !self.screen().contains(&dashed) {
            assert!(Instant::now() < deadline, "{}", self.screen());
            self.types("/omemo fingerprint");
            sleep(LOOK * 4).await;
        }
        self.types(&format!("/omemo trust {dashed}"));
        self.shows(&format!("{dashed} (trusted)")).await;
    }
}

impl Drop for Profanity {
    fn drop(&mut self) {
        drop(self.tmux().arg("kill-server").output());
    }
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

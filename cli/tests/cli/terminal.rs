//! An ordinary chat client for people, Profanity, in a terminal of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{run, stdout, until};

/// Wide enough that no line of an answer is broken.
const SIZE: [&str; 4] = ["-x", "250", "-y", "60"];

pub(crate) struct Profanity {
    home: TempDir,
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
        let hashed = run(Command::new("openssl").arg("rehash").arg(at("authorities")));
        assert!(hashed.status.success(), "{hashed:?}");
        let account = format!(
            "[{jid}]\nenabled=true\njid={jid}\nserver=127.0.0.1\nport={port}\nresource=desk\n\
             tls.policy=force\neval_password=cat {}\n",
            password.display()
        );
        fs::write(at("profanity/accounts"), account).unwrap();
        let settings = format!("[connection]\ntls.certpath={}\n", at("authorities").display());
        fs::write(at("profanity/profrc"), settings).unwrap();
        let client = Self { home };
        let mut start = client.tmux();
        start.args(["-f", "/dev/null", "new-session", "-d"]).args(SIZE);
        start.args(["profanity", "-a", jid]);
        let home = client.home.path();
        start.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_DATA_HOME", home);
        let started = run(start.env("TERM", "screen").env("LC_ALL", "C.UTF-8"));
        assert!(started.status.success(), "{started:?}");
        client.shows(&format!("{jid}/desk logged in successfully")).await;
        client
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
        let typed = run(self.tmux().arg("send-keys").args(keys));
        assert!(typed.status.success(), "{typed:?}");
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        self.keys(&["-l", line]);
        self.keys(&["Enter"]);
    }

    /// What is on the screen, with all space between words made one blank.
    pub(crate) fn screen(&self) -> String {
        let screen = stdout(&run(self.tmux().args(["capture-pane", "-p"])));
        screen.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until something is on the screen.
    pub(crate) async fn shows(&self, what: &str) {
        let looked = until(what, async || {
            let screen = self.screen();
            screen.contains(what).then_some(screen)
        });
        looked.await;
    }

    /// Says something to somebody in a window without history, and waits for an answer.
    pub(crate) async fn asks(&self, whom: &str, question: &str, answer: &str) {
        self.types("/clear");
        self.types(&format!("/msg {whom} {question}"));
        self.shows(answer).await;
    }
}

impl Drop for Profanity {
    fn drop(&mut self) {
        drop(self.tmux().arg("kill-server").output());
    }
}

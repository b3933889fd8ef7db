//! A real Chromium, told what to do over `WebDriver` (W3C).

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Process, free_port, until};

pub(crate) struct Browser {
    session: String,
    http: reqwest::Client,
    _driver: Process,
    _folder: TempDir,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}"));
        let driver = Process::start(&mut driver, &folder.path().join("driver.log"));
        let http = reqwest::Client::new();
        let base = format!("http://127.0.0.1:{port}");
        until("the driver", async || http.get(format!("{base}/status")).send().await.ok()).await;
        let profile = folder.path().join("profile");
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                format!("--user-data-dir={}", profile.display()),
            ] },
        } } });
        let answer = http.post(format!("{base}/session")).json(&options).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().expect("a session");
        Self { session: format!("{base}/session/{id}"), http, _driver: driver, _folder: folder }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/{path}", self.session)).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["value"].clone()
    }

    pub(crate) async fn go(&self, url: &str, width: u32) {
        let size = json!({ "width": width, "height": 900 });
        self.post("window/rect", size).await;
        self.post("url", json!({ "url": url })).await;
    }

    /// Runs a function body on the page and returns what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What the page complained on its console.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) async fn close(self) {
        let request = self.http.delete(&self.session);
        drop(request.send().await);
    }
}

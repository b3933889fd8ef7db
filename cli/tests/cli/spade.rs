//! Real SPADE agents, driven line by line, and what they do with ours.

use std::{fs, path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{
    parts::{DOMAIN, Part, Parts},
    support::{PATIENCE, get, until},
};

#[path = "../../../registry/tests/registry/python.rs"]
#[expect(dead_code, reason = "the other Python is for who tests seals")]
mod python;

/// A SPADE agent in a process of its own, which ends when this is dropped.
pub(crate) struct Spade {
    _child: Child,
    orders: ChildStdin,
    seen: Lines<BufReader<ChildStdout>>,
}

impl Spade {
    pub(crate) async fn start(jid: &str, password: &str, port: u16) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry/tests");
        let mut child = Command::new(python::with_spade().await)
            .arg(tests.join("registry/spade/peer.py"))
            .args(["agent", jid, password, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let seen = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut spade = Self { _child: child, orders, seen };
        spade.sees("ready").await;
        spade
    }

    pub(crate) async fn does(&mut self, order: Value) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    /// Waits for the next thing of a kind; what comes before is passed over.
    pub(crate) async fn sees(&mut self, what: &str) -> Value {
        let next = async {
            while let Some(line) = self.seen.next_line().await.unwrap() {
                let seen = serde_json::from_str(&line).unwrap_or(json!({}));
                if seen["saw"] == what {
                    return seen;
                }
            }
            panic!("it ended before it saw `{what}`");
        };
        timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("waited in vain for `{what}`"))
    }
}

/// The machine of the documentation, which opens on request and keeps note of it.
const DOOR: &str = r#"
[[behaviour]]
run = "check"
command = ["true"]

[[behaviour]]
run = "machine"
file = "machine.toml"
"#;

/// The first machine that a page shows.
fn first_machine(page: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let page = fs::read_to_string(page).unwrap();
    let machines = page.split("```toml\n").filter_map(|it| it.split_once("```"));
    machines.map(|it| it.0).find(|it| it.contains("[state.")).unwrap().to_owned()
}

#[tokio::test]
async fn a_spade_agent_asks_the_machine_of_the_documentation_and_is_answered() {
    let mut parts =
        Parts::with(&[Part::new("aggregator", "aggregator", ""), Part::new("probe", "door", DOOR)])
            .await;
    fs::write(parts.file("machine.toml"), first_machine("machines.md")).unwrap();
    parts.prosody.add("visitor", &"correct horse".into()).await.unwrap();
    parts.start("aggregator");
    parts.start("door");
    parts.sees("door", "available").await;

    let (visitor, door) = (format!("visitor@{DOMAIN}"), format!("door@{DOMAIN}"));
    let port = parts.prosody.address().port();
    let mut spade = Spade::start(&visitor, "correct horse", port).await;
    let request = json!({
        "do": "send", "to": door, "body": "open", "thread": "visit 1",
        "metadata": {"performative": "request"},
    });
    spade.does(request.clone()).await;
    let answer = spade.sees("message").await;
    let sender = answer["sender"].as_str().unwrap().split('/').next();
    assert_eq!((sender, &answer["performative"]), (Some(&*door), &json!("agree")), "{answer}");
    assert_eq!(answer["thread"], "visit 1", "{answer}");
    let item = until("the item", async || {
        let page = get(&parts.http, "/api/v1/items?type=door").await?;
        page["items"].get(0).filter(|it| it["proof"] == "stamped").cloned()
    })
    .await;
    let summary = item["summary"].as_str().unwrap();
    assert!(summary.starts_with(&format!("opened for {visitor}")), "{summary}");
    assert!(summary.ends_with("1 times so far"), "{summary}");

    // It is open, and says so to whoever asks meanwhile.
    spade.does(request).await;
    let answer = spade.sees("message").await;
    assert_eq!(answer["performative"], "refuse", "{answer}");
    assert_eq!(answer["body"], "not while `open`", "{answer}");
    parts.stop().await;
}

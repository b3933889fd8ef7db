//! Real SPADE agents, driven line by line.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    python,
    support::{PASSWORD, World, within},
};

/// A SPADE agent in a process of its own, which ends when this is dropped.
pub(crate) struct Spade {
    _child: Child,
    orders: Option<ChildStdin>,
    seen: Lines<BufReader<ChildStdout>>,
}

impl Spade {
    pub(crate) async fn agent(world: &World, name: &str) -> Self {
        Self::start("agent", world, name).await
    }

    pub(crate) async fn artifact(world: &World, name: &str) -> Self {
        Self::start("artifact", world, name).await
    }

    async fn start(kind: &str, world: &World, name: &str) -> Self {
        let python = python::with_spade().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/spade/peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([kind, world.jid(name).as_str(), PASSWORD])
            .arg(world.address().port().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let seen = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut spade = Self { _child: child, orders, seen };
        spade.sees("ready").await;
        spade
    }

    pub(crate) async fn does(&mut self, order: Value) {
        let line = format!("{order}\n");
        self.orders.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    }

    /// Waits for the next thing of a kind; what comes before is passed over.
    pub(crate) async fn sees(&mut self, what: &str) -> Value {
        self.sees_where(what, |_| true).await
    }

    pub(crate) async fn sees_where(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let next = async {
            while let Some(line) = self.seen.next_line().await.unwrap() {
                let seen = serde_json::from_str(&line).unwrap_or(json!({}));
                if seen["saw"] == what && is(&seen) {
                    return seen;
                }
            }
            panic!("it ended before it saw `{what}`");
        };
        within(next).await
    }

    /// Stops as SPADE agents do.
    pub(crate) async fn stops(&mut self) {
        self.orders = None;
        self.sees("stopped").await;
    }
}

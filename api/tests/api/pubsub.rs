//! `/pubsub`: with the client that SCANDALE's users have, and frame by frame.

use std::{path::PathBuf, process::Stdio, time::Duration};

use api::{Anonymous, Role};
use evidence::Record;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    sync::OnceCell,
    time::timeout,
};

use crate::{
    proofs::stamp,
    scandale::literal,
    world::{World, item, uuid},
};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the client is, as it is installed.
const CLIENT: [&str; 2] = ["fastapi_websocket_pubsub==1.0.1", "websockets"];

/// A Python that has the client. It is installed once, next to what is built.
async fn python() -> PathBuf {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    let install = async || {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pubsub-client");
        let python = folder.join("bin/python");
        let done = folder.join("installed");
        if !done.exists() {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status().await;
            assert!(made.unwrap().success(), "python3 -m venv");
            let install = ["-m", "pip", "install", "-q"];
            let pip = Command::new(&python).args(install).args(CLIENT).status().await;
            assert!(pip.unwrap().success(), "pip install {CLIENT:?}");
            std::fs::write(done, "").unwrap();
        }
        python
    };
    INSTALLED.get_or_init(install).await.clone()
}

/// The Python client, running.
struct Subscriber {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Subscriber {
    async fn start(world: &World) -> Self {
        let mut process = Command::new(python().await)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/subscriber.py"))
            .arg(format!("ws://{}/pubsub", world.api.address()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut subscriber = Self { process, lines };
        assert_eq!(subscriber.next().await, "ready");
        subscriber
    }

    async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[tokio::test]
async fn scandales_own_client_is_told_of_items_and_time_stamps() {
    let world = World::with(|config| config.auth.anonymous = Anonymous::Read).await;
    let mut subscriber = Subscriber::start(&world).await;
    let one = item(uuid(1), 1, "hello\n");
    world.store(&one).await;
    let scan = json!(["scan", {
        "version": "1",
        "format": "raw",
        "meta": { "uuid": uuid(1), "ts": 1, "type": "check" },
        "payload": { "raw": "aGVsbG8K" },
    }]);
    assert_eq!(subscriber.next().await, scan);

    let token = stamp(&world, &Record::of(&one).unwrap().digest()).await;
    let stamp = literal(&token, &uuid(1).to_string());
    let request = world.request(Role::Agent, Method::POST, "/TimeStampTokens/").body(stamp);
    let posted: Value = request.send().await.unwrap().json().await.unwrap();
    let tst = subscriber.next().await;
    assert_eq!(tst, json!(["tst", posted]));
    drop(subscriber.process.stdin.take());
    assert!(timeout(PATIENCE, subscriber.process.wait()).await.unwrap().unwrap().success());
}

/// A WebSocket, by hand: text frames of less than 64 KiB.
struct Socket(TcpStream);

impl Socket {
    async fn open(world: &World, role: Role) -> Self {
        let mut socket = TcpStream::connect(world.api.address()).await.unwrap();
        let head = format!(
            "GET /pubsub?token={} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            world.token(role)
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self(socket)
    }

    async fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81, 0x80 | 0x7e];
        frame.extend(length.to_be_bytes());
        // The mask is all zeros: it changes nothing.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let frame = async {
            let kind = self.0.read_u8().await.unwrap();
            assert_eq!(kind, 0x81, "a whole text");
            let length = match self.0.read_u8().await.unwrap() {
                0x7e => usize::from(self.0.read_u16().await.unwrap()),
                0x7f => usize::try_from(self.0.read_u64().await.unwrap()).unwrap(),
                short => usize::from(short),
            };
            let mut text = vec![0; length];
            self.0.read_exact(&mut text).await.unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        timeout(PATIENCE, frame).await.unwrap()
    }

    async fn ask(&mut self, method: &str, arguments: Value) -> Value {
        let request = json!({ "method": method, "arguments": arguments, "call_id": "7" });
        self.send(&json!({ "request": request, "response": null }).to_string()).await;
        self.next().await["response"].take()
    }
}

#[tokio::test]
async fn everything_that_can_be_asked_is_answered() {
    let world = World::new().await;
    let mut socket = Socket::open(&world, Role::Reader).await;
    let mut said = Vec::new();
    for (method, arguments) in [
        ("_ping_", json!({})),
        ("ping", Value::Null),
        ("subscribe", json!({ "topics": ["scan", "tst"] })),
        ("subscribe", json!({ "topics": "presence" })),
        ("unsubscribe", json!({ "topics": ["tst"] })),
        ("publish", json!({ "topics": ["scan"], "data": 1, "sync": true })),
        ("subscribe", json!({ "topics": 7 })),
        ("subscribe", json!([])),
        ("dance", json!({})),
    ] {
        said.push(format!("{method}: {}", socket.ask(method, arguments).await));
    }
    for text in ["", "no JSON", "{\"request\":7}", "{\"request\":{\"method\":\"ping\"}}"] {
        socket.send(text).await;
        said.push(format!("{text}: {}", socket.next().await["response"]));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    _ping_: {"call_id":"7","result":"pong","result_type":"str"}
    ping: {"call_id":"7","result":"pong","result_type":"str"}
    subscribe: {"call_id":"7","result":true,"result_type":"bool"}
    subscribe: {"call_id":"7","result":true,"result_type":"bool"}
    unsubscribe: {"call_id":"7","result":true,"result_type":"bool"}
    publish: {"call_id":"7","result":false,"result_type":"bool"}
    subscribe: {"call_id":"7","result":"`topics` must be a string or at most 256 strings","result_type":"error"}
    subscribe: {"call_id":"7","result":"`topics` must be a string or at most 256 strings","result_type":"error"}
    dance: {"call_id":"7","result":"no method `dance`; there are: _ping_, ping, _get_channel_id_, subscribe, unsubscribe, publish","result_type":"error"}
    : {"call_id":null,"result":"not a message: EOF while parsing a value at line 1 column 0","result_type":"error"}
    no JSON: {"call_id":null,"result":"not a message: expected ident at line 1 column 2","result_type":"error"}
    {"request":7}: {"call_id":null,"result":"not a message: invalid type: integer `7`, expected struct Request at line 1 column 12","result_type":"error"}
    {"request":{"method":"ping"}}: {"call_id":null,"result":"pong","result_type":"str"}
    "#);
    let id = socket.ask("_get_channel_id_", json!({})).await["result"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    // What is no request is let be.
    socket.send("{\"foo\":1}").await;
    socket.send("{\"request\":null,\"response\":{\"result\":\"None\"}}").await;
    assert_eq!(socket.ask("ping", json!({})).await["result"], "pong");
}

#[tokio::test]
async fn who_subscribes_to_all_is_told_the_topic() {
    let world = World::new().await;
    let mut socket = Socket::open(&world, Role::Reader).await;
    socket.ask("subscribe", json!({ "topics": "__EventNotifier_ALL_TOPICS__" })).await;
    let presence = json!([{ "jid": "a@x", "show": "chat", "since_ms": 1 }]);
    world.post("/api/v1/presence", &presence).await;
    let topics = [socket.next().await, socket.next().await]
        .map(|notify| notify["request"]["arguments"]["subscription"]["topic"].clone());
    assert_eq!(topics, ["agent", "presence"]);
}

#[tokio::test]
async fn an_operator_publishes_to_all_others() {
    let world = World::new().await;
    let mut operator = Socket::open(&world, Role::Operator).await;
    let mut reader = Socket::open(&world, Role::Reader).await;
    for socket in [&mut operator, &mut reader] {
        socket.ask("subscribe", json!({ "topics": ["news"] })).await;
    }
    let told = json!({ "topics": ["news", "other"], "data": { "a": [1, "é"] } });
    assert_eq!(operator.ask("publish", told).await["result"], true);
    let mut notify = reader.next().await["request"].take();
    assert_eq!(notify["method"], "notify");
    assert_eq!(notify["arguments"]["data"], json!({ "a": [1, "é"] }));
    let mut subscription = notify["arguments"]["subscription"].take();
    assert_eq!(subscription["id"].take().as_str().unwrap().len(), 32);
    assert_eq!(subscription["subscriber_id"].take().as_str().unwrap().len(), 32);
    let expected =
        json!({ "id": null, "subscriber_id": null, "topic": "news", "notifier_id": null });
    assert_eq!(subscription, expected);
    // Its own publication does not come back: the next that it hears is the answer.
    assert_eq!(operator.ask("ping", json!({})).await["result"], "pong");
}

#[tokio::test]
async fn pages_of_other_sites_may_not_listen() {
    let world = World::new().await;
    let open = async |origin: String| {
        let request = world
            .request(Role::Reader, Method::GET, "/pubsub")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", origin);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(open("https://evil.example".to_owned()).await, 403);
    assert_eq!(open("null".to_owned()).await, 403);
    assert_eq!(open(world.url("")).await, 101);
}

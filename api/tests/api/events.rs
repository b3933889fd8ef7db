//! Server-sent events: told in order, told again to who was away, and not to who can not keep up.

use std::time::Duration;

use api::Role;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::world::{World, answer, item, steady, uuid};

/// A reader of a stream.
struct Stream {
    response: Response,
    rest: String,
}

/// One event as it came.
#[derive(Debug, PartialEq)]
struct Event {
    id: Option<i64>,
    topic: String,
    data: Value,
}

impl Stream {
    async fn open(world: &World, query: &str, last: Option<i64>) -> Self {
        let path = format!("/api/v1/events{query}");
        let mut request = world.request(Role::Reader, Method::GET, &path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, rest: String::new() };
        assert_eq!(stream.block().await.unwrap(), ": welcome");
        stream
    }

    /// What stands before the next empty line, or nothing when the stream is over.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let block = block.to_owned();
                self.rest = rest.to_owned();
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.unwrap().ok().flatten()?;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Event> {
        let mut block = self.block().await?;
        while block.starts_with(": ") {
            block = self.block().await?;
        }
        let mut event = Event { id: None, topic: String::new(), data: Value::Null };
        for line in block.lines() {
            match line.split_once(": ").unwrap() {
                ("id", id) => event.id = Some(id.parse().unwrap()),
                ("event", topic) => topic.clone_into(&mut event.topic),
                ("data", data) => event.data = serde_json::from_str(data).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        Some(event)
    }

    async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.unwrap());
        }
        events
    }
}

fn presence(jid: &str, since_ms: i64, status: &str) -> Value {
    json!([{ "jid": jid, "show": "chat", "since_ms": since_ms, "status": status }])
}

#[tokio::test]
async fn what_happens_is_told_while_it_happens() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "", None).await;
    world.store(&item(uuid(1), 1, "hello")).await;
    world.store(&item(uuid(2), 2, "again")).await;
    world.post("/api/v1/items", &item(uuid(1), 1, "hello")).await;
    world.post("/api/v1/presence", &presence("a@x", 5, "ready")).await;
    let told: Vec<_> = stream
        .take(4)
        .await
        .into_iter()
        .map(|event| (event.id, event.topic, steady(event.data)))
        .collect();
    insta::assert_json_snapshot!(told, @r#"
    [
      [
        1,
        "scan",
        {
          "format": "raw",
          "proof": "pending",
          "received_ms": "[received_ms]",
          "sha256": "37bbb6701f734cef68d2d601f70f9c0a5ac311ec2e397171409e8d1517c08f64",
          "source": "probe1@vedette.local",
          "stamped_ms": null,
          "summary": "hello",
          "trust": null,
          "ts": 1,
          "type": "check",
          "uuid": "00000000-0000-4000-8000-000000000001",
          "verdict": "pass"
        }
      ],
      [
        2,
        "scan",
        {
          "format": "raw",
          "proof": "pending",
          "received_ms": "[received_ms]",
          "sha256": "c64e28cd4ad68a8ab13c60a4fe98927c647a0146e2fb3664529af3daf4a3273c",
          "source": "probe1@vedette.local",
          "stamped_ms": null,
          "summary": "again",
          "trust": null,
          "ts": 2,
          "type": "check",
          "uuid": "00000000-0000-4000-8000-000000000002",
          "verdict": "pass"
        }
      ],
      [
        3,
        "agent",
        {
          "backlog": 0,
          "duties": [],
          "flapping": false,
          "jid": "a@x",
          "labels": {},
          "last_report_ms": null,
          "load": 0,
          "policy": null,
          "presence": "chat",
          "role": "",
          "runs": [],
          "since": 5,
          "status": "ready",
          "unwanted": 0,
          "version": "",
          "violations": [],
          "why": null
        }
      ],
      [
        4,
        "presence",
        {
          "duties": [],
          "jid": "a@x",
          "labels": {},
          "priority": 0,
          "role": "",
          "show": "chat",
          "since_ms": 5,
          "status": "ready",
          "version": ""
        }
      ]
    ]
    "#);
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "?topics=presence,behaviour", None).await;
    world.store(&item(uuid(1), 1, "hello")).await;
    world.post("/api/v1/presence", &presence("a@x", 5, "ready")).await;
    assert_eq!(stream.next().await.unwrap().topic, "presence");
    let wrong = answer(world.get("/api/v1/events?topics=scan,weather&since=-1").await).await;
    insta::assert_json_snapshot!(wrong, @r#"
    [
      422,
      {
        "detail": "`topics` must be some of scan, tst, proof, presence, agent, behaviour, alert, audit, with commas between; `since` must be the number of an event",
        "errors": [
          {
            "detail": "must be some of scan, tst, proof, presence, agent, behaviour, alert, audit, with commas between",
            "field": "topics"
          },
          {
            "detail": "must be the number of an event",
            "field": "since"
          }
        ],
        "status": 422,
        "title": "Unprocessable Entity",
        "type": "about:blank"
      }
    ]
    "#);
}

#[tokio::test]
async fn who_was_away_is_told_what_was_missed() {
    let world = World::new().await;
    let many: Vec<_> = (1..=1200).map(|n| item(uuid(n), 1, "x")).collect();
    world.post("/api/v1/items", &json!(many)).await;
    let mut stream = Stream::open(&world, "?topics=scan", Some(200)).await;
    let ids: Vec<_> = stream.take(1000).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, (201..=1200).map(Some).collect::<Vec<_>>());
    world.store(&item(uuid(9999), 1, "x")).await;
    assert_eq!(stream.next().await.unwrap().id, Some(1201));

    let world = world.again().await;
    let mut stream = Stream::open(&world, "?since=1200", None).await;
    world.store(&item(uuid(10_000), 1, "x")).await;
    let ids: Vec<_> = stream.take(2).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, [Some(1201), Some(1202)]);
}

#[tokio::test]
async fn the_last_ten_thousand_are_kept_and_who_missed_more_is_told() {
    let world = World::new().await;
    for round in 0..3 {
        let many: Vec<_> = (0..4000).map(|n| item(uuid(round * 4000 + n), 1, "x")).collect();
        world.post("/api/v1/items", &json!(many)).await;
    }
    let mut stream = Stream::open(&world, "?since=0", None).await;
    let first = stream.next().await.unwrap();
    assert_eq!((first.topic.as_str(), first.data), ("lagged", json!({ "missed": 2000 })));
    assert_eq!(stream.next().await.unwrap().id, Some(2001));
}

#[tokio::test]
async fn a_commit_of_thousands_does_not_lose_its_reader() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "", None).await;
    let many: Vec<_> = (1..=4096).map(|n| item(uuid(n), 1, "x")).collect();
    world.post("/api/v1/items", &json!(many)).await;
    let ids: Vec<_> = stream.take(4096).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=4096).map(Some).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_keep_up_is_told_so_and_left_and_goes_on_later() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "?topics=presence", None).await;
    // More than the queue of a reader and the buffers of both ends of a connection hold.
    let status = "x".repeat(16_000);
    for since_ms in 0..2000 {
        world.post("/api/v1/presence", &presence("a@x", since_ms, &status)).await;
    }
    let mut last = None;
    let lagged = loop {
        let event = stream.next().await.unwrap();
        if event.topic == "lagged" {
            break event;
        }
        last = event.id;
    };
    // One event more: the first presence made the agent known.
    assert_eq!(lagged.data, json!({ "missed": 2001 - last.unwrap() }));
    assert_eq!(stream.next().await, None);
    let mut stream = Stream::open(&world, "?topics=presence", last).await;
    assert_eq!(stream.next().await.unwrap().id, last.map(|last| last + 1));
}

#[tokio::test]
async fn behaviours_are_told_and_not_kept() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "?topics=agent,behaviour", None).await;
    let report = json!({ "jid": "a@x", "sent_ms": 1, "role": "probe", "behaviours": [] });
    world.post("/api/v1/agents/a@x/report", &report).await;
    let told: Vec<_> =
        stream.take(2).await.into_iter().map(|event| (event.id, event.topic, event.data)).collect();
    insta::assert_json_snapshot!(told, @r#"
    [
      [
        1,
        "agent",
        {
          "backlog": 0,
          "duties": [],
          "flapping": false,
          "jid": "a@x",
          "labels": {},
          "last_report_ms": 1,
          "load": 0,
          "policy": null,
          "presence": "unavailable",
          "role": "probe",
          "runs": [],
          "since": 1,
          "status": null,
          "unwanted": 0,
          "version": "",
          "violations": [],
          "why": null
        }
      ],
      [
        null,
        "behaviour",
        {
          "behaviours": [],
          "jid": "a@x",
          "unwanted": 0,
          "violations": []
        }
      ]
    ]
    "#);
}

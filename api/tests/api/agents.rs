//! Agents: what they report, where they are, where they were.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, answer, steady};

const JID: &str = "probe1@vedette.local";

fn report(sent_ms: i64, behaviours: &Value) -> Value {
    json!({
        "jid": JID,
        "sent_ms": sent_ms,
        "role": "probe",
        "duties": ["check"],
        "labels": { "site": "lux1" },
        "version": "0.1.0",
        "backlog": 3,
        "behaviours": behaviours,
    })
}

fn behaviour(name: &str, state: &str, diagram: Option<Value>) -> Value {
    let mut behaviour = json!({
        "name": name,
        "run": "check",
        "phase": { "phase": "running" },
        "state": state,
        "since_ms": 5,
        "steps": 7,
        "restarts": 0,
        "mailbox": { "queued": 0, "capacity": 64, "dropped": 0 },
    });
    if let Some(diagram) = diagram {
        behaviour["diagram"] = diagram;
    }
    behaviour
}

fn presence(since_ms: i64, show: &str) -> Value {
    json!({ "jid": JID, "show": show, "since_ms": since_ms, "priority": 1, "role": "probe" })
}

#[tokio::test]
async fn an_agent_is_what_it_reported() {
    let world = World::new().await;
    let diagram = json!({ "states": [{ "name": "wait", "about": "waits", "moves": ["run"] },
        { "name": "run", "about": "runs", "moves": [] }] });
    let path = format!("/api/v1/agents/{JID}/report");
    let first = report(
        10,
        &json!([behaviour("check", "wait", Some(diagram)), behaviour("watch", "wait", None)]),
    );
    assert_eq!(world.post(&path, &first).await.status(), StatusCode::NO_CONTENT);
    let second = report(20, &json!([behaviour("check", "run", None)]));
    assert_eq!(world.post(&path, &second).await.status(), StatusCode::NO_CONTENT);
    let stale = report(15, &json!([behaviour("check", "wait", None)]));
    assert_eq!(world.post(&path, &stale).await.status(), StatusCode::NO_CONTENT);
    insta::assert_json_snapshot!(world.read(&format!("/api/v1/agents/{JID}")).await, @r#"
    {
      "backlog": 3,
      "behaviours": [
        {
          "diagram": {
            "states": [
              {
                "about": "waits",
                "moves": [
                  "run"
                ],
                "name": "wait"
              },
              {
                "about": "runs",
                "moves": [],
                "name": "run"
              }
            ]
          },
          "mailbox": {
            "capacity": 64,
            "dropped": 0,
            "queued": 0
          },
          "name": "check",
          "phase": {
            "phase": "running"
          },
          "restarts": 0,
          "run": "check",
          "since_ms": 5,
          "state": "run",
          "steps": 7
        }
      ],
      "duties": [
        "check"
      ],
      "flapping": false,
      "jid": "probe1@vedette.local",
      "labels": {
        "site": "lux1"
      },
      "last_report_ms": 20,
      "load": 0,
      "policy": null,
      "presence": "unavailable",
      "role": "probe",
      "runs": [],
      "silent": null,
      "since": 10,
      "status": null,
      "unwanted": 0,
      "version": "0.1.0",
      "violations": [],
      "why": null
    }
    "#);
    let behaviours = world.read(&format!("/api/v1/agents/{JID}/behaviours")).await;
    assert_eq!(behaviours["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn presence_is_a_history_and_the_newest_counts() {
    let world = World::new().await;
    let three = json!([presence(10, "available"), presence(30, "away"), presence(20, "dnd")]);
    assert_eq!(answer(world.post("/api/v1/presence", &three).await).await.1, json!({"stored": 3}));
    assert_eq!(answer(world.post("/api/v1/presence", &three).await).await.1, json!({"stored": 0}));
    let agent = world.read(&format!("/api/v1/agents/{JID}")).await;
    assert_eq!((&agent["presence"], &agent["since"]), (&json!("away"), &json!(30)));
    let path = format!("/api/v1/agents/{JID}/presence?limit=2");
    let page = world.read(&path).await;
    let next = page["next"].as_str().unwrap().to_owned();
    insta::assert_json_snapshot!(steady(page), @r#"
    {
      "items": [
        {
          "flapping": false,
          "from": "dnd",
          "jid": "probe1@vedette.local",
          "priority": 1,
          "received_ms": "[received_ms]",
          "show": "away",
          "since_ms": 30,
          "status": null,
          "why": null
        },
        {
          "flapping": false,
          "from": "available",
          "jid": "probe1@vedette.local",
          "priority": 1,
          "received_ms": "[received_ms]",
          "show": "dnd",
          "since_ms": 20,
          "status": null,
          "why": null
        }
      ],
      "next": "20_3",
      "total": 3
    }
    "#);
    let last = world.read(&format!("{path}&cursor={next}")).await;
    assert_eq!(last["items"][0]["since_ms"], 10);
    assert_eq!((&last["next"], &last["total"]), (&Value::Null, &json!(3)));
}

#[tokio::test]
async fn who_goes_away_stays_what_it_was() {
    let world = World::new().await;
    let path = format!("/api/v1/agents/{JID}/report");
    world.post(&path, &report(10, &json!([]))).await;
    let gone = json!([{ "jid": JID, "show": "unavailable", "since_ms": 20 }]);
    world.post("/api/v1/presence", &gone).await;
    let agent = world.read(&format!("/api/v1/agents/{JID}")).await;
    assert_eq!((&agent["presence"], &agent["role"]), (&json!("unavailable"), &json!("probe")));
    assert_eq!(agent["labels"], json!({ "site": "lux1" }));
}

#[tokio::test]
async fn agents_are_found_by_role_and_label() {
    let world = World::new().await;
    let others = json!([
        { "jid": "a@x", "show": "chat", "since_ms": 1, "role": "probe", "labels": { "site": "lux2" } },
        { "jid": "b@x", "show": "unavailable", "since_ms": 1, "role": "aggregator" },
    ]);
    world.post("/api/v1/presence", &others).await;
    let found = async |query: &str| -> Vec<String> {
        let list = world.read(&format!("/api/v1/agents?{query}")).await;
        let items = list["items"].as_array().unwrap();
        items.iter().map(|agent| agent["jid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("").await, ["a@x", "b@x"]);
    assert_eq!(found("role=aggregator").await, ["b@x"]);
    assert_eq!(found("label=site").await, ["a@x"]);
    assert_eq!(found("label=site%3Dlux2").await, ["a@x"]);
    assert_eq!(found("label=site%3Dlux1").await, [""; 0]);
    let summary = world.read("/api/v1/summary").await;
    assert_eq!(summary["agents"], json!({ "total": 2, "present": 1 }));
}

#[tokio::test]
async fn reports_that_can_not_be_right_are_refused() {
    let world = World::new().await;
    let twice = report(1, &json!([behaviour("check", "a", None), behaviour("check", "b", None)]));
    let other = answer(world.post("/api/v1/agents/other@x/report", &twice).await).await;
    insta::assert_json_snapshot!(other, @r#"
    [
      422,
      {
        "detail": "`jid` must be that of the path, `other@x`; `behaviours` must have a name each; `check` stands twice",
        "errors": [
          {
            "detail": "must be that of the path, `other@x`",
            "field": "jid"
          },
          {
            "detail": "must have a name each; `check` stands twice",
            "field": "behaviours"
          }
        ],
        "status": 422,
        "title": "Unprocessable Entity",
        "type": "about:blank"
      }
    ]
    "#);
    let nobody = json!([{ "jid": "", "show": "chat", "since_ms": 1 }]);
    insta::assert_json_snapshot!(answer(world.post("/api/v1/presence", &nobody).await).await, @r#"
    [
      422,
      {
        "detail": "`0.jid` must be a bare JID such as `probe1@vedette.local`",
        "errors": [
          {
            "detail": "must be a bare JID such as `probe1@vedette.local`",
            "field": "0.jid"
          }
        ],
        "status": 422,
        "title": "Unprocessable Entity",
        "type": "about:blank"
      }
    ]
    "#);
    assert_eq!(world.get("/api/v1/agents/nobody@x").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(world.read("/api/v1/agents").await["total"], 0);
}

#[tokio::test]
async fn a_history_says_from_what_to_what_and_why() {
    let world = World::new().await;
    let lost = json!([{
        "jid": JID, "show": "unavailable", "since_ms": 20, "why": "connection lost",
        "flapping": true,
    }]);
    world.post("/api/v1/presence", &json!([presence(10, "available")])).await;
    world.post("/api/v1/presence", &lost).await;
    let page = world.read(&format!("/api/v1/agents/{JID}/presence?limit=1")).await;
    let told = &page["items"][0];
    assert_eq!((&told["from"], &told["show"]), (&json!("available"), &json!("unavailable")));
    assert_eq!((&told["why"], &told["flapping"]), (&json!("connection lost"), &json!(true)));
    let agent = world.read(&format!("/api/v1/agents/{JID}")).await;
    assert_eq!((&agent["why"], &agent["flapping"]), (&json!("connection lost"), &json!(true)));
    // Who stops flapping is told of, though it did not move.
    let calm =
        json!([{ "jid": JID, "show": "unavailable", "since_ms": 20, "why": "connection lost" }]);
    assert_eq!(answer(world.post("/api/v1/presence", &calm).await).await.1, json!({ "stored": 1 }));
    assert_eq!(world.read(&format!("/api/v1/agents/{JID}")).await["flapping"], false);
}

#[tokio::test]
async fn agents_are_found_by_duty_label_and_state() {
    let world = World::new().await;
    let two = json!([
        { "jid": "a@x", "show": "chat", "since_ms": 1, "role": "probe", "duties": ["check"],
          "labels": { "site": "lux1" }, "load": 50 },
        { "jid": "b@x", "show": "away", "since_ms": 1, "role": "aggregator",
          "duties": ["aggregate"], "labels": { "site": "lux2" } },
    ]);
    world.post("/api/v1/presence", &two).await;
    let found = async |query: &str| -> Vec<String> {
        let page = world.read(&format!("/api/v1/agents?{query}")).await;
        let jid = |it: &Value| it["jid"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(jid).collect()
    };
    assert_eq!(found("duty=check").await, ["a@x"]);
    assert_eq!(found("duty=aggregate&label=site%3Dlux1").await, Vec::<String>::new());
    assert_eq!(found("state=away").await, ["b@x"]);
    assert_eq!(found("state=silent").await, Vec::<String>::new());
    // A check of long ago is overdue, however present its agent says to be.
    let overdue = json!({
        "jid": "a@x", "sent_ms": 1, "role": "probe", "duties": ["check"], "version": "1",
        "behaviours": [{
            "name": "disk", "run": "check", "phase": { "phase": "running" }, "state": "Waiting",
            "since_ms": 0, "steps": 1, "restarts": 0, "due_ms": 3_600_000,
            "mailbox": { "queued": 0, "capacity": 1, "dropped": 0 },
        }],
        "unwanted": 3,
        "violations": [{
            "at_ms": 5, "protocol": "fipa-contract-net", "conversation": "c1", "with": "b@x",
            "what": "cfp without reply after reply-by",
        }],
    });
    world.post("/api/v1/agents/a@x/report", &overdue).await;
    assert_eq!(found("state=silent").await, ["a@x"]);
    assert_eq!(found("state=chat").await, Vec::<String>::new());
    let agent = world.read("/api/v1/agents/a@x").await;
    assert_eq!(
        (&agent["silent"], &agent["presence"]),
        (&json!("`disk` is overdue"), &json!("chat"))
    );
    assert_eq!((&agent["load"], &agent["unwanted"]), (&json!(50), &json!(3)));
    assert_eq!(agent["violations"][0]["what"], "cfp without reply after reply-by");
    let wrong = answer(world.get("/api/v1/agents?state=asleep").await).await;
    assert_eq!(wrong.0, 422);
}

#[tokio::test]
async fn how_an_agent_is_spoken_to_changes_without_a_new_presence() {
    let world = World::new().await;
    let mut said = presence(10, "available");
    for (policy, stored) in [("prefer", 1), ("sealed", 0)] {
        said["policy"] = json!(policy);
        let answered = answer(world.post("/api/v1/presence", &json!([said])).await).await;
        assert_eq!(answered, (200, json!({ "stored": stored })));
        assert_eq!(world.read(&format!("/api/v1/agents/{JID}")).await["policy"], policy);
    }
    said["policy"] = json!("open");
    assert_eq!(world.post("/api/v1/presence", &json!([said])).await.status(), 422);
}

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
      "jid": "probe1@vedette.local",
      "labels": {
        "site": "lux1"
      },
      "last_report_ms": 20,
      "presence": "unavailable",
      "role": "probe",
      "since": 10,
      "status": null,
      "version": "0.1.0"
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
          "jid": "probe1@vedette.local",
          "priority": 1,
          "received_ms": "[received_ms]",
          "show": "away",
          "since_ms": 30,
          "status": null
        },
        {
          "jid": "probe1@vedette.local",
          "priority": 1,
          "received_ms": "[received_ms]",
          "show": "dnd",
          "since_ms": 20,
          "status": null
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

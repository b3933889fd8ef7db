//! Alerts: what probes tell of, what people do about it, and what is learnt from them.

use api::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, answer, item, uuid};

const PROBE: &str = "probe1@vedette.local";
const ID: &str = "command-2001:db8::7-1764000000000";

fn at(second: u32) -> String {
    format!("2025-11-24T16:00:{second:02}.000000001Z")
}

fn example(port: u16) -> Value {
    json!({
        "start": at(1), "protocol": 6,
        "originator": { "address": "2001:db8::7", "port": port },
        "responder": { "address": "192.0.2.1", "port": 443 },
    })
}

/// An item as a probe makes one of an alert.
fn alert(number: u128, second: u32, change: &str, state: &str) -> Value {
    let mut item = item(uuid(number), 1_764_000_000, "high command by 2001:db8::7: beacon");
    item["meta"]["type"] = "alert".into();
    item["payload"]["verdict"] = "alert".into();
    item["payload"]["change"] = json!({
        "at": at(second),
        "change": change,
        "alert": {
            "id": ID, "host": "2001:db8::7", "family": "command", "state": state,
            "severity": "high", "score": 0.5, "opened": at(1), "first": at(0),
            "last": at(second), "detectors": ["beacon"], "techniques": ["T1071"],
            "peers": ["192.0.2.1"], "count": second, "flows": 40,
            "evidence": [{
                "detector": "beacon", "severity": "high", "confidence": 0.9,
                "why": [{ "name": "score", "value": 0.95, "threshold": 0.8 }],
                "examples": [example(4001), example(4002), example(4001)],
            }],
            "history": [],
        },
    });
    item
}

async fn handle(world: &World, role: Role, query: &str, body: &Value) -> (u16, Value) {
    let path = format!("/api/v1/alerts/{ID}{query}");
    answer(world.request(role, Method::POST, &path).json(body).send().await.unwrap()).await
}

async fn operate(world: &World, body: Value) -> (u16, Value) {
    handle(world, Role::Operator, "", &body).await
}

async fn show(world: &World) -> Value {
    world.read(&format!("/api/v1/alerts/{}", ID.replace(':', "%3A"))).await
}

async fn labels(world: &World) -> Vec<Value> {
    let response = world.get("/api/v1/labels").await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn deeds(world: &World) -> Vec<String> {
    let audit = world.read("/api/v1/audit").await;
    let rows = audit["items"].as_array().unwrap();
    rows.iter().map(|it| format!("{}: {}", it["deed"], it["detail"]).replace('"', "")).collect()
}

#[tokio::test]
async fn an_alert_is_shown_with_its_evidence_and_the_items_that_prove_it() {
    let world = World::new().await;
    world.store(&alert(1, 1, "opened", "new")).await;
    world.store(&alert(2, 5, "grown", "new")).await;
    let list = world.read("/api/v1/alerts").await;
    assert_eq!((&list["total"], &list["next"]), (&json!(1), &json!(null)));
    let row = &list["items"][0];
    insta::assert_json_snapshot!(row, @r#"
    {
      "changed_ms": 1764000005000,
      "changes": 2,
      "count": 5,
      "detectors": [
        "beacon"
      ],
      "family": "command",
      "flows": 40,
      "host": "2001:db8::7",
      "id": "command-2001:db8::7-1764000000000",
      "item": "00000000-0000-4000-8000-000000000002",
      "judged_by": null,
      "judged_ms": null,
      "judged_note": null,
      "last_ms": 1764000005000,
      "moved_by": null,
      "moved_ms": null,
      "note": null,
      "opened_ms": 1764000001000,
      "score": 0.5,
      "severity": "high",
      "source": "probe1@vedette.local",
      "state": "new",
      "techniques": [
        "T1071"
      ],
      "verdict": null
    }
    "#);
    let alert = show(&world).await;
    assert_eq!(alert["evidence"][0]["why"][0]["threshold"], 0.8);
    assert_eq!(alert["peers"], json!(["192.0.2.1"]));
    assert_eq!(alert["possible"], json!(["confirmed", "acknowledged", "mitigated", "expired"]));
    let told: Vec<_> = alert["told"].as_array().unwrap().iter().map(|it| &it["item"]).collect();
    assert_eq!(told, [&json!(uuid(2)), &json!(uuid(1))]);
    for item in told {
        world.read(&format!("/api/v1/items/{}", item.as_str().unwrap())).await;
    }
    // The same item again tells nothing new.
    world.post("/api/v1/items", &self::alert(2, 5, "grown", "new")).await;
    let world = world.again().await;
    assert_eq!(show(&world).await, alert);
}

#[tokio::test]
async fn a_change_that_comes_late_takes_nothing_back() {
    let world = World::new().await;
    let mut newer = alert(2, 9, "grown", "confirmed");
    newer["payload"]["change"]["alert"]["severity"] = "critical".into();
    world.store(&newer).await;
    let before = world.read("/api/v1/alerts").await["items"][0].clone();
    world.store(&alert(1, 1, "opened", "new")).await;
    let after = show(&world).await;
    for key in ["severity", "state", "item", "changed_ms", "count", "last_ms"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    assert_eq!((&after["changes"], &after["severity"]), (&json!(2), &json!("critical")));
}

#[tokio::test]
async fn what_is_malformed_stays_an_item_and_is_no_alert() {
    let world = World::new().await;
    let broken: [(&str, Value); 16] = [
        ("/payload/change", json!("soon")),
        ("/payload/change/at", json!("soon")),
        ("/payload/change/change", json!("sung")),
        ("/payload/change/alert", json!([])),
        ("/payload/change/alert/id", json!("a/b")),
        ("/payload/change/alert/id", json!("x".repeat(257))),
        ("/payload/change/alert/host", json!("example.org")),
        ("/payload/change/alert/family", json!("")),
        ("/payload/change/alert/severity", json!("dire")),
        ("/payload/change/alert/state", json!(null)),
        ("/payload/change/alert/score", json!("1")),
        ("/payload/change/alert/opened", json!(1e15)),
        ("/payload/change/alert/detectors", json!(vec!["x"; 65])),
        ("/payload/change/alert/techniques", json!([1])),
        ("/payload/change/alert/count", json!(-1)),
        ("/meta/source", json!(null)),
    ];
    for (number, (place, value)) in (1..).zip(broken) {
        let mut item = alert(number, 1, "opened", "new");
        *item.pointer_mut(place).unwrap() = value;
        world.store(&item).await;
        assert_eq!(world.read("/api/v1/alerts").await["total"], 0, "{place}");
    }
    assert_eq!(world.read("/api/v1/items?type=alert").await["total"], 16);
    // What only the page shows may be anything.
    let mut odd = alert(100, 1, "opened", "new");
    odd["payload"]["change"]["alert"]["evidence"] =
        json!([7, { "examples": [{ "start": 7 }, example(1), { "start": "x" }] }]);
    world.store(&odd).await;
    assert_eq!(show(&world).await["evidence"][0], 7);
    assert_eq!(operate(&world, json!({ "verdict": "attack" })).await.0, 200);
    assert_eq!(labels(&world).await.len(), 1);
}

#[tokio::test]
async fn an_alert_goes_forward_only_and_nobody_sets_it_back() {
    let world = World::new().await;
    world.store(&alert(1, 1, "opened", "new")).await;
    let (status, row) =
        operate(&world, json!({ "state": "acknowledged", "note": " on it " })).await;
    let told = (&row["state"], &row["moved_by"], &row["note"]);
    assert_eq!(
        (status, told),
        (200, (&json!("acknowledged"), &json!("operator"), &json!("on it")))
    );
    // The probe says more, and less.
    world.store(&alert(2, 5, "grown", "confirmed")).await;
    let row = show(&world).await;
    assert_eq!((&row["state"], &row["count"]), (&json!("acknowledged"), &json!(5)));
    assert_eq!(row["note"], "on it");
    for back in ["confirmed", "acknowledged"] {
        let (status, problem) = operate(&world, json!({ "state": back })).await;
        assert_eq!((status, &problem["possible"]), (409, &json!(["mitigated", "expired"])));
        assert_eq!(
            problem["detail"],
            "the alert is acknowledged; from there it may be mitigated, expired"
        );
    }
    world.store(&alert(3, 9, "moved", "expired")).await;
    assert_eq!(show(&world).await["state"], "expired");
    let (status, problem) = operate(&world, json!({ "state": "mitigated" })).await;
    assert_eq!((status, &problem["possible"]), (409, &json!([])));
    assert_eq!(
        deeds(&world).await,
        ["acknowledge: new → acknowledged, alert of probe1@vedette.local: on it"]
    );
}

#[tokio::test]
async fn what_a_person_judged_is_a_label_and_can_be_judged_again() {
    let world = World::new().await;
    world.store(&alert(1, 1, "opened", "new")).await;
    assert_eq!(labels(&world).await, Vec::<Value>::new());
    let (status, row) = operate(&world, json!({ "verdict": "attack" })).await;
    assert_eq!((status, &row["verdict"], &row["state"]), (200, &json!("attack"), &json!("new")));
    let mut lines = labels(&world).await;
    let judged_at = lines[0].as_object_mut().unwrap().remove("judged_at").unwrap();
    assert!(judged_at.as_str().unwrap().ends_with('Z'), "{judged_at}");
    assert_eq!(lines.len(), 2, "each conversation once");
    insta::assert_json_snapshot!(lines[0], @r#"
    {
      "alert": "command-2001:db8::7-1764000000000",
      "family": "command",
      "judged_by": "operator",
      "label": "malicious",
      "originator": {
        "address": "2001:db8::7",
        "port": 4001
      },
      "protocol": 6,
      "responder": {
        "address": "192.0.2.1",
        "port": 443
      },
      "source": "probe1@vedette.local",
      "start": "2025-11-24T16:00:01.000000001Z"
    }
    "#);
    let (status, row) = operate(&world, json!({ "verdict": "benign", "note": "backup" })).await;
    let told = (&row["verdict"], &row["state"], &row["judged_note"]);
    assert_eq!((status, told), (200, (&json!("benign"), &json!("expired"), &json!("backup"))));
    assert!(labels(&world).await.iter().all(|it| it["label"] == "benign"));
    // Nothing that comes reopens it, or takes the verdict away.
    world.store(&alert(2, 5, "grown", "confirmed")).await;
    let row = show(&world).await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("expired"), &json!("benign")));
    // Judged and moved at once, or not at all.
    let both = json!({ "state": "confirmed", "verdict": "attack" });
    assert_eq!(operate(&world, both).await.0, 409);
    assert_eq!(show(&world).await["verdict"], "benign");
    assert_eq!(operate(&world, json!({ "verdict": "attack" })).await.1["state"], "expired");
    let source = "alert of probe1@vedette.local";
    let said = ["judge: attack", "judge: benign", "judge: attack"];
    let said: Vec<_> = said.iter().map(|it| format!("{it}, {source}")).collect();
    let deeds = deeds(&world).await;
    assert_eq!((&deeds[0], &deeds[2]), (&said[0], &said[2]));
    assert_eq!(deeds[1], format!("{}: backup", said[1]));
}

#[tokio::test]
async fn alerts_of_one_name_are_told_apart_by_their_source() {
    let world = World::new().await;
    let mut other = alert(2, 1, "opened", "new");
    other["meta"]["source"] = "analyzer@vedette.local".into();
    world.store(&alert(1, 1, "opened", "new")).await;
    world.store(&other).await;
    let (status, problem) = operate(&world, json!({ "verdict": "attack" })).await;
    assert_eq!((status, &problem["sources"]), (409, &json!(["analyzer@vedette.local", PROBE])));
    assert_eq!(answer(world.get(&format!("/api/v1/alerts/{ID}")).await).await.0, 409);
    let query = format!("?source={PROBE}");
    let verdict = json!({ "verdict": "attack" });
    assert_eq!(handle(&world, Role::Operator, &query, &verdict).await.0, 200);
    let list = world.read("/api/v1/alerts").await;
    let verdicts: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|it| &it["verdict"]).collect();
    assert_eq!(verdicts, [&json!(null), &json!("attack")]);
}

#[tokio::test]
async fn alerts_are_found_by_what_they_are_and_page_by_page() {
    let world = World::new().await;
    for number in 1..=5_u32 {
        let mut item = alert(number.into(), number, "opened", "new");
        let told = &mut item["payload"]["change"]["alert"];
        told["id"] = format!("flood-192.0.2.{number}-1").into();
        told["host"] = format!("192.0.2.{number}").into();
        told["opened"] = at(number).into();
        if number > 3 {
            told["severity"] = "low".into();
            told["state"] = "expired".into();
            told["family"] = "flood".into();
        }
        world.store(&item).await;
    }
    let count =
        async |query: &str| world.read(&format!("/api/v1/alerts?{query}")).await["total"].clone();
    for (query, total) in [
        ("", 5),
        ("open=true", 3),
        ("open=false", 2),
        ("state=expired", 2),
        ("severity=high", 3),
        ("family=flood", 2),
        ("host=192.0.2.3", 1),
        ("source=probe1@vedette.local", 5),
        ("source=nobody@vedette.local", 0),
        ("since=2025-11-24T16:00:03Z", 3),
        ("until=2025-11-24T16:00:03Z", 3),
        ("severity=high&open=false", 0),
    ] {
        assert_eq!(count(query).await, total, "{query}");
    }
    let mut hosts = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.read(&format!("/api/v1/alerts?limit=2&cursor={cursor}")).await;
        assert_eq!(page["total"], 5);
        hosts.extend(page["items"].as_array().unwrap().iter().map(|it| it["host"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(hosts, ["192.0.2.5", "192.0.2.4", "192.0.2.3", "192.0.2.2", "192.0.2.1"]);
    let path = "/api/v1/alerts?state=odd&severity=x&host=y&open=z&since=w&limit=0&cursor=v";
    let (status, problem) = answer(world.get(path).await).await;
    let errors = problem["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().map(|it| it["field"].as_str().unwrap()).collect();
    let wrong = ["state", "severity", "host", "open", "since", "cursor", "limit"];
    assert_eq!((status, fields), (422, wrong.to_vec()));
}

#[tokio::test]
async fn only_operators_handle_alerts_and_what_is_wrong_is_named() {
    let world = World::new().await;
    world.store(&alert(1, 1, "opened", "new")).await;
    let verdict = json!({ "verdict": "attack" });
    for role in [Role::Reader, Role::Agent, Role::Registrar] {
        assert_eq!(handle(&world, role, "", &verdict).await.0, 403, "{}", role.name());
    }
    for (body, fields) in [
        (json!({}), vec!["state"]),
        (json!({ "note": "x" }), vec!["state"]),
        (json!({ "state": "new" }), vec!["state"]),
        (json!({ "state": 7, "verdict": "bad" }), vec!["state", "verdict"]),
        (json!({ "verdict": "attack", "note": "x".repeat(1001) }), vec!["note"]),
        (json!({ "verdict": "attack", "note": "\u{7}" }), vec!["note"]),
        (json!({ "verdict": "attack", "why": "x" }), vec!["why"]),
    ] {
        let (status, problem) = operate(&world, body.clone()).await;
        let errors = problem["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|it| it["field"].as_str().unwrap()).collect();
        assert_eq!((status, named), (422, fields), "{body}");
    }
    assert_eq!(operate(&world, json!([])).await.0, 422);
    assert_eq!(show(&world).await["verdict"], json!(null));
    let nothing = world.get("/api/v1/alerts/nothing").await;
    assert_eq!(answer(nothing).await.1["detail"], "no alert `nothing`");
    assert_eq!(deeds(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn alerts_are_told_as_events() {
    let world = World::new().await;
    world.store(&alert(2, 5, "opened", "new")).await;
    world.store(&alert(1, 1, "grown", "new")).await;
    operate(&world, json!({ "verdict": "benign" })).await;
    world.store(&alert(3, 9, "moved", "expired")).await;
    let path = "/api/v1/events?topics=alert&since=0";
    let mut response = world.get(path).await;
    let mut text = String::new();
    while text.matches("event: alert").count() < 3 {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let told: Vec<Value> = data.map(|it| serde_json::from_str(it).unwrap()).collect();
    let what: Vec<_> = told.iter().map(|it| it["what"].as_str().unwrap()).collect();
    // What comes late changes nothing, and is not told.
    assert_eq!(what, ["opened", "handled", "moved"]);
    assert_eq!((&told[1]["id"], &told[1]["state"]), (&json!(ID), &json!("expired")));
}

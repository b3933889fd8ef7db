//! People whose devices are believed: who may say so, what the registrar is told, what is shown.

use api::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, answer};

const OPS: &str = "ops@example.org";

fn key(digit: char) -> String {
    digit.to_string().repeat(64)
}

async fn asked(
    world: &World,
    role: Role,
    method: Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    answer(world.request(role, method, path).json(body).send().await.unwrap()).await
}

async fn trust(world: &World, body: Value) -> (u16, Value) {
    asked(world, Role::Operator, Method::POST, "/api/v1/operators", &body).await
}

async fn distrust(world: &World, path: &str) -> (u16, Value) {
    let path = format!("/api/v1/operators/{path}");
    asked(world, Role::Operator, Method::DELETE, &path, &json!({})).await
}

async fn orders(world: &World) -> Value {
    let path = "/api/v1/registrar/orders?after=0&wait=0";
    asked(world, Role::Registrar, Method::GET, path, &json!({})).await.1["items"].clone()
}

async fn news(world: &World, number: &Value, fate: Value) {
    let news = json!([{ "number": number, "name": OPS, "at_ms": 5, "fate": fate }]);
    let path = "/api/v1/registrar/news";
    assert_eq!(asked(world, Role::Registrar, Method::POST, path, &news).await.0, 204);
}

fn member(jid: &str, role: &str, digit: char) -> Value {
    json!({
        "jid": jid, "role": role, "labels": {}, "serial": 1,
        "devices": [{ "device": 7, "identity": key(digit) }],
        "evidence_key": "0".repeat(64),
    })
}

async fn show(world: &World, members: &[Value]) {
    let list = json!({
        "registrar": { "jid": "registry@vedette.local", "key": key('c') },
        "head": {
            "serial": 1, "issued_ms": 1, "until_ms": 2, "count": members.len(),
            "digest": key('3'), "signature": "04".repeat(64),
        },
        "members": members,
    });
    let path = "/api/v1/members";
    assert_eq!(asked(world, Role::Registrar, Method::POST, path, &list).await.0, 204);
}

#[tokio::test]
async fn a_person_is_believed_once_the_registrar_has_signed_it() {
    let world = World::new().await;
    let wanted = json!({ "jid": " OPS@example.org", "fingerprint": key('A') });
    let (status, row) = trust(&world, wanted.clone()).await;
    assert_eq!((status, &row["state"], &row["done"]), (201, &json!("trusted"), &json!(false)));
    assert_eq!(row["devices"][0]["fingerprint"], ["aaaaaaaa"; 8].join(" "));
    let told = orders(&world).await;
    assert_eq!((&told[0]["name"], &told[0]["number"]), (&json!(OPS), &json!(1)));
    assert_eq!(told[0]["wish"]["trust"]["devices"][0]["identity"], key('a'));
    news(&world, &json!(1), json!({ "trusted": member(OPS, "operator", 'a') })).await;
    let row = world.read(&format!("/api/v1/operators/{OPS}")).await;
    assert_eq!((&row["done"], &row["devices"][0]["device"]), (&json!(true), &json!(7)));
    assert_eq!(orders(&world).await, json!([]));
    // Said again, nothing is new; a second device stands beside the first.
    assert_eq!(trust(&world, wanted).await.0, 200);
    let uri = format!("xmpp:{OPS}?omemo-sid-7={}", key('b'));
    let (status, row) = trust(&world, json!({ "uri": uri })).await;
    assert_eq!((status, row["devices"].as_array().unwrap().len()), (201, 2));
    assert_ne!(row["devices"][0]["device"], row["devices"][1]["device"]);
    let (status, row) = distrust(&world, &format!("{OPS}/{}", key('a'))).await;
    assert_eq!((status, &row["devices"][0]["identity"]), (200, &json!(key('b'))));
    assert_eq!(distrust(&world, &format!("{OPS}/{}", key('a'))).await.0, 404);
    let (status, row) = distrust(&world, OPS).await;
    assert_eq!((status, &row["state"], &row["devices"]), (200, &json!("revoked"), &json!([])));
    let told = orders(&world).await;
    assert_eq!(told[0]["wish"]["trust"]["devices"], json!([]));
    news(&world, &told[0]["number"], json!("revoked")).await;
    let row = world.read("/api/v1/operators").await["items"][0].clone();
    assert_eq!((&row["state"], &row["done"]), (&json!("revoked"), &json!(true)));
    let audit = world.read("/api/v1/audit").await;
    let deeds: Vec<_> = audit["items"].as_array().unwrap().iter().map(|it| &it["deed"]).collect();
    assert_eq!(deeds, ["revoked", "distrust", "distrust", "trust", "trusted", "trust"]);
    // People are no enrolments.
    assert_eq!(world.read("/api/v1/enrolments").await["items"], json!([]));
    let world = world.again().await;
    assert_eq!(world.read("/api/v1/operators").await["items"][0], row);
}

#[tokio::test]
async fn agents_are_enrolled_and_nobody_has_countless_devices() {
    let world = World::new().await;
    show(&world, &[member("edge@test", "probe", 'a'), member(OPS, "operator", 'b')]).await;
    let agent = json!({ "jid": "edge@test", "fingerprint": key('a') });
    assert_eq!(trust(&world, agent).await.0, 409);
    assert_eq!(distrust(&world, "edge@test").await.0, 404);
    // Whoever was vouched for in the registrar's own files is listed, and keeps its devices.
    let row = world.read(&format!("/api/v1/operators/{OPS}")).await;
    assert_eq!((&row["created_by"], &row["done"]), (&json!(null), &json!(true)));
    for digit in "1234567".chars() {
        assert_eq!(trust(&world, json!({ "jid": OPS, "fingerprint": key(digit) })).await.0, 201);
    }
    let (status, problem) = trust(&world, json!({ "jid": OPS, "fingerprint": key('8') })).await;
    assert_eq!((status, &problem["limit"]), (409, &json!(8)));
    // An agent may be called as a person elsewhere is.
    let named = json!({ "name": "ops", "role": "probe" });
    let path = "/api/v1/enrolments";
    assert_eq!(asked(&world, Role::Operator, Method::POST, path, &named).await.0, 201);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    for (body, fields) in [
        (json!({}), vec!["jid"]),
        (json!({ "jid": OPS }), vec!["jid"]),
        (json!({ "jid": OPS, "fingerprint": "ab" }), vec!["fingerprint"]),
        (json!({ "jid": "ops", "fingerprint": key('a') }), vec!["jid"]),
        (json!({ "jid": "@x", "fingerprint": key('a') }), vec!["jid"]),
        (json!({ "uri": "xmpp:ops@x?join" }), vec!["uri"]),
        (json!({ "uri": "xmpp:ops@x?join", "name": "x" }), vec!["name", "uri"]),
    ] {
        let (status, problem) = trust(&world, body.clone()).await;
        let errors = problem["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|it| it["field"].as_str().unwrap()).collect();
        assert_eq!((status, named), (422, fields), "{body}");
    }
    assert_eq!(world.read("/api/v1/operators").await["total"], 0);
    assert_eq!(distrust(&world, "nobody@test").await.0, 404);
    assert_eq!(distrust(&world, "nobody@test/x").await.0, 404);
}

#[tokio::test]
async fn a_member_is_shown_with_what_a_camera_reads() {
    let world = World::new().await;
    show(&world, &[member("edge@test", "probe", 'a')]).await;
    let shown = world.read("/api/v1/members/edge@test").await;
    let device = &shown["fingerprints"][0];
    assert_eq!(device["uri"], format!("xmpp:edge@test?omemo-sid-7={}", key('a')));
    assert!(device["qr"]["path"].as_str().unwrap().starts_with("M4 4h7v1h-7z"));
    let path = "/api/v1/members/nobody@test";
    assert_eq!(asked(&world, Role::Reader, Method::GET, path, &json!({})).await.0, 404);
}

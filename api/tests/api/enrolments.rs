//! Enrolments: a token shown once, what the registrar is told, and what is kept.

use api::Role;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::world::{World, answer};

fn registrar() -> Value {
    json!({
        "jid": "registry@vedette.local",
        "server": "127.0.0.1:5222",
        "authority": "ab".repeat(32),
        "key": "cd".repeat(32),
    })
}

fn member(name: &str) -> Value {
    json!({
        "jid": format!("{name}@vedette.local"),
        "role": "probe",
        "labels": {},
        "devices": [{ "device": 7, "identity": "01".repeat(32) }],
        "evidence_key": "02".repeat(32),
        "serial": 3,
    })
}

fn list(members: &[Value]) -> Value {
    json!({
        "registrar": registrar(),
        "head": {
            "serial": 3, "issued_ms": 1, "until_ms": 2, "count": members.len(),
            "digest": "03".repeat(32), "signature": "04".repeat(64),
        },
        "members": members,
    })
}

async fn world(members: &[Value]) -> World {
    let world = World::new().await;
    let shown = registers(&world, "/api/v1/members", &list(members)).await;
    assert_eq!(shown.status(), 204);
    world
}

async fn registers(world: &World, path: &str, body: &Value) -> Response {
    world.request(Role::Registrar, Method::POST, path).json(body).send().await.unwrap()
}

async fn act(world: &World, method: Method, path: &str, body: &Value) -> Response {
    world.request(Role::Operator, method, path).json(body).send().await.unwrap()
}

async fn open(world: &World, name: &str, more: &Value) -> (u16, Value) {
    let mut body = json!({ "name": name, "role": "probe" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer(act(world, Method::POST, "/api/v1/enrolments", &body).await).await
}

async fn orders(world: &World, after: i64, wait: u64) -> Value {
    let path = format!("/api/v1/registrar/orders?after={after}&wait={wait}");
    answer(world.request(Role::Registrar, Method::GET, &path).send().await.unwrap()).await.1
}

async fn news(world: &World, number: &Value, name: &str, fate: Value) {
    let news = json!([{ "number": number, "name": name, "at_ms": 5, "fate": fate }]);
    assert_eq!(registers(world, "/api/v1/registrar/news", &news).await.status(), 204);
}

async fn state(world: &World, name: &str) -> Value {
    world.read(&format!("/api/v1/enrolments/{name}")).await["state"].clone()
}

#[tokio::test]
async fn a_token_is_shown_once_and_its_secret_is_kept_nowhere() {
    let world = world(&[]).await;
    let (status, opened) = open(&world, "edge1", &json!({ "labels": { "site": "lux1" } })).await;
    assert_eq!((status, &opened["state"]), (201, &json!("open")));
    let token = opened["token"].as_str().unwrap();
    assert!(token.starts_with("vdt1_") && token.len() < 600, "{token}");
    let shown = world.read("/api/v1/enrolments").await;
    assert_eq!((&shown["total"], &shown["items"][0]["name"]), (&json!(1), &json!("edge1")));
    assert!(!shown.to_string().contains("token") && !shown.to_string().contains("password"));
    let told = orders(&world, 0, 0).await;
    let order = &told["items"][0];
    assert_eq!((&order["name"], &order["number"]), (&json!("edge1"), &json!(1)));
    let wish = &order["wish"]["enrol"];
    assert_eq!((&wish["role"], &wish["labels"]["site"]), (&json!("probe"), &json!("lux1")));
    assert_eq!(wish["proof_key"].as_str().unwrap().len(), 64);
    news(&world, &order["number"], "edge1", json!("ready")).await;
    assert_eq!(state(&world, "edge1").await, "ready");
    news(&world, &order["number"], "edge1", json!({ "joined": member("edge1") })).await;
    let shown = world.read("/api/v1/enrolments/edge1").await;
    assert_eq!(shown["state"], "joined");
    assert_eq!(shown["member"]["devices"][0]["identity"], json!("01".repeat(32)));
    // What was made of the secret is gone with its use.
    assert_eq!(orders(&world, 0, 0).await["items"], json!([]));
    let audit = world.read("/api/v1/audit").await;
    let deeds: Vec<_> = audit["items"].as_array().unwrap().iter().map(|it| &it["deed"]).collect();
    assert_eq!(deeds, ["joined", "ready", "enrol"]);
    assert_eq!(audit["items"][2]["who"], "operator");
    let world = world.again().await;
    assert_eq!(state(&world, "edge1").await, "joined");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let world = world(&[]).await;
    let body = json!({
        "name": "Edge 1", "role": "king", "labels": [1], "expires": 0, "expiry": "1h",
    });
    let refused = act(&world, Method::POST, "/api/v1/enrolments", &body).await;
    let (status, problem) = answer(refused).await;
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!(
        (status, fields),
        (422, ["expiry", "name", "role", "labels", "expires"].map(|it| json!(it)).to_vec())
    );
    for body in [json!([]), json!("x"), json!({})] {
        let refused = act(&world, Method::POST, "/api/v1/enrolments", &body).await;
        assert_eq!(refused.status(), 422, "{body}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_free_again_once_it_is_revoked() {
    let world = world(&[member("probe1"), member("registry")]).await;
    assert_eq!(open(&world, "edge1", &json!({})).await.0, 201);
    assert_eq!(open(&world, "edge1", &json!({})).await.0, 409);
    assert_eq!(open(&world, "probe1", &json!({})).await.0, 409);
    let delete = async |name: &str| {
        let path = format!("/api/v1/enrolments/{name}");
        answer(act(&world, Method::DELETE, &path, &json!({})).await).await
    };
    let (status, revoked) = delete("edge1").await;
    assert_eq!(
        (status, &revoked["state"], &revoked["done"]),
        (200, &json!("revoked"), &json!(false))
    );
    // Nobody joins under that name before the registrar has done it.
    assert_eq!(open(&world, "edge1", &json!({})).await.0, 409);
    let told = orders(&world, 0, 0).await;
    assert_eq!((&told["items"][0]["wish"], &told["next"]), (&json!("revoke"), &json!(2)));
    news(&world, &json!(2), "edge1", json!("revoked")).await;
    assert_eq!(orders(&world, 0, 0).await["items"], json!([]));
    assert_eq!(open(&world, "edge1", &json!({})).await.0, 201);
    // A member that came without a token can be revoked too, but for the registrar.
    assert_eq!(delete("probe1").await.0, 200);
    assert_eq!(delete("registry").await.0, 409);
    assert_eq!(delete("nobody").await.0, 404);
    assert_eq!(world.get("/api/v1/enrolments/nobody").await.status(), 404);
}

#[tokio::test]
async fn the_registrar_hears_at_once_what_is_wanted_of_it() {
    let world = world(&[]).await;
    let waiting = orders(&world, 0, 20);
    let opening = async {
        tokio::task::yield_now().await;
        open(&world, "edge1", &json!({})).await
    };
    let (told, _) = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        tokio::join!(waiting, opening)
    })
    .await
    .unwrap();
    assert_eq!(told["items"][0]["name"], "edge1");
    // One that knows more than there is, since the database is another, starts anew.
    assert_eq!(orders(&world, 99, 20).await["next"], 1);
}

#[tokio::test]
async fn what_is_not_used_in_time_is_over_and_its_secret_forgotten() {
    let world = world(&[]).await;
    assert_eq!(open(&world, "edge1", &json!({ "expires": 1 })).await.0, 201);
    let is_over = async {
        while state(&world, "edge1").await != "expired" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), is_over).await.unwrap();
    assert_eq!(orders(&world, 0, 0).await["items"], json!([]));
    news(&world, &json!(1), "edge1", json!({ "joined": member("edge1") })).await;
    assert_eq!(open(&world, "edge2", &json!({})).await.0, 201);
}

#[tokio::test]
async fn nobody_can_be_enrolled_before_a_registrar_is_there() {
    let world = World::new().await;
    let (status, problem) = open(&world, "edge1", &json!({})).await;
    assert_eq!(status, 503, "{problem}");
    assert_eq!(world.read("/api/v1/members").await["head"], Value::Null);
}

#[tokio::test]
async fn the_list_is_shown_as_it_was_signed_and_one_that_cannot_be_is_refused() {
    let world = world(&[member("probe1")]).await;
    let shown = world.read("/api/v1/members").await;
    assert_eq!(shown["items"][0], member("probe1"));
    assert_eq!(shown["head"], list(&[member("probe1")])["head"]);
    assert_eq!(shown["registrar"], registrar());
    let mut wrong = list(&[member("probe1")]);
    wrong["head"]["count"] = json!(2);
    wrong["registrar"]["key"] = json!("x");
    let (status, problem) = answer(registers(&world, "/api/v1/members", &wrong).await).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("registrar.key"), "{problem}");
}

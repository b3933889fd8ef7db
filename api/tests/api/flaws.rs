//! What SCANDALE does wrong with items and their time stamps, one test each, on its own paths; the
//! rest is in the tests of `evidence` and of the behaviours.

use std::process::Command;

use api::Role;
use evidence::Record;
use reqwest::{Method, StatusCode};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    proofs::stamp,
    scandale::literal,
    world::{World, answer, item, uuid},
};

async fn send(world: &World, path: &str, body: Vec<u8>) -> (u16, Value) {
    let kind = if path == "/items/" { "application/json" } else { "application/octet-stream" };
    let request = world.request(Role::Agent, Method::POST, path).header("content-type", kind);
    answer(request.body(body).send().await.unwrap()).await
}

/// An item with its time stamp, as SCANDALE's agents send both.
async fn stamped(world: &World, number: u128) -> (Uuid, Vec<u8>) {
    let item = item(uuid(number), 1, "one");
    assert_eq!(send(world, "/items/", item.to_string().into_bytes()).await.0, 200);
    let token = stamp(world, &Record::of(&item).unwrap().digest()).await;
    let body = literal(&token, &uuid(number).to_string());
    assert_eq!(send(world, "/TimeStampTokens/", body).await.0, 200);
    (uuid(number), token)
}

async fn check(world: &World, uuid: Uuid) -> (u16, Value) {
    answer(world.get(&format!("/TimeStampTokens/check/{uuid}")).await).await
}

/// Changes the database behind the back of the API.
async fn edited(world: World, statement: &str) -> World {
    world.api.stop().await;
    let file = world.config.database.display();
    let db = sea_orm::Database::connect(format!("sqlite://{file}")).await.unwrap();
    db.execute_unprepared(statement).await.unwrap();
    db.close().await.unwrap();
    let api = api::Api::start(world.config.clone()).await.unwrap();
    World { api, ..world }
}

/// Only the text of the payload is stamped there: the rest can be rewritten, and still checks.
#[tokio::test]
async fn rewritten_metadata_does_not_check() {
    for (from, to) in [
        ("probe1@vedette.local", "probe2@vedette.local"),
        ("\"ts\":1", "\"ts\":2"),
        ("\"type\":\"check\"", "\"type\":\"cheek\""),
        ("\"version\":\"1\"", "\"version\":\"2\""),
        ("\"format\":\"raw\"", "\"format\":\"row\""),
    ] {
        let world = World::new().await;
        let (uuid, _) = stamped(&world, 1).await;
        assert_eq!(check(&world, uuid).await.1["validity"], true);
        let change = format!("UPDATE items SET canonical = replace(canonical, '{from}', '{to}')");
        let world = edited(world, &change).await;
        let (status, checked) = check(&world, uuid).await;
        assert_eq!((status, &checked["validity"]), (200, &json!(false)), "{from}");
    }
}

/// Every byte of a token is changed there on its way out.
#[tokio::test]
async fn a_token_is_a_token_to_openssl() {
    let world = World::new().await;
    let (uuid, token) = stamped(&world, 1).await;
    let response = world.get(&format!("/TimeStampTokens/token/{uuid}")).await;
    assert_eq!(response.headers()["content-type"], "application/vnd.etsi.timestamp-token");
    let root = response.headers()["x-vedette-root"].to_str().unwrap().to_owned();
    let found = response.bytes().await.unwrap();
    assert_eq!(found, token);
    let folder = world.folder.path();
    std::fs::write(folder.join("token.tst"), found).unwrap();
    let output = Command::new("openssl")
        .args(["ts", "-verify", "-digest", &root, "-token_in", "-in", "token.tst"])
        .args(["-CAfile", "tsa/anchor.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// An item that was tampered with is an error of the server there, and so is a missing one.
#[tokio::test]
async fn what_is_wrong_with_an_item_is_an_answer_and_no_error() {
    let world = World::new().await;
    let (one, _) = stamped(&world, 1).await;
    let (two, _) = stamped(&world, 2).await;
    let edit = format!(
        "UPDATE items SET canonical = replace(canonical, 'b25l', 'dHdv') WHERE uuid = '{one}'"
    );
    let world = edited(world, &edit).await;
    let (status, checked) = check(&world, one).await;
    assert_eq!(
        (status, &checked["validity"], &checked["code"]),
        (200, &json!(false), &json!("record"))
    );
    assert_eq!(check(&world, two).await.1["validity"], true);
    // A time stamp whose item is gone, and one that never was.
    let world = edited(world, &format!("DELETE FROM items WHERE uuid = '{two}'")).await;
    for missing in [two, uuid(3)] {
        assert_eq!(check(&world, missing).await.0, 404);
        for path in ["", "token/", "get_timestamp/"] {
            let response = world.get(&format!("/TimeStampTokens/{path}{missing}")).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// Nobody looks there whether a time stamp is one, or of which item.
#[tokio::test]
async fn a_time_stamp_is_of_its_item_or_is_refused() {
    let world = World::new().await;
    let item = item(uuid(1), 1, "one");
    let token = stamp(&world, &Record::of(&item).unwrap().digest()).await;
    let id = uuid(1).to_string();
    // Before its item: it can be sent again, and the item is stamped without it, too.
    assert_eq!(send(&world, "/TimeStampTokens/", literal(&token, &id)).await.0, 404);
    assert_eq!(send(&world, "/items/", item.to_string().into_bytes()).await.0, 200);
    let other = stamp(&world, &[7; 32]).await;
    for wrong in [&other[..], b"no token", &token[..token.len() - 1], b""] {
        assert_eq!(send(&world, "/TimeStampTokens/", literal(wrong, &id)).await.0, 422);
    }
    assert_eq!(send(&world, "/TimeStampTokens/", literal(&token, &id)).await.0, 200);
    let stats = world.read("/system/stats/").await;
    assert_eq!(stats, json!({ "dbsize": { "scans": 1, "tst": 1 } }));
}

/// A body is Python there, and is evaluated.
#[tokio::test]
async fn a_body_is_never_a_program() {
    let world = World::new().await;
    let (uuid, _) = stamped(&world, 1).await;
    let (deep, long) = ("[".repeat(20_000), "9**".repeat(5000));
    for body in [
        "__import__('os').abort()",
        "{'tst': __import__('os').abort(), 'scan_uuid': ''}",
        "{'tst': b'' * 10 ** 9, 'scan_uuid': ''}",
        &deep,
        &long,
    ] {
        assert_eq!(send(&world, "/TimeStampTokens/", body.into()).await.0, 422, "{body:.40}");
    }
    assert_eq!(check(&world, uuid).await.0, 200);
}

/// A time is without a zone there, and the source of an item is dropped.
#[tokio::test]
async fn a_time_has_a_zone_and_an_item_its_source() {
    let world = World::new().await;
    let (uuid, _) = stamped(&world, 1).await;
    let time = world.read(&format!("/TimeStampTokens/get_timestamp/{uuid}")).await;
    let time = time["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    let shown = world.read(&format!("/api/v1/items/{uuid}")).await;
    assert_eq!(shown["record"]["meta"]["source"], "probe1@vedette.local");
}

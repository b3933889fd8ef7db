//! Proofs: recomputed before they are believed, and checked again whenever somebody asks.

use std::time::{Duration, SystemTime};

use api::Role;
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Authority, BatchTree, Bundle, OwnAuthority, Record, Request, accept};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, answer, item, steady, uuid};

/// The authority of an API, as its users get it.
async fn authority(world: &World) -> Authority {
    let pem = world.plain(Method::GET, "/tsa/anchors").send().await.unwrap().text().await.unwrap();
    Authority::from_pem("own", pem.as_bytes()).unwrap()
}

/// A token over a digest, from the API's own authority.
pub(crate) async fn stamp(world: &World, digest: &[u8; 32]) -> Vec<u8> {
    let request = Request::new(digest);
    let response = world
        .plain(Method::POST, "/tsr")
        .header("content-type", "application/timestamp-query")
        .body(request.to_der())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/timestamp-reply");
    let response = response.bytes().await.unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let skew = Duration::from_mins(1);
    accept(&response, &request, &authority(world).await, now, skew).unwrap().0
}

fn digest(item: &Value) -> [u8; 32] {
    Record::of(item).unwrap().digest()
}

/// A proof over items, as an aggregator sends it.
pub(crate) async fn proof(world: &World, items: &[Value]) -> Value {
    let leaves: Vec<_> = items.iter().map(digest).collect();
    let root = BatchTree::new(leaves.clone()).unwrap().root();
    let token = stamp(world, &root).await;
    let leaves: Vec<_> = items
        .iter()
        .zip(leaves)
        .map(|(item, leaf)| json!({ "uuid": item["meta"]["uuid"], "sha256": hex::encode(leaf) }))
        .collect();
    json!({
        "batch": uuid(77),
        "authority": "own",
        "leaves": leaves,
        "root": hex::encode(root),
        "token": BASE64_STANDARD.encode(token),
    })
}

fn items(count: u128) -> Vec<Value> {
    (1..=count).map(|number| item(uuid(number), 1, &format!("output {number}"))).collect()
}

async fn stored(count: u128) -> (World, Vec<Value>) {
    let world = World::new().await;
    let items = items(count);
    world.post("/api/v1/items", &json!(items)).await;
    (world, items)
}

#[tokio::test]
async fn a_stamped_item_proves_itself_without_the_api() {
    let (world, items) = stored(5).await;
    let proof = proof(&world, &items).await;
    let first = answer(world.post("/api/v1/proofs", &proof).await).await;
    insta::assert_json_snapshot!((first.0, steady(first.1)), @r#"
    [
      201,
      {
        "authority": "own",
        "batch": "[batch]",
        "state": "stored",
        "trust": "self-signed"
      }
    ]
    "#);
    assert_eq!(world.post("/api/v1/proofs", &proof).await.status(), StatusCode::OK);

    let authorities = [authority(&world).await];
    for item in &items {
        let path = format!("/api/v1/items/{}", item["meta"]["uuid"].as_str().unwrap());
        let response = world.get(&format!("{path}/evidence")).await;
        assert_eq!(response.headers()["content-type"], "application/vnd.etsi.asic-s+zip");
        let bundle = Bundle::read(&response.bytes().await.unwrap()).unwrap();
        let verdict = bundle.verify(&authorities).unwrap();
        assert_eq!(verdict.record_sha256, hex::encode(digest(item)));
    }
    let path = format!("/api/v1/items/{}", uuid(3));
    let shown = world.read(&path).await;
    assert_eq!((&shown["proof"], &shown["trust"]), (&json!("stamped"), &json!("self-signed")));
    let mut detail = steady(shown["proof_detail"].clone());
    assert_eq!(detail["path"].as_array().unwrap().len(), 3);
    detail["path"] = json!("[path]");
    insta::assert_json_snapshot!(detail, @r#"
    {
      "authority": "own",
      "batch": "[batch]",
      "gen_time": "[gen_time]",
      "leaf_index": 2,
      "leaves": 5,
      "path": "[path]",
      "policy": "2.25.1446123405.1.1",
      "root": "0c86d9847a651cd0e77e71038338fe16112ed4bd1b22a8968f06574d0af9baa7",
      "serial": "[serial]",
      "signer": "[signer]",
      "trust": "self-signed"
    }
    "#);
    let verified = world.read(&format!("{path}/verify")).await;
    assert!(verified["gen_time"].as_str().unwrap().ends_with('Z'), "{verified}");
    insta::assert_json_snapshot!(steady(verified), @r#"
    {
      "accuracy_us": 1000000,
      "anchor": "[anchor]",
      "authority": "own",
      "code": "ok",
      "gen_time": "[gen_time]",
      "hash": "sha256",
      "ordering": false,
      "policy": "2.25.1446123405.1.1",
      "qualified": false,
      "serial": "[serial]",
      "signer": "[signer]",
      "signer_sha256": "[signer_sha256]",
      "trust": "self-signed",
      "valid": true
    }
    "#);
    let summary = world.read("/api/v1/summary").await;
    assert_eq!((&summary["items"]["pending"], &summary["proofs"]["total"]), (&json!(0), &json!(1)));
    assert_eq!(summary["authority"]["trust"], "self-signed");
}

#[tokio::test]
async fn what_is_not_stamped_yet_says_so() {
    let (world, _) = stored(1).await;
    let path = format!("/api/v1/items/{}", uuid(1));
    let evidence = answer(world.get(&format!("{path}/evidence")).await).await;
    insta::assert_json_snapshot!(evidence, @r#"
    [
      409,
      {
        "code": "pending",
        "detail": "`00000000-0000-4000-8000-000000000001` is not stamped yet; try again later",
        "status": 409,
        "title": "Conflict",
        "type": "about:blank"
      }
    ]
    "#);
    let verified = world.read(&format!("{path}/verify")).await;
    insta::assert_json_snapshot!(verified, @r#"
    {
      "code": "pending",
      "reason": "no authority has stamped it yet",
      "valid": false
    }
    "#);
    let unknown = world.get(&format!("/api/v1/items/{}/evidence", uuid(9))).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_false_is_stored() {
    let (world, items) = stored(3).await;
    let good = proof(&world, &items).await;
    let foreign = OwnAuthority::create().unwrap().0;
    let root: [u8; 32] = hex::decode(good["root"].as_str().unwrap()).unwrap().try_into().unwrap();
    let request = Request::new(&root);
    let answered = foreign.respond(&request.to_der());
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let skew = Duration::from_mins(1);
    let (foreign, _) = accept(&answered, &request, &foreign.authority(), now, skew).unwrap();
    let other = stamp(&world, &[7; 32]).await;
    let mut broken = BASE64_STANDARD.decode(good["token"].as_str().unwrap()).unwrap();
    let last = broken.len() - 1;
    broken[last] ^= 1;

    let mut false_ones = Vec::new();
    let mut with = |pointer: &str, value: Value| {
        let mut proof = good.clone();
        *proof.pointer_mut(pointer).unwrap() = value;
        false_ones.push(proof);
    };
    with("/leaves/1/sha256", json!("00".repeat(32)));
    with("/root", json!("00".repeat(32)));
    with("/leaves/0/uuid", json!(uuid(500)));
    with("/token", json!(BASE64_STANDARD.encode(foreign)));
    with("/token", json!(BASE64_STANDARD.encode(other)));
    with("/token", json!(BASE64_STANDARD.encode(broken)));
    with("/token", json!("AAAA"));
    with("/leaves", json!([]));
    with("/leaves/1", good["leaves"][0].clone());
    let mut said = Vec::new();
    for proof in false_ones {
        let (status, body) = answer(world.post("/api/v1/proofs", &proof).await).await;
        said.push(format!("{status} {} {}", body["code"], body["detail"]));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    422 "leaf" "1 of the leaves are not the digests of their records"
    422 "root" "the leaves do not lead to the root"
    409 "unknown-items" "1 of the items are not stored here"
    422 "chain" "the certificate does not lead to an anchor of `own`"
    422 "imprint" "the token is for other data"
    422 "signature" "the signature is wrong"
    422 "malformed" "cannot read ContentInfo"
    422 null "`leaves` must be 1 to 65536"
    422 null "`leaves.1.uuid` must not stand twice"
    "#);
    let summary = world.read("/api/v1/summary").await;
    assert_eq!((&summary["items"]["pending"], &summary["proofs"]["total"]), (&json!(3), &json!(0)));
    assert_eq!(world.post("/api/v1/proofs", &good).await.status(), StatusCode::CREATED);
    let other = proof(&world, &items[..1]).await;
    assert_eq!(world.post("/api/v1/proofs", &other).await.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_second_proof_for_the_same_items_changes_no_first_one() {
    let (world, items) = stored(2).await;
    world.post("/api/v1/proofs", &proof(&world, &items[..1]).await).await;
    let before = world.read(&format!("/api/v1/items/{}", uuid(1))).await;
    let mut second = proof(&world, &items).await;
    second["batch"] = json!(Uuid::new_v4());
    assert_eq!(world.post("/api/v1/proofs", &second).await.status(), StatusCode::CREATED);
    let after = world.read(&format!("/api/v1/items/{}", uuid(1))).await;
    assert_eq!(before, after);
    for number in [1, 2] {
        let verified = world.read(&format!("/api/v1/items/{}/verify", uuid(number))).await;
        assert_eq!(verified["valid"], true);
    }
}

#[tokio::test]
async fn a_record_that_was_changed_in_the_database_is_found_out() {
    let (world, items) = stored(2).await;
    world.post("/api/v1/proofs", &proof(&world, &items).await).await;
    let file = world.config.database.clone();
    let world = {
        world.api.stop().await;
        let db = sea_orm::Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
        let change = "UPDATE items SET canonical = replace(canonical, 'pass', 'fail') WHERE id = 1";
        sea_orm::ConnectionTrait::execute_unprepared(&db, change).await.unwrap();
        db.close().await.unwrap();
        let api = api::Api::start(world.config.clone()).await.unwrap();
        World { api, ..world }
    };
    let changed = world.read(&format!("/api/v1/items/{}/verify", uuid(1))).await;
    insta::assert_json_snapshot!(changed, @r#"
    {
      "code": "record",
      "reason": "the record is not what was stamped",
      "valid": false
    }
    "#);
    let check = world.read(&format!("/TimeStampTokens/check/{}", uuid(1))).await;
    assert_eq!(check["validity"], false);
    assert_eq!(world.read(&format!("/api/v1/items/{}/verify", uuid(2))).await["valid"], true);
}

#[tokio::test]
async fn the_own_authority_takes_requests_and_nothing_else() {
    let world = World::new().await;
    let post = async |kind: &str, body: Vec<u8>| {
        let request = world.plain(Method::POST, "/tsr").header("content-type", kind).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("application/timestamp-query", vec![0; 9000]).await, 413);
    assert_eq!(post("application/json", b"{}".to_vec()).await, 415);
    // RFC 3161 says no inside of an answer.
    assert_eq!(post("application/timestamp-query", b"junk".to_vec()).await, 200);
    let without = World::with(|config| config.tsa.own = None).await;
    let request = without.request(Role::Admin, Method::POST, "/tsr");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

//! SCANDALE's paths, byte for byte where it was right.

use api::Role;
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::Record;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    proofs::stamp,
    world::{World, answer, steady, uuid},
};

fn scan(number: u128) -> Value {
    json!({
        "version": "1.0",
        "format": "nmap",
        "meta": { "uuid": uuid(number), "ts": 1_703_064_496, "type": "scan" },
        "payload": { "raw": "aGVsbG8K" },
    })
}

async fn post(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let token = world.token(Role::Agent);
    let request = world.plain(Method::POST, path).basic_auth("agent", Some(token)).json(body);
    answer(request.send().await.unwrap()).await
}

/// Bytes as a Python client writes them.
pub(crate) fn literal(token: &[u8], uuid: &str) -> Vec<u8> {
    let bytes: Vec<_> = token.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let bytes = bytes.concat();
    format!("{{'tst': b'{bytes}', 'scan_uuid': '{uuid}'}}").into_bytes()
}

async fn post_literal(world: &World, body: Vec<u8>) -> (u16, Value) {
    let request = world
        .request(Role::Agent, Method::POST, "/TimeStampTokens/")
        .header("content-type", "application/octet-stream")
        .body(body);
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn items_are_answered_in_scandales_bytes() {
    let world = World::new().await;
    let request = world.request(Role::Agent, Method::POST, "/items/").json(&scan(1));
    let text = request.send().await.unwrap().text().await.unwrap();
    insta::assert_snapshot!(text, @r#"{"scan_data":{"version":"1.0","format":"nmap","meta":{"uuid":"00000000-0000-4000-8000-000000000001","ts":1703064496,"type":"scan"},"payload":{"raw":"aGVsbG8K"}}}"#);
    assert_eq!(world.get("/items/1").await.text().await.unwrap(), text);
    assert_eq!(world.get("/items/").await.text().await.unwrap(), format!("[{text}]"));
    assert_eq!(
        answer(world.get("/items/2").await).await,
        (404, json!({"detail": "Item not found"}))
    );
    insta::assert_json_snapshot!(answer(world.get("/items/x").await).await, @r#"
    [
      422,
      {
        "detail": [
          {
            "input": "x",
            "loc": [
              "path",
              "item_id"
            ],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "type": "int_parsing"
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn what_scandale_did_wrong_is_done_right() {
    let world = World::new().await;
    let mut one = scan(1);
    one["meta"]["site"] = json!("kept in the record");
    assert_eq!(post(&world, "/items/", &one).await.0, 200);
    assert_eq!(post(&world, "/items/", &one).await.0, 200);
    let mut other = one.clone();
    other["payload"]["raw"] = json!("b3RoZXI=");
    assert_eq!(post(&world, "/items/", &other).await.0, 409);
    let record = world.read(&format!("/api/v1/items/{}", uuid(1))).await["record"].clone();
    assert_eq!(record, one);
    insta::assert_json_snapshot!(answer(world.get("/items/?skip=-1&limit=x").await).await, @r#"
    [
      422,
      {
        "detail": [
          {
            "ctx": {
              "ge": 0
            },
            "input": "-1",
            "loc": [
              "query",
              "skip"
            ],
            "msg": "Input should be greater than or equal to 0",
            "type": "greater_than_equal"
          },
          {
            "input": "x",
            "loc": [
              "query",
              "limit"
            ],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "type": "int_parsing"
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn pages_and_searches_work_as_in_scandale() {
    let world = World::new().await;
    for number in 1..=5 {
        let mut scan = scan(number);
        scan["payload"]["raw"] = json!(if number == 3 { "dGhyZWU=" } else { "aGVsbG8K" });
        post(&world, "/items/", &scan).await;
    }
    let page = world.get("/items/?skip=1&limit=2").await;
    assert_eq!(page.headers()["x-total-count"], "5");
    let page: Value = page.json().await.unwrap();
    let uuids: Vec<_> =
        page.as_array().unwrap().iter().map(|one| &one["scan_data"]["meta"]["uuid"]).collect();
    assert_eq!(uuids, [&json!(uuid(2)), &json!(uuid(3))]);
    let found = world.read("/items/?q=dGhyZWU%3D").await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(world.read("/items/?q=dGhy").await, json!([]));
    let stats = world.read("/system/stats/").await;
    assert_eq!(stats, json!({ "dbsize": { "scans": 5, "tst": 0 } }));
    insta::assert_json_snapshot!(world.read("/system/info/").await, @r#"
    {
      "python_version": "",
      "version": "0.1.0",
      "version_url": ""
    }
    "#);
}

#[tokio::test]
async fn a_missing_slash_is_a_redirect() {
    let world = World::new().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let response = client.build().unwrap().get(world.url("/items?skip=1")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()["location"], "/items/?skip=1");
}

#[tokio::test]
async fn wrong_fields_are_said_as_fastapi_says_them() {
    let world = World::new().await;
    let mut wrong = scan(1);
    wrong.as_object_mut().unwrap().remove("format");
    wrong["meta"] = json!({ "uuid": 1, "ts": "x", "type": null });
    insta::assert_json_snapshot!(post(&world, "/items/", &wrong).await, @r#"
    [
      422,
      {
        "detail": [
          {
            "input": {
              "meta": {
                "ts": "x",
                "type": null,
                "uuid": 1
              },
              "payload": {
                "raw": "aGVsbG8K"
              },
              "version": "1.0"
            },
            "loc": [
              "body",
              "format"
            ],
            "msg": "Field required",
            "type": "missing"
          },
          {
            "input": 1,
            "loc": [
              "body",
              "meta",
              "uuid"
            ],
            "msg": "Input should be a valid string",
            "type": "string_type"
          },
          {
            "input": "x",
            "loc": [
              "body",
              "meta",
              "ts"
            ],
            "msg": "Input should be a valid integer",
            "type": "int_type"
          },
          {
            "input": null,
            "loc": [
              "body",
              "meta",
              "type"
            ],
            "msg": "Input should be a valid string",
            "type": "string_type"
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn bodies_that_are_no_items_are_refused_as_fastapi_refuses_them() {
    let world = World::new().await;
    insta::assert_json_snapshot!(post(&world, "/items/", &json!([1])).await, @r#"
    [
      422,
      {
        "detail": [
          {
            "input": "[1]",
            "loc": [
              "body"
            ],
            "msg": "Input should be a valid dictionary or object to extract fields from",
            "type": "model_attributes_type"
          }
        ]
      }
    ]
    "#);
    let request = world.request(Role::Agent, Method::POST, "/items/").body("{");
    let request = request.header("content-type", "application/json");
    insta::assert_json_snapshot!(answer(request.send().await.unwrap()).await, @r#"
    [
      422,
      {
        "detail": [
          {
            "ctx": {
              "error": "not JSON: EOF while parsing an object at line 1 column 1"
            },
            "input": {},
            "loc": [
              "body",
              0
            ],
            "msg": "JSON decode error",
            "type": "json_invalid"
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn a_time_stamp_is_verified_and_then_shown_as_scandale_does() {
    let world = World::new().await;
    post(&world, "/items/", &scan(1)).await;
    let id = uuid(1).to_string();
    let digest = Record::of(&scan(1)).unwrap().digest();
    let token = stamp(&world, &digest).await;

    let (status, shown) = post_literal(&world, literal(&token, &id)).await;
    assert_eq!(status, 200);
    let shown = shown.as_str().unwrap();
    assert!(shown.starts_with("{'tst': b'0\\x82"), "{shown}");
    assert!(shown.ends_with(&format!("', 'scan_uuid': UUID('{id}')}}")), "{shown}");
    assert_eq!(post_literal(&world, literal(&token, &id)).await.0, 409);

    assert_eq!(world.read(&format!("/TimeStampTokens/{id}")).await, shown);
    assert_eq!(world.read("/TimeStampTokens/").await, format!("[{shown}]"));
    let response = world.get(&format!("/TimeStampTokens/token/{id}")).await;
    assert_eq!(response.headers()["x-vedette-root"], hex::encode(digest));
    assert_eq!(response.bytes().await.unwrap(), token);
    let hidden = world.get(&format!("/TimeStampTokens/token/{id}?legacy_xor=1")).await;
    let hidden = hidden.bytes().await.unwrap();
    assert_eq!(hidden.iter().map(|byte| byte ^ 0x54).collect::<Vec<_>>(), token);
    insta::assert_json_snapshot!(steady(world.read(&format!("/TimeStampTokens/check/{id}")).await), @r#"
    {
      "accuracy_us": 1000000,
      "anchor": "[anchor]",
      "authority": "own",
      "batch": "[batch]",
      "code": "ok",
      "gen_time": "[gen_time]",
      "hash": "sha256",
      "ordering": false,
      "policy": "2.25.1446123405.1.1",
      "qualified": false,
      "serial": "[serial]",
      "signer": "[signer]",
      "signer_sha256": "[signer_sha256]",
      "state": "stamped",
      "trust": "self-signed",
      "valid": true,
      "validity": true
    }
    "#);
    let time = world.read(&format!("/TimeStampTokens/get_timestamp/{id}")).await;
    assert!(time["timestamp"].as_str().unwrap().ends_with('Z'), "{time}");
}

#[tokio::test]
async fn a_time_stamp_comes_in_json_too() {
    let world = World::new().await;
    post(&world, "/items/", &scan(1)).await;
    let token = stamp(&world, &Record::of(&scan(1)).unwrap().digest()).await;
    let body = json!({ "tst": BASE64_STANDARD.encode(token), "scan_uuid": uuid(1) });
    let (status, stored) = post(&world, "/TimeStampTokens/", &body).await;
    insta::assert_json_snapshot!((status, steady(stored)), @r#"
    [
      201,
      {
        "authority": "own",
        "batch": "[batch]",
        "gen_time": "[gen_time]",
        "scan_uuid": "00000000-0000-4000-8000-000000000001",
        "trust": "self-signed"
      }
    ]
    "#);
    assert_eq!(post(&world, "/TimeStampTokens/", &body).await.0, 409);
}

#[tokio::test]
async fn a_time_stamp_comes_as_it_is_too() {
    let world = World::new().await;
    post(&world, "/items/", &scan(1)).await;
    let token = stamp(&world, &Record::of(&scan(1)).unwrap().digest()).await;
    let send = async |query: &str| {
        let path = format!("/TimeStampTokens/{query}");
        let request = world.request(Role::Agent, Method::POST, &path);
        let request = request.header("content-type", "application/vnd.etsi.timestamp-token");
        request.body(token.clone()).send().await.unwrap().status()
    };
    assert_eq!(send("").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send(&format!("?scan_uuid={}", uuid(2))).await, StatusCode::NOT_FOUND);
    assert_eq!(send(&format!("?scan_uuid={}", uuid(1))).await, StatusCode::OK);
    let check = world.read(&format!("/TimeStampTokens/check/{}", uuid(1))).await;
    assert_eq!(check["validity"], true);
}

#[tokio::test]
async fn time_stamps_that_show_nothing_are_refused() {
    let world = World::new().await;
    post(&world, "/items/", &scan(1)).await;
    let id = uuid(1).to_string();
    let other = stamp(&world, &[7; 32]).await;
    let cases = [
        literal(&other, &id),
        literal(&other, &uuid(2).to_string()),
        literal(b"junk", &id),
        literal(&other, "no-uuid"),
        b"__import__('os').system('true')".to_vec(),
        b"{'tst': b'\\x".to_vec(),
        Vec::new(),
    ];
    let mut said = Vec::new();
    for body in cases {
        let (status, body) = post_literal(&world, body).await;
        said.push(format!("{status} {} {}", body["code"], body["detail"]));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    422 "imprint" "the token is for other data"
    404 null "no item `00000000-0000-4000-8000-000000000002`"
    422 "malformed" "cannot read ContentInfo"
    404 null "no item `no-uuid`"
    422 null "the body must be `{'tst': b'…', 'scan_uuid': '…'}` in Python, or in JSON with `tst` in base64, or a token as `application/vnd.etsi.timestamp-token` with `?scan_uuid=…`"
    422 null "the body must be `{'tst': b'…', 'scan_uuid': '…'}` in Python, or in JSON with `tst` in base64, or a token as `application/vnd.etsi.timestamp-token` with `?scan_uuid=…`"
    422 null "the body must be `{'tst': b'…', 'scan_uuid': '…'}` in Python, or in JSON with `tst` in base64, or a token as `application/vnd.etsi.timestamp-token` with `?scan_uuid=…`"
    "#);
    for path in ["", "token/", "get_timestamp/"] {
        let missing = answer(world.get(&format!("/TimeStampTokens/{path}{id}")).await).await;
        assert_eq!(missing, (404, json!({ "detail": "TimeStampToken not found" })), "{path}");
    }
    insta::assert_json_snapshot!(world.read(&format!("/TimeStampTokens/check/{id}")).await, @r#"
    {
      "code": "pending",
      "reason": "no authority has stamped it yet",
      "state": "pending",
      "valid": false,
      "validity": false
    }
    "#);
    let unknown = world.get(&format!("/TimeStampTokens/check/{}", uuid(2))).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

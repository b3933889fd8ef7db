//! Items: stored once each, found again, refused with reasons.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, answer, item, steady, uuid};

#[tokio::test]
async fn an_item_is_stored_once_however_often_it_comes() {
    let world = World::new().await;
    let one = item(uuid(1), 1_700_000_000, "all is well\nor is it\n");
    let first = answer(world.post("/api/v1/items", &one).await).await;
    insta::assert_json_snapshot!(first, @r#"
    [
      201,
      {
        "sha256": "adf608fe0eb7acf18fe4ddfbe03a0931250498362323bc2259e06f9c454acb2b",
        "state": "stored",
        "uuid": "00000000-0000-4000-8000-000000000001"
      }
    ]
    "#);
    let second = answer(world.post("/api/v1/items", &one).await).await;
    insta::assert_json_snapshot!(second, @r#"
    [
      200,
      {
        "sha256": "adf608fe0eb7acf18fe4ddfbe03a0931250498362323bc2259e06f9c454acb2b",
        "state": "known",
        "uuid": "00000000-0000-4000-8000-000000000001"
      }
    ]
    "#);
    let list = steady(world.read("/api/v1/items").await);
    insta::assert_json_snapshot!(list, @r#"
    {
      "items": [
        {
          "format": "raw",
          "proof": "pending",
          "received_ms": "[received_ms]",
          "sha256": "adf608fe0eb7acf18fe4ddfbe03a0931250498362323bc2259e06f9c454acb2b",
          "source": "probe1@vedette.local",
          "stamped_ms": null,
          "summary": "all is well",
          "trust": null,
          "ts": 1700000000,
          "type": "check",
          "uuid": "00000000-0000-4000-8000-000000000001",
          "verdict": "pass"
        }
      ],
      "next": null,
      "total": 1
    }
    "#);
}

#[tokio::test]
async fn the_same_uuid_with_other_content_is_a_conflict() {
    let world = World::new().await;
    world.store(&item(uuid(1), 1, "one")).await;
    let other = answer(world.post("/api/v1/items", &item(uuid(1), 1, "two")).await).await;
    insta::assert_json_snapshot!(other, @r#"
    [
      409,
      {
        "detail": "another item with the UUID `00000000-0000-4000-8000-000000000001` is stored",
        "status": 409,
        "title": "Conflict",
        "type": "about:blank"
      }
    ]
    "#);
    assert_eq!(world.read("/api/v1/items").await["total"], 1);
}

#[tokio::test]
async fn the_order_of_keys_and_the_spaces_make_no_other_item() {
    let world = World::new().await;
    world.store(&item(uuid(1), 1, "one")).await;
    let text = format!(
        r#"{{ "payload": {{"exit":0, "verdict":"pass", "raw":"b25l"}}, "format":"raw",
             "meta": {{"type":"check", "ts":1, "uuid":"{}", "source":"probe1@vedette.local"}},
             "version" : "1" }}"#,
        uuid(1)
    );
    let request = world.request(api::Role::Agent, Method::POST, "/api/v1/items");
    let request = request.header("content-type", "application/json").body(text);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let world = World::new().await;
    let wrong = json!({
        "version": 1,
        "meta": { "uuid": "no", "ts": 1.5, "type": "a\u{0}b", "source": 7 },
        "payload": "raw",
    });
    insta::assert_json_snapshot!(answer(world.post("/api/v1/items", &wrong).await).await, @r#"
    [
      422,
      {
        "detail": "`version` must be a string; `format` is missing; `meta.uuid` must be a UUID such as `0b9b0d4e-2f0c-4d5b-9a0e-5f7d0c3a1b2c`; `meta.ts` must be an integer; `meta.type` must not contain control characters; `meta.source` must be a string; `payload` must be an object",
        "errors": [
          {
            "detail": "must be a string",
            "field": "version"
          },
          {
            "detail": "is missing",
            "field": "format"
          },
          {
            "detail": "must be a UUID such as `0b9b0d4e-2f0c-4d5b-9a0e-5f7d0c3a1b2c`",
            "field": "meta.uuid"
          },
          {
            "detail": "must be an integer",
            "field": "meta.ts"
          },
          {
            "detail": "must not contain control characters",
            "field": "meta.type"
          },
          {
            "detail": "must be a string",
            "field": "meta.source"
          },
          {
            "detail": "must be an object",
            "field": "payload"
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
async fn of_many_items_the_good_ones_are_stored() {
    let world = World::new().await;
    world.store(&item(uuid(1), 1, "kept")).await;
    let many = json!([
        item(uuid(1), 1, "kept"),
        item(uuid(1), 1, "other"),
        item(uuid(2), 2, "new"),
        item(uuid(2), 2, "new"),
        { "meta": { "uuid": "x" } },
        7,
    ]);
    insta::assert_json_snapshot!(answer(world.post("/api/v1/items", &many).await).await, @r#"
    [
      200,
      {
        "results": [
          {
            "state": "known",
            "uuid": "00000000-0000-4000-8000-000000000001"
          },
          {
            "detail": "another item with the UUID `00000000-0000-4000-8000-000000000001` is stored",
            "state": "conflict",
            "uuid": "00000000-0000-4000-8000-000000000001"
          },
          {
            "state": "stored",
            "uuid": "00000000-0000-4000-8000-000000000002"
          },
          {
            "state": "known",
            "uuid": "00000000-0000-4000-8000-000000000002"
          },
          {
            "detail": "`version` is missing; `format` is missing; `meta.uuid` must be a UUID such as `0b9b0d4e-2f0c-4d5b-9a0e-5f7d0c3a1b2c`; `meta.ts` is missing; `meta.type` is missing; `payload` is missing",
            "state": "refused",
            "uuid": "x"
          },
          {
            "detail": "a record is a JSON object, not a number",
            "state": "refused",
            "uuid": null
          }
        ],
        "stored": 1
      }
    ]
    "#);
    assert_eq!(world.read("/api/v1/items").await["total"], 2);
    let none = answer(world.post("/api/v1/items", &json!([])).await).await;
    assert_eq!(none, (200, json!({ "results": [], "stored": 0 })));
}

#[tokio::test]
async fn too_much_is_refused_with_the_limit() {
    let world = World::with(|config| {
        config.limits.items = 2;
        config.limits.body = 4096;
    })
    .await;
    let three: Vec<_> = (1..4).map(|number| item(uuid(number), 1, "x")).collect();
    let many = answer(world.post("/api/v1/items", &json!(three)).await).await;
    insta::assert_json_snapshot!(many, @r#"
    [
      422,
      {
        "detail": "3 items are more than 2, the most in a request",
        "limit": 2,
        "status": 422,
        "title": "Unprocessable Entity",
        "type": "about:blank"
      }
    ]
    "#);
    let long = answer(world.post("/api/v1/items", &item(uuid(9), 1, &"x".repeat(5000))).await);
    insta::assert_json_snapshot!(long.await, @r#"
    [
      413,
      {
        "detail": "the body is longer than 4096 bytes",
        "limit": 4096,
        "status": 413,
        "title": "Payload Too Large",
        "type": "about:blank"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_record_has_a_limit_of_its_own() {
    let world = World::new().await;
    let long = item(uuid(1), 1, &"x".repeat(1 << 20));
    let (status, _) = answer(world.post("/api/v1/items", &long).await).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn an_item_is_shown_with_its_record_and_its_output() {
    let world = World::new().await;
    let mut one = item(uuid(1), 1, "\n  first line\nsecond\n");
    one["meta"]["site"] = json!("lux1");
    one["extra"] = json!([1, 2.5, null]);
    world.store(&one).await;
    let shown = world.read(&format!("/api/v1/items/{}", uuid(1))).await;
    assert_eq!(shown["record"], one);
    insta::assert_json_snapshot!(steady(shown), @r#"
    {
      "decoded": "\n  first line\nsecond\n",
      "format": "raw",
      "proof": "pending",
      "proof_detail": null,
      "received_ms": "[received_ms]",
      "record": {
        "extra": [
          1,
          2.5,
          null
        ],
        "format": "raw",
        "meta": {
          "site": "lux1",
          "source": "probe1@vedette.local",
          "ts": 1,
          "type": "check",
          "uuid": "00000000-0000-4000-8000-000000000001"
        },
        "payload": {
          "exit": 0,
          "raw": "CiAgZmlyc3QgbGluZQpzZWNvbmQK",
          "verdict": "pass"
        },
        "version": "1"
      },
      "sha256": "b1411b0f07eb999b79fef594e923c62cd65fb05b3894b6500d51f860c4fb31e0",
      "source": "probe1@vedette.local",
      "stamped_ms": null,
      "summary": "first line",
      "trust": null,
      "ts": 1,
      "type": "check",
      "uuid": "00000000-0000-4000-8000-000000000001",
      "verdict": "pass"
    }
    "#);
    for nothing in [uuid(2).to_string(), "no-uuid".to_owned(), "%00".to_owned()] {
        let response = world.get(&format!("/api/v1/items/{nothing}")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test]
async fn items_are_found_by_what_is_known_of_them() {
    let world = World::new().await;
    let mut other = item(uuid(3), 300, "50% of nothing_at all");
    other["meta"]["source"] = json!("probe2@vedette.local");
    other["meta"]["type"] = json!("nmap-scan");
    let many = json!([item(uuid(1), 100, "disk full"), item(uuid(2), 200, "disk fine"), other]);
    world.post("/api/v1/items", &many).await;
    let found = async |query: &str| -> Vec<String> {
        let list = world.read(&format!("/api/v1/items?{query}")).await;
        let items = list["items"].as_array().unwrap();
        assert_eq!(list["total"], items.len(), "{query}");
        items.iter().map(|item| item["ts"].to_string()).collect()
    };
    assert_eq!(found("").await, ["300", "200", "100"]);
    assert_eq!(found("since=200").await, ["300", "200"]);
    assert_eq!(found("until=1970-01-01T00:03:20Z").await, ["200", "100"]);
    assert_eq!(found("source=probe2%40vedette.local").await, ["300"]);
    assert_eq!(found("type=check").await, ["200", "100"]);
    assert_eq!(found("q=DISK+f").await, ["200", "100"]);
    assert_eq!(found("q=50%25+of").await, ["300"]);
    assert_eq!(found("q=g_at").await, ["300"]);
    assert_eq!(found("q=d_sk").await, [""; 0]);
    assert_eq!(found("q=nmap").await, ["300"]);
    assert_eq!(found(&format!("q={}", uuid(2))).await, ["200"]);
    assert_eq!(found("q=probe1&type=check&since=150").await, ["200"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let world = World::new().await;
    let many: Vec<_> = (0..25).map(|n| item(uuid(n), i64::try_from(n / 4).unwrap(), "x")).collect();
    world.post("/api/v1/items", &json!(many)).await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/items?limit=7".to_owned();
    loop {
        let page = world.read(&path).await;
        assert_eq!(page["total"], 25);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["uuid"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/items?limit=7&cursor={next}");
    }
    let expected: Vec<_> = (0..25).rev().map(|number| json!(uuid(number))).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn wrong_parameters_are_all_named() {
    let world = World::new().await;
    let path = "/api/v1/items?since=yesterday&until=99999999999999999999&limit=0&cursor=x&q=%00";
    insta::assert_json_snapshot!(answer(world.get(path).await).await, @r#"
    [
      422,
      {
        "detail": "`since` must be seconds since 1970, or a time such as `2026-11-22T02:17:59Z`; `until` must be seconds since 1970, or a time such as `2026-11-22T02:17:59Z`; `q` must not contain control characters; `cursor` must be the `next` of the page before; `limit` must be a number from 1 to 1000",
        "errors": [
          {
            "detail": "must be seconds since 1970, or a time such as `2026-11-22T02:17:59Z`",
            "field": "since"
          },
          {
            "detail": "must be seconds since 1970, or a time such as `2026-11-22T02:17:59Z`",
            "field": "until"
          },
          {
            "detail": "must not contain control characters",
            "field": "q"
          },
          {
            "detail": "must be the `next` of the page before",
            "field": "cursor"
          },
          {
            "detail": "must be a number from 1 to 1000",
            "field": "limit"
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
async fn what_was_answered_as_stored_is_there_after_a_restart() {
    let mut world = World::new().await;
    for round in 0..3_u32 {
        let many: Vec<_> = (0..20).map(|n| item(uuid((round * 20 + n).into()), 1, "x")).collect();
        assert_eq!(world.post("/api/v1/items", &json!(many)).await.status(), StatusCode::OK);
        world = world.again().await;
        assert_eq!(world.read("/api/v1/items").await["total"], (round + 1) * 20);
    }
    let events = world.read("/api/v1/summary").await;
    assert_eq!(events["items"]["total"], 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_overlapping_posts_store_each_item_once() {
    let world = World::new().await;
    let posts = (0..200_u128).map(|post| {
        let many: Vec<Value> =
            (0..50).map(|n| item(uuid((post * 20 + n) % 4000), 1, "x")).collect();
        let request = world.request(api::Role::Agent, Method::POST, "/api/v1/items");
        async move { request.json(&many).send().await.unwrap().json::<Value>().await.unwrap() }
    });
    let answers = futures_util::future::join_all(posts).await;
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    let mut told = 0;
    for answer in &answers {
        told += answer["stored"].as_u64().unwrap();
        for result in answer["results"].as_array().unwrap() {
            let times = stored.entry(result["uuid"].to_string()).or_default();
            match result["state"].as_str().unwrap() {
                "stored" => *times += 1,
                "known" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((told, stored.len()), (4000, 4000));
    assert!(stored.values().all(|times| *times == 1));
    assert_eq!(world.read("/api/v1/items?limit=1").await["total"], 4000);
}

#[tokio::test]
async fn what_fails_is_counted_by_its_newest_result() {
    let world = World::new().await;
    let tell = async |number: u128, verdict: &str| {
        let mut item = item(uuid(number), 1_790_000_000, "x");
        item["payload"]["verdict"] = verdict.into();
        world.store(&item).await;
        let summary = world.read("/api/v1/summary").await;
        (summary["items"]["total"].as_u64().unwrap(), summary["items"]["fail"].as_u64().unwrap())
    };
    assert_eq!(tell(1, "fail").await, (1, 1));
    assert_eq!(tell(2, "fail").await, (2, 1));
    assert_eq!(tell(3, "pass").await, (3, 0));
}

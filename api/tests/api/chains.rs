//! Chains and logs: what is missing is named, what was edited is found, what was before is proven.

use std::path::Path;

use api::Role;
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{
    Authority, BatchTree, Bundle, Digest, HashAlgorithm, Record,
    log::{Checkpoint, Peaks, Signed, verify_consistency},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    proofs::stamp,
    world::{World, answer, item, uuid},
};

const LOG: &str = "aggregator@vedette.local";

fn digest(item: &Value) -> Digest {
    Record::of(item).unwrap().digest()
}

/// Items of one agent, one after the other.
fn chain(numbers: std::ops::RangeInclusive<u128>, after: Option<&Signed>) -> Vec<Value> {
    let mut before: Option<Digest> = None;
    let mut items = Vec::new();
    for number in 1..=*numbers.end() {
        let mut item = item(uuid(number), i64::try_from(number).unwrap(), &format!("n{number}"));
        item["meta"]["seq"] = json!(number);
        if let Some(before) = before {
            item["meta"]["prev"] = json!(hex::encode(before));
        }
        if let Some(after) = after.filter(|_| number >= *numbers.start()) {
            let Checkpoint { origin, size, .. } = &after.checkpoint;
            let sha256 = hex::encode(after.digest());
            item["meta"]["after"] = json!({ "log": origin, "size": size, "sha256": sha256 });
        }
        before = Some(digest(&item));
        items.push(item);
    }
    items.split_off(usize::try_from(numbers.start() - 1).unwrap())
}

/// What an aggregator knows of its log.
#[derive(Clone, Default)]
struct Log {
    peaks: Peaks,
    batches: u128,
}

impl Log {
    /// A proof over items, with which the log goes on.
    async fn proof(&mut self, world: &World, items: &[Value]) -> (Value, Signed) {
        let before = self.peaks.clone();
        let mut leaves: Vec<Digest> = items.iter().map(digest).collect();
        self.peaks.extend(&leaves);
        let (size, root) = (self.peaks.size(), self.peaks.root());
        let signed = Checkpoint { origin: LOG.to_owned(), size, root }.unsigned();
        let shown: Vec<Value> = items
            .iter()
            .zip(&leaves)
            .map(
                |(item, leaf)| json!({ "uuid": item["meta"]["uuid"], "sha256": hex::encode(leaf) }),
            )
            .collect();
        leaves.push(signed.digest());
        let root = BatchTree::new(leaves).unwrap().root();
        self.batches += 1;
        let proof = json!({
            "batch": uuid(1000 + self.batches), "authority": "own", "leaves": shown,
            "root": hex::encode(root), "token": BASE64_STANDARD.encode(stamp(world, &root).await),
            "log": {
                "first": before.size(),
                "peaks": before.roots().iter().map(hex::encode).collect::<Vec<_>>(),
                "checkpoint": signed.note,
            },
        });
        (proof, signed)
    }

    /// Stores items and has them stamped.
    async fn store(&mut self, world: &World, items: &[Value]) -> Signed {
        assert_eq!(world.post("/api/v1/items", &json!(items)).await.status(), 200);
        let (proof, signed) = self.proof(world, items).await;
        let stored = answer(world.post("/api/v1/proofs", &proof).await).await;
        assert_eq!(stored.0, 201, "{}", stored.1);
        signed
    }
}

async fn anchor(world: &World) -> Authority {
    let pem = world.plain(Method::GET, "/tsa/anchors").send().await.unwrap().text().await.unwrap();
    Authority::from_pem("own", pem.as_bytes()).unwrap()
}

async fn integrity(world: &World) -> Value {
    for _ in 0..500 {
        let report = world.read("/api/v1/integrity").await;
        if report["state"] != "checking" {
            return report;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it is never checked");
}

#[tokio::test]
async fn a_bundle_proves_the_place_in_the_log_and_what_was_before() {
    let world = World::new().await;
    let mut log = Log::default();
    let first = log.store(&world, &chain(1..=5, None)).await;
    log.store(&world, &chain(6..=7, Some(&first))).await;
    let path = format!("/api/v1/items/{}/evidence", uuid(7));
    let bundle = Bundle::read(&world.get(&path).await.bytes().await.unwrap()).unwrap();
    let verdict = bundle.verify(&[anchor(&world).await]).unwrap();
    let place = verdict.log.unwrap();
    assert_eq!((place.origin.as_str(), place.size, place.index), (LOG, 7, 6));
    let after = verdict.after.unwrap();
    assert_eq!((after.size, verdict.seq), (5, Some(7)));
    assert!(after.word.verified.gen_time <= verdict.verified.gen_time);
    // Nobody is believed twice: the embedded authority covers both tokens.
    let own = bundle.embedded_authorities().unwrap();
    assert_eq!((own.len(), bundle.verify(&own).is_ok()), (1, true));
    let logs = world.read("/api/v1/logs").await;
    assert_eq!((&logs["items"][0]["origin"], &logs["items"][0]["size"]), (&json!(LOG), &json!(7)));
    let note = world.get(&format!("/api/v1/logs/{LOG}/checkpoint")).await.text().await.unwrap();
    let newest = Signed::read(&note).unwrap().checkpoint;
    let shown = world.read(&format!("/api/v1/logs/{LOG}/consistency?from=5")).await;
    let hashes = shown["proof"].as_array().unwrap().iter();
    let hashes: Vec<Digest> =
        hashes.map(|it| hex::decode(it.as_str().unwrap()).unwrap().try_into().unwrap()).collect();
    let old = (5, &first.checkpoint.root);
    assert_eq!(verify_consistency(old, (newest.size, &newest.root), &hashes), Ok(()));
    let same = world.read(&format!("/api/v1/logs/{LOG}/consistency?from=7")).await;
    assert_eq!((&same["from_root"], &same["proof"]), (&shown["to_root"], &json!([])));
    let older = world.read(&format!("/api/v1/logs/{LOG}/consistency?from=5&to=5")).await;
    assert_eq!(older["to_root"], hex::encode(first.checkpoint.root));
    for (query, status) in [
        ("from=4", 404),
        ("from=5&to=6", 404),
        ("from=6&to=6", 404),
        ("from=5&to=8", 404),
        ("from=7&to=5", 422),
        ("from=5&to=1048582", 422),
        ("", 422),
    ] {
        let path = format!("/api/v1/logs/{LOG}/consistency?{query}");
        assert_eq!(world.get(&path).await.status(), status, "{query}");
    }
    assert_eq!(world.get("/api/v1/logs/nobody/checkpoint").await.status(), 404);
}

#[tokio::test]
async fn what_is_missing_of_an_agents_items_is_named() {
    let world = World::new().await;
    let mut items = chain(1..=9, None);
    items.drain(3..6);
    world.post("/api/v1/items", &json!(items)).await;
    let found = world.read("/api/v1/agents/probe1@vedette.local/completeness").await;
    insta::assert_json_snapshot!(found, @r#"
    {
      "breaks": [],
      "first": 1,
      "gaps": [
        {
          "after_ts": 3,
          "before_ts": 7,
          "from": 4,
          "to": 6
        }
      ],
      "items": 6,
      "last": 9,
      "missing": 3,
      "source": "probe1@vedette.local"
    }
    "#);
    let summary = world.read("/api/v1/summary").await;
    assert_eq!(summary["items"]["missing"], 3);
    // What comes late fills the gap.
    world.post("/api/v1/items", &json!(chain(4..=6, None))).await;
    let found = world.read("/api/v1/agents/probe1@vedette.local/completeness").await;
    assert_eq!((&found["missing"], &found["gaps"]), (&json!(0), &json!([])));
    // Another item under a number that is taken: whoever sent it forgot what it was.
    let mut forged = chain(5..=5, None).remove(0);
    forged["meta"]["uuid"] = json!(uuid(50));
    forged["payload"]["exit"] = json!(1);
    world.post("/api/v1/items", &forged).await;
    let found = world.read("/api/v1/agents/probe1@vedette.local/completeness").await;
    assert_eq!(
        (&found["breaks"][0]["kind"], &found["breaks"][0]["seq"]),
        (&json!("fork"), &json!(5))
    );
}

#[tokio::test]
async fn a_log_that_does_not_fit_is_refused_and_one_that_jumps_is_told() {
    let world = World::new().await;
    let mut log = Log::default();
    log.store(&world, &chain(1..=3, None)).await;
    let items = chain(4..=6, None);
    world.post("/api/v1/items", &json!(items)).await;
    let (proof, _) = log.clone().proof(&world, &items).await;
    for (place, value, code) in [
        ("/log/peaks", json!([]), Value::Null),
        ("/log/peaks/0", json!("00".repeat(32)), json!("checkpoint")),
        ("/log/first", json!(1), Value::Null),
        ("/log/checkpoint", json!("x"), Value::Null),
        ("/root", json!("00".repeat(32)), json!("root")),
    ] {
        let mut wrong = proof.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let (status, problem) = answer(world.post("/api/v1/proofs", &wrong).await).await;
        assert_eq!((status, &problem["code"]), (422, &code), "{place}: {problem}");
    }
    // An aggregator that lost batches on the way: the items are proven, and the gap is told.
    let mut ahead = log.clone();
    ahead.peaks.append(&[7; 32]);
    let (proof, _) = ahead.proof(&world, &items).await;
    assert_eq!(world.post("/api/v1/proofs", &proof).await.status(), 201);
    let audit = world.read("/api/v1/audit").await;
    assert_eq!(
        (&audit["items"][0]["deed"], &audit["items"][0]["subject"]),
        (&json!("log-gap"), &json!(LOG))
    );
    // And one that was put back says other things about the same entries.
    let items = chain(7..=8, None);
    world.post("/api/v1/items", &json!(items)).await;
    let mut back = Log { batches: 10, ..Log::default() };
    let (proof, _) = back.proof(&world, &items).await;
    assert_eq!(world.post("/api/v1/proofs", &proof).await.status(), 201);
    assert_eq!(world.read("/api/v1/audit").await["items"][0]["deed"], "log-fork");
    // What was told when it came is no edit of the database; what was not told is one.
    let world = world.again().await;
    let report = integrity(&world).await;
    assert_eq!((&report["state"], &report["jumps"]), (&json!("sound"), &json!(2)), "{report}");
    sqlite(&world.config.database, "DELETE FROM audit WHERE deed = 'log-gap'");
    let world = world.again().await;
    let report = integrity(&world).await;
    assert_eq!(
        (&report["state"], &report["faults"][0]["kind"], &report["count"]),
        (&json!("edited"), &json!("log-changed"), &json!(1))
    );
}

/// The log that the API keeps itself is nobody else's to go on with.
#[tokio::test]
async fn nobody_speaks_for_the_log_of_the_api() {
    let world = World::new().await;
    let items = chain(1..=2, None);
    world.post("/api/v1/items", &json!(items)).await;
    let leaves: Vec<Digest> = items.iter().map(digest).collect();
    let mut peaks = Peaks::default();
    peaks.extend(&leaves);
    let checkpoint = Checkpoint { origin: "api".to_owned(), size: 2, root: peaks.root() };
    let (mut proof, _) = Log::default().proof(&world, &items).await;
    let signed = checkpoint.unsigned();
    let root = BatchTree::new(leaves.into_iter().chain([signed.digest()]).collect()).unwrap();
    proof["root"] = json!(hex::encode(root.root()));
    proof["token"] = json!(BASE64_STANDARD.encode(stamp(&world, &root.root()).await));
    proof["log"]["checkpoint"] = json!(signed.note);
    let (status, problem) = answer(world.post("/api/v1/proofs", &proof).await).await;
    assert_eq!((status, &problem["code"]), (422, &json!("checkpoint")), "{problem}");
    assert_eq!(world.read("/api/v1/logs").await["items"], json!([]));
}

fn sqlite(database: &Path, statement: &str) {
    let done = std::process::Command::new("sqlite3").arg(database).arg(statement).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test]
async fn an_edited_a_deleted_and_a_rolled_back_database_are_found() {
    let world = World::new().await;
    let mut log = Log::default();
    log.store(&world, &chain(1..=4, None)).await;
    let world = world.again().await;
    let sound = integrity(&world).await;
    assert_eq!(
        (&sound["state"], &sound["items"], &sound["count"]),
        (&json!("sound"), &json!(4), &json!(0))
    );

    let database = world.config.database.clone();
    let copy = world.folder.path().join("copy.db");
    sqlite(&database, &format!("VACUUM INTO '{}'", copy.display()));
    log.store(&world, &chain(5..=6, None)).await;
    let edit = format!(
        "UPDATE items SET canonical = replace(canonical, 'pass', 'fail') WHERE uuid = '{}'",
        uuid(2)
    );
    sqlite(&database, &edit);
    sqlite(&database, &format!("DELETE FROM items WHERE uuid = '{}'", uuid(5)));
    let world = world.again().await;
    let report = integrity(&world).await;
    let mut faults: Vec<(&str, &str)> = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["subject"].as_str().unwrap()))
        .collect();
    faults.sort_unstable();
    let (second, fifth): (String, String) = (uuid(2).to_string(), uuid(5).to_string());
    assert_eq!(faults, [("record-changed", second.as_str()), ("record-missing", fifth.as_str())]);
    let summary = world.read("/api/v1/summary").await;
    assert_eq!(
        (&summary["integrity"]["state"], &summary["integrity"]["faults"]),
        (&json!("edited"), &json!(2))
    );
    assert_eq!(world.read("/api/v1/audit").await["items"][0]["who"], "api");
    // An item that was edited does not verify, and says why.
    let checked = world.read(&format!("/api/v1/items/{}/verify", uuid(2))).await;
    assert_eq!((&checked["valid"], &checked["code"]), (&json!(false), &json!("record")));

    world.api.stop().await;
    for file in ["vedette.db-wal", "vedette.db-shm"] {
        drop(std::fs::remove_file(world.folder.path().join(file)));
    }
    std::fs::rename(&copy, &database).unwrap();
    let api = api::Api::start(world.config.clone()).await.unwrap();
    let world = World { api, ..world };
    let report = integrity(&world).await;
    assert_eq!(
        (&report["state"], &report["faults"][0]["kind"]),
        (&json!("edited"), &json!("rolled-back"))
    );
    assert_eq!(report["faults"][0]["subject"], LOG);
}

/// An aggregator that died may have the same item stamped again.
#[tokio::test]
async fn an_item_that_was_stamped_twice_is_no_fault_and_is_looked_at_all_the_same() {
    let world = World::new().await;
    let mut log = Log::default();
    log.store(&world, &chain(1..=3, None)).await;
    log.store(&world, &chain(2..=4, None)).await;
    let world = world.again().await;
    let sound = integrity(&world).await;
    assert_eq!((&sound["state"], &sound["items"]), (&json!("sound"), &json!(6)), "{sound}");
    // Nor is one overlooked that was taken out of its batch.
    let edit = format!(
        "UPDATE items SET batch_id = NULL, canonical = replace(canonical, 'pass', 'fail') \
         WHERE uuid = '{}'",
        uuid(1)
    );
    sqlite(&world.config.database, &edit);
    let world = world.again().await;
    let report = integrity(&world).await;
    let faults = report["faults"].as_array().unwrap();
    assert_eq!((faults.len(), &faults[0]["kind"]), (1, &json!("record-changed")), "{report}");
}

/// An item stands in two batches and is stored once; both get their new trees.
#[tokio::test]
async fn a_batch_with_an_item_that_was_stamped_twice_is_renewed() {
    let world = World::new().await;
    let mut log = Log::default();
    log.store(&world, &chain(1..=3, None)).await;
    log.store(&world, &chain(2..=4, None)).await;
    let mut world = world;
    world.config.tsa.hash = Some(HashAlgorithm::Sha512);
    let world = world.again().await;
    let authority = [anchor(&world).await];
    let renewals = async |number| {
        let path = format!("/api/v1/items/{}/evidence", uuid(number));
        let bundle = Bundle::read(&world.get(&path).await.bytes().await.unwrap()).unwrap();
        bundle.verify(&authority).unwrap().renewals
    };
    for _ in 0..500 {
        if renewals(1).await > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((renewals(1).await, renewals(4).await), (1, 1));
}

#[tokio::test]
async fn a_signature_that_does_not_hold_is_refused() {
    let world = World::new().await;
    let mut signed = item(Uuid::from_u128(9), 1, "x");
    signed["signature"] = json!({ "alg": "Ed25519", "key": "07".repeat(32), "value": BASE64_STANDARD.encode([1; 64]) });
    let (status, problem) = answer(world.post("/api/v1/items", &signed).await).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("signature")));
    let refused = world.request(Role::Agent, Method::POST, "/items/").json(&signed);
    assert_eq!(refused.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn whoever_has_a_file_can_ask_whether_it_is_genuine() {
    let world = World::new().await;
    let mut log = Log::default();
    log.store(&world, &chain(1..=2, None)).await;
    let path = format!("/api/v1/items/{}/evidence", uuid(2));
    let bundle = world.get(&path).await.bytes().await.unwrap().to_vec();
    let ask = async |body: Vec<u8>| {
        answer(world.plain(Method::POST, "/api/v1/verify").body(body).send().await.unwrap()).await
    };
    let (status, report) = ask(bundle.clone()).await;
    assert_eq!((status, &report["genuine"], &report["code"]), (200, &json!(true), &json!("ok")));
    assert_eq!((&report["log"]["size"], &report["item"]["meta"]["seq"]), (&json!(2), &json!(2)));
    let mut changed = bundle.clone();
    let place = changed.windows(4).position(|it| it == b"pass").unwrap();
    changed[place] ^= 1;
    assert_eq!(ask(changed).await.1["genuine"], false);
    for junk in [Vec::new(), b"<html>".to_vec(), bundle[..bundle.len() / 2].to_vec()] {
        let (status, report) = ask(junk).await;
        assert_eq!((status, &report["code"]), (200, &json!("archive")));
    }
    assert_eq!(ask(vec![0; (4 << 20) + 1]).await.0, 413);
    let page = world.plain(Method::GET, "/verify").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    // Nothing of it is kept.
    assert_eq!(world.read("/api/v1/summary").await["items"]["total"], 2);
}

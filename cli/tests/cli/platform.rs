use std::{fs, process::Command};

use serde_json::Value;

use crate::support::{Platform, raw, run, stdout, until, vedette};

/// The newest stamped item.
async fn stamped(platform: &Platform) -> Value {
    until("a stamped item", async || {
        let page = platform.get("/api/v1/items?limit=50").await;
        page["items"].as_array()?.iter().find(|it| it["proof"] == "stamped").cloned()
    })
    .await
}

#[tokio::test]
async fn the_demonstration_walks_from_a_check_to_a_proof_that_openssl_accepts() {
    let mut platform = Platform::up(&["--demo"]).await;

    let agents = until("everybody is present", async || {
        let agents = platform.get("/api/v1/agents").await;
        let all = agents["items"].as_array()?;
        let present = all.iter().filter(|it| it["presence"] == "available");
        (present.count() == 6 && all.iter().all(|it| it["behaviours"][0]["diagram"].is_object()))
            .then_some(agents)
    })
    .await;
    let role = |jid: &str| {
        let all = agents["items"].as_array().unwrap();
        all.iter().find(|it| it["jid"] == jid).map(|it| it["role"].clone()).unwrap()
    };
    assert_eq!(role("probe1@vedette.local"), "probe");
    assert_eq!(role("aggregator@vedette.local"), "aggregator");
    assert_eq!(role("registry@vedette.local"), "registrar");

    // The same from a shell, looked for by duty and state.
    let data = platform.data("");
    let list = |arguments: &[&str]| {
        let mut command = vedette();
        run(command.args(["agents", "list", "--data"]).arg(&data).args(arguments))
    };
    let found = list(&["--duty", "aggregate", "--state", "available"]);
    assert!(stdout(&found).starts_with("aggregator@vedette.local  "), "{found:?}");
    assert_eq!(list(&["--label", "site=nowhere"]).status.code(), Some(1));

    until("passes and a failure by two probes", async || {
        let page = platform.get("/api/v1/items?limit=100").await;
        let all = page["items"].as_array()?;
        let has = |source: &str, verdict: &str| {
            all.iter().any(|it| it["source"] == source && it["verdict"] == verdict)
        };
        (has("probe1@vedette.local", "pass")
            && has("probe2@vedette.local", "pass")
            && has("probe2@vedette.local", "fail"))
        .then_some(())
    })
    .await;

    let uuid = stamped(&platform).await["uuid"].as_str().unwrap().to_owned();
    let item = platform.get(&format!("/api/v1/items/{uuid}")).await;
    assert!(!raw(&item).is_empty());
    assert_eq!(item["proof_detail"]["trust"], "self-signed");
    let verdict = platform.get(&format!("/api/v1/items/{uuid}/verify")).await;
    assert_eq!(verdict["valid"], true, "{verdict}");

    // The token by OpenSSL alone.
    let token = platform.bytes(&format!("/TimeStampTokens/token/{uuid}")).await;
    let file = platform.folder.path().join("token.der");
    fs::write(&file, token).unwrap();
    let root = item["proof_detail"]["root"].as_str().unwrap();
    let verified = run(Command::new("openssl")
        .args(["ts", "-verify", "-token_in", "-digest", root, "-in"])
        .arg(&file)
        .arg("-CAfile")
        .arg(platform.data("tsa/anchor.pem")));
    assert!(verified.status.success(), "{verified:?}");

    // The bundle by our own command, offline.
    let bundle = platform.folder.path().join("item.asics");
    fs::write(&bundle, platform.bytes(&format!("/api/v1/items/{uuid}/evidence")).await).unwrap();
    let mut verify = vedette();
    verify.arg("verify").arg(&bundle).arg("--anchor").arg(platform.data("tsa/anchor.pem"));
    let genuine = run(verify.arg("--json"));
    let told: Value = serde_json::from_str(&stdout(&genuine)).unwrap();
    assert_eq!((genuine.status.code(), &told["genuine"]), (Some(0), &Value::Bool(true)), "{told}");

    let status = platform.process.stop().await;
    assert_eq!(status.code(), Some(0));
    assert!(!platform.data("ready.json").exists());
    let pid = platform.xmpp_pid();
    let alive = pid.is_some_and(|pid| fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(!alive, "the XMPP server was left behind");
}

#[tokio::test]
async fn evidence_that_was_changed_or_is_anchored_elsewhere_is_not_genuine() {
    let platform = Platform::up(&["--demo"]).await;
    let uuid = stamped(&platform).await["uuid"].as_str().unwrap().to_owned();
    let bytes = platform.bytes(&format!("/api/v1/items/{uuid}/evidence")).await;
    let bundle = platform.folder.path().join("item.asics");
    let check = |bytes: &[u8], anchor: Option<&str>| {
        fs::write(&bundle, bytes).unwrap();
        let mut verify = vedette();
        verify.current_dir(platform.folder.path()).arg("verify").arg(&bundle).arg("--json");
        if let Some(anchor) = anchor {
            verify.arg("--anchor").arg(platform.folder.path().join(anchor));
        }
        let output = run(&mut verify);
        let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
        (output.status.code(), told["code"].as_str().unwrap().to_owned())
    };
    let own = Some("data/tsa/anchor.pem");
    assert_eq!(check(&bytes, own), (Some(0), "ok".to_owned()));
    assert_eq!(check(&bytes, None), (Some(1), "no-anchor".to_owned()));

    // One character of the result itself.
    let at = bytes.windows(7).position(|it| it == b"\"type\":").unwrap() + 9;
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    assert_eq!(check(&changed, own).0, Some(1));
    assert_eq!(check(b"no bundle at all", own).0, Some(1));

    // The XMPP server's authority is not the one that stamps.
    assert_eq!(check(&bytes, Some("data/xmpp/ca.pem")).0, Some(1));

    let missing = run(vedette().arg("verify").arg("nowhere.asics"));
    assert_eq!(missing.status.code(), Some(3));
}

#[tokio::test]
async fn folders_and_bare_time_stamps_are_judged_too() {
    let platform = Platform::up(&["--demo"]).await;
    let folder = platform.folder.path().join("evidence");
    fs::create_dir_all(folder.join("deep")).unwrap();
    let uuid = until("an item that was made after a stamped checkpoint", async || {
        let uuid = stamped(&platform).await["uuid"].as_str()?.to_owned();
        let item = platform.get(&format!("/api/v1/items/{uuid}")).await;
        item.pointer("/record/meta/after").map(|_| uuid)
    })
    .await;
    let bundle = platform.bytes(&format!("/api/v1/items/{uuid}/evidence")).await;
    fs::write(folder.join("deep/item.asics"), &bundle).unwrap();
    // A file of somebody's, stamped by OpenSSL's request and the platform's authority.
    let (report, query) = (folder.join("report.txt"), folder.join("query"));
    fs::write(&report, "all is well").unwrap();
    let asked = run(Command::new("openssl")
        .args(["ts", "-query", "-sha512", "-cert", "-data"])
        .arg(&report)
        .arg("-out")
        .arg(&query));
    assert!(asked.status.success(), "{asked:?}");
    let answer = reqwest::Client::new()
        .post(format!("{}/tsr", platform.http))
        .header("content-type", "application/timestamp-query")
        .body(fs::read(&query).unwrap())
        .send()
        .await
        .unwrap();
    fs::write(folder.join("report.txt.tsr"), answer.bytes().await.unwrap()).unwrap();
    let anchor = platform.data("tsa/anchor.pem");
    let verify = |more: &[&str]| {
        let mut verify = vedette();
        verify.current_dir(&folder).arg("verify").args(more).arg("--anchor").arg(&anchor);
        run(&mut verify)
    };
    let all = verify(&["."]);
    let said = stdout(&all);
    assert_eq!(all.status.code(), Some(0), "{said}");
    assert!(said.ends_with("2 of 2 genuine\n"), "{said}");
    for word in ["made after", "in the log", "number", "signed by"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    fs::write(&report, "all is lost").unwrap();
    let some = verify(&[".", "--json"]);
    let told: Value = serde_json::from_str(&stdout(&some)).unwrap();
    let codes: Vec<&str> =
        told.as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!((some.status.code(), codes), (Some(1), vec!["ok", "imprint"]));
    fs::write(folder.join("other"), "all is well").unwrap();
    assert_eq!(verify(&["report.txt.tsr", "--of", "other"]).status.code(), Some(0));
    assert_eq!(verify(&[".", "--of", "other"]).status.code(), Some(2));
    fs::create_dir(folder.join("empty")).unwrap();
    assert_eq!(verify(&["empty"]).status.code(), Some(3));
}

#[tokio::test]
async fn writing_needs_the_token_and_the_token_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let platform = Platform::up(&[]).await;
    let path = platform.data("admin.token");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(path).unwrap();
    let client = reqwest::Client::new();
    let item = r#"{"version":"1","format":"raw","meta":{"uuid":"5f3b8f0e-1111-4222-8333-444455556666",
        "ts":1790000000,"type":"note"},"payload":{"raw":"aGVsbG8="}}"#;
    let post = |client: &reqwest::Client| {
        client
            .post(format!("{}/items/", platform.http))
            .body(item)
            .header("content-type", "application/json")
    };
    assert_eq!(post(&client).send().await.unwrap().status(), 401);
    let basic = post(&client).basic_auth("admin", Some(token.trim()));
    assert_eq!(basic.send().await.unwrap().status(), 200);
    let bearer = post(&client).bearer_auth(token.trim());
    assert_eq!(bearer.send().await.unwrap().status(), 200);
    assert_eq!(platform.get("/api/v1/items?type=note").await["total"], 1);
}

#[tokio::test]
async fn an_agent_that_went_away_is_shown_as_gone() {
    let mut platform = Platform::up(&["--demo"]).await;
    let presence = async |platform: &Platform, jid: &str| {
        let agent = platform.get(&format!("/api/v1/agents/{jid}")).await;
        agent["presence"].as_str().unwrap_or_default().to_owned()
    };
    until("the probe is there", async || {
        (presence(&platform, "probe2@vedette.local").await == "available").then_some(())
    })
    .await;
    platform.process.stop().await;
    // The same platform, without the demonstration.
    let folder = std::mem::replace(&mut platform.folder, tempfile::tempdir().unwrap());
    let platform = Platform::up_in(folder, &[]).await;
    until("the probe is gone", async || {
        (presence(&platform, "probe2@vedette.local").await == "unavailable").then_some(())
    })
    .await;
}

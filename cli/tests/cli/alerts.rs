//! Alerts from a shell: listed, shown, handled, judged.

use std::process::Output;

use serde_json::json;

use crate::support::{Platform, run, stderr, stdout, vedette};

const ID: &str = "command-2001:db8::7-1764000000000";

fn alerts(platform: &Platform, arguments: &[&str]) -> Output {
    let (verb, rest) = arguments.split_first().unwrap();
    let mut command = vedette();
    command.args(["alerts", verb]).args(rest).arg("--data").arg(platform.data(""));
    run(&mut command)
}

/// Has the platform keep an alert, as an aggregator would.
async fn tell(platform: &Platform) {
    let item = json!({
        "version": "1", "format": "json",
        "meta": {
            "uuid": "00000000-0000-4000-8000-000000000001", "ts": 1_764_000_001,
            "type": "alert", "source": "probe9@vedette.local",
        },
        "payload": { "raw": "", "change": {
            "at": "2025-11-24T16:00:01Z", "change": "opened",
            "alert": {
                "id": ID, "host": "2001:db8::7", "family": "command", "state": "new",
                "severity": "high", "score": 0.72, "count": 3, "flows": 40,
                "opened": "2025-11-24T16:00:00Z", "last": "2025-11-24T16:00:01Z",
                "detectors": ["beacon"], "techniques": ["T1071"], "peers": ["192.0.2.1"],
                "evidence": [{ "detector": "beacon", "why": [
                    { "name": "score", "value": 0.95, "threshold": 0.8 },
                    { "name": "calls", "value": 40.0 },
                ] }],
            },
        } },
    });
    let token = std::fs::read_to_string(platform.data("admin.token")).unwrap();
    let url = format!("{}/api/v1/items", platform.http);
    let request = reqwest::Client::new().post(url).bearer_auth(token.trim()).json(&item);
    assert_eq!(request.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn alerts_are_listed_shown_and_judged() {
    let platform = Platform::up(&[]).await;
    assert_eq!(alerts(&platform, &["list"]).status.code(), Some(1), "there is none");
    tell(&platform).await;
    let output = alerts(&platform, &["show", ID]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r"
    high     new          command-2001:db8::7-1764000000000 (beacon), by probe9@vedette.local
        techniques: T1071
        peers: 192.0.2.1
        beacon: score 0.95 (threshold 0.8), calls 40
        opened by item 00000000-0000-4000-8000-000000000001
    ");
    let output = alerts(&platform, &["acknowledge", ID, "--note", "on it"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r"
    high     acknowledged command-2001:db8::7-1764000000000 (beacon), by probe9@vedette.local
        moved by admin: on it
    ");
    let output = alerts(&platform, &["confirm", ID]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"error: the API answers 409 Conflict: the alert is acknowledged; from there it may be mitigated, expired");
    let listed = alerts(&platform, &["list", "--host", "2001:db8::7", "--severity", "high"]);
    assert_eq!((listed.status.code(), stdout(&listed).lines().count()), (Some(0), 1));
    let output = alerts(&platform, &["judge", ID, "benign", "--note", "the backup"]);
    insta::assert_snapshot!(stdout(&output), @r"
    high     expired      command-2001:db8::7-1764000000000 (beacon), by probe9@vedette.local, judged benign
        moved by admin: the backup
        judged by admin: the backup
    ");
    // What is over is listed when it is asked for.
    assert_eq!(alerts(&platform, &["list"]).status.code(), Some(1));
    for more in [["--all", "--json"], ["--state", "expired"]] {
        let listed = alerts(&platform, &["list", more[0], more[1]]);
        assert_eq!(listed.status.code(), Some(0), "{more:?}");
        assert!(stdout(&listed).contains(ID), "{more:?}");
    }
    assert_eq!(alerts(&platform, &["show", "nothing"]).status.code(), Some(2));
    assert_eq!(alerts(&platform, &["list", "--severity", "dire"]).status.code(), Some(2));
}

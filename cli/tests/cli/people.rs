//! People talk to the agents of a platform, by the clients that they have anyway.

use std::{fs, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    spade::Spade,
    support::{Platform, run, stdout, until, vedette},
    terminal::{Profanity, SEALED},
};

const PROBE: &str = "probe2@vedette.local";

/// The demonstration, with somebody who may control its agents and somebody who may nothing.
async fn with_operators() -> Platform {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("operators.toml"), "\"ops@vedette.local\" = \"control\"\n").unwrap();
    let platform = Platform::up_in(folder, &["--demo"]).await;
    let registered = run(Command::new("prosodyctl")
        .arg("--config")
        .arg(platform.data("xmpp/prosody.cfg.lua"))
        .args(["register", "stranger", "vedette.local", "correct horse"]));
    assert!(registered.status.success(), "{registered:?}");
    fs::write(platform.data("secrets/stranger"), "correct horse\n").unwrap();
    platform
}

fn xmpp_port(platform: &Platform) -> u16 {
    let ready = fs::read_to_string(platform.data("ready.json")).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    ready["xmpp"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

async fn log_in(platform: &Platform, name: &str) -> Profanity {
    let password = platform.data(&format!("secrets/{name}"));
    let (port, authority) = (xmpp_port(platform), platform.data("xmpp/ca.pem"));
    Profanity::log_in(&format!("{name}@vedette.local"), &password, port, &authority).await
}

/// Says something to the probe, and waits for its answer.
async fn asks(who: &Profanity, question: &str, answer: &str) {
    who.says(PROBE, question);
    who.shows(answer).await;
}

/// Waits until it is written down that something was refused.
async fn refused(platform: &Platform, what: &str) {
    until(what, async || {
        let page = platform.get("/api/v1/items?type=audit&limit=100").await;
        let mut told = page["items"].as_array()?.iter().filter_map(|it| it["summary"].as_str());
        told.any(|it| it.contains(what)).then_some(())
    })
    .await;
}

fn trust(platform: &Platform, arguments: &[&str]) -> String {
    let mut command = vedette();
    let called = run(command.arg("trust").args(arguments).arg("--data").arg(platform.data("")));
    assert_eq!(called.status.code(), Some(0), "{called:?}");
    stdout(&called)
}

/// Waits until what was asked for, in this order, is written down, and proven.
async fn audited(platform: &Platform, asked: &[(&str, bool)]) {
    until("all that was asked for is stamped", async || {
        let page = platform.get("/api/v1/items?type=audit&limit=100").await;
        let items = page["items"].as_array()?;
        (items.len() >= asked.len() && items.iter().all(|it| it["proof"] == "stamped"))
            .then_some(())
    })
    .await;
    let page = platform.get("/api/v1/items?type=audit&limit=100").await;
    let mut told: Vec<&str> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["summary"].as_str().unwrap())
        .collect();
    let mut expected: Vec<String> = asked
        .iter()
        .map(|(what, allowed)| match allowed {
            true => format!("ops@vedette.local asked for `{what}`"),
            false => format!("stranger@vedette.local may not ask for `{what}`"),
        })
        .collect();
    // What is asked for within a second may be listed in any order.
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_operator_talks_to_a_probe_in_profanity_and_a_stranger_is_refused() {
    let platform = with_operators().await;
    let uuid = until("a result of the probe", async || {
        let page = platform.get("/api/v1/items?type=disk&limit=1").await;
        Some(page["items"].get(0)?["uuid"].as_str()?.to_owned())
    })
    .await;
    let ops = log_in(&platform, "ops").await;
    assert!(!ops.screen().contains("certificate"), "{}", ops.screen());
    let why = format!("why {uuid}");
    for (question, answer) in [
        ("help", "run NAME: has a behaviour do now what it would do at its time pause NAME:"),
        ("status", "probe2@vedette.local, probe"),
        ("behaviours", "up-for-half-a-year (check): Waiting"),
        ("run disk", "`disk` runs now"),
        ("pause load", "`load` is paused; what comes for it waits"),
        ("behaviours", "s, paused up-for-half-a-year (check):"),
        ("resume load", "`load` goes on"),
        (&*why, "it was delivered"),
        ("pause nothing", "no behaviour `nothing`; there are: disk, load,"),
    ] {
        asks(&ops, question, answer).await;
    }
    let stranger = log_in(&platform, "stranger").await;
    asks(&stranger, "pause load", "`stranger@vedette.local` is none of my operators").await;
    asks(&ops, "status", "all running").await;
    let asked = [
        ("help", true),
        ("status", true),
        ("behaviours", true),
        ("run disk", true),
        ("pause load", true),
        ("behaviours", true),
        ("resume load", true),
        (&*why, true),
        ("pause nothing", true),
        ("pause load", false),
        ("status", true),
    ];
    audited(&platform, &asked).await;
}

#[tokio::test]
async fn an_operator_fills_in_the_form_of_a_command_and_a_stranger_gets_none() {
    let platform = with_operators().await;
    let port = xmpp_port(&platform);
    let password = fs::read_to_string(platform.data("secrets/ops")).unwrap();
    let mut ops = Spade::start("ops@vedette.local", password.trim(), port).await;
    let word = json!({"do": "send", "to": PROBE, "body": "status", "metadata": {}});
    ops.does(word).await;
    // Commands go to a connection, not to an account.
    let probe = ops.sees("message").await["sender"].as_str().unwrap().to_owned();
    assert!(probe.starts_with(&format!("{PROBE}/")), "{probe}");

    ops.does(json!({"do": "call", "to": probe, "node": "pause"})).await;
    let form = ops.sees("page").await;
    assert_eq!(
        (&form["status"], &form["fields"]["name"]),
        (&json!("executing"), &json!("list-single"))
    );
    let filled = json!({
        "do": "call", "to": probe, "node": "pause", "session": form["session"],
        "action": "complete", "fields": {"name": "load"},
    });
    ops.does(filled).await;
    let page = ops.sees("page").await;
    assert_eq!(page["status"], "completed", "{page}");
    assert!(page["notes"].to_string().contains("`load` is paused"), "{page}");

    let mut stranger = Spade::start("stranger@vedette.local", "correct horse", port).await;
    stranger.does(json!({"do": "call", "to": probe, "node": "pause"})).await;
    let page = stranger.sees("page").await;
    let no = json!([["error", "`stranger@vedette.local` is none of my operators"]]);
    assert_eq!((&page["fields"], &page["notes"]), (&json!({}), &no), "{page}");
    audited(&platform, &[("status", true), ("pause load", true)]).await;
}

#[tokio::test]
async fn an_operator_talks_sealed_in_profanity_from_the_moment_that_the_keys_are_trusted() {
    let platform = with_operators().await;
    let ops = log_in(&platform, "ops").await;
    let print = ops.makes_keys().await;
    ops.begins_its_list();
    let shown: Value =
        serde_json::from_str(&trust(&platform, &["show", "probe2", "--json"])).unwrap();
    let key = shown["fingerprints"][0]["fingerprint"].as_str().unwrap();
    ops.begins_to_seal(PROBE, key).await;
    ops.says(PROBE, "status");
    refused(&platform, "a sealed message was refused: ").await;
    assert!(!ops.screen().contains("all running"), "{}", ops.screen());

    // As Profanity shows it, with dashes.
    trust(&platform, &["add", "ops@vedette.local", &print]);
    // The list is on its way to the probe.
    until("it is believed", async || {
        ops.says(PROBE, "status");
        tokio::time::sleep(Duration::from_millis(500)).await;
        ops.screen().contains("all running").then_some(())
    })
    .await;
    asks(&ops, "behaviours", &format!("{SEALED} {PROBE}/")).await;
    ops.shows("up-for-half-a-year (check): Waiting").await;
    ops.types("/omemo end");
    ops.says(PROBE, "status");
    refused(&platform, "a message in plain was refused").await;
}

//! Trust that an operator gives once: a token, an agent that joins by it, and its end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::support::{Platform, Process, run, stderr, stdout, until, vedette};

/// How long it may take until somebody who was revoked is cut off.
const SECONDS: Duration = Duration::from_secs(5);

fn at(platform: &Platform, arguments: &[&str]) -> Command {
    let mut command = vedette();
    command.args(arguments).arg("--data").arg(platform.data(""));
    command
}

pub(crate) fn enroll(platform: &Platform, name: &str) -> String {
    let new = run(&mut at(platform, &["enroll", "new", "--name", name, "--role", "probe"]));
    assert_eq!(new.status.code(), Some(0), "{}", stderr(&new));
    stdout(&new).trim().to_owned()
}

fn joining(token: &str, folder: &Path) -> Command {
    let mut command = vedette();
    command.args(["join", token, "--data"]).arg(folder);
    command
}

fn join(token: &str, folder: &Path) -> Output {
    run(&mut joining(token, folder))
}

pub(crate) fn joined(token: &str, folder: &Path) {
    let output = join(token, folder);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

pub(crate) fn start(platform: &Platform, folder: &Path) -> Process {
    let mut command = vedette();
    command.args(["agent", "run"]).arg(folder.join("agent.toml"));
    Process::start(&mut command, &platform.folder.path().join("agent.log"))
}

pub(crate) fn folder(platform: &Platform, name: &str) -> PathBuf {
    platform.folder.path().join(name)
}

async fn state(platform: &Platform, name: &str) -> Value {
    platform.get(&format!("/api/v1/enrolments/{name}")).await
}

async fn is_member(platform: &Platform, name: &str) -> bool {
    let jid = format!("{name}@vedette.local");
    let members = platform.get("/api/v1/members").await;
    members["items"].as_array().unwrap().iter().any(|it| it["jid"] == jid.as_str())
}

async fn sees(platform: &Platform, name: &str, show: &str) {
    let path = format!("/api/v1/agents/{name}@vedette.local");
    until(&format!("`{name}` is {show}"), async || {
        (platform.get(&path).await["presence"] == show).then_some(())
    })
    .await;
}

async fn stamped(platform: &Platform, name: &str, count: u64) {
    let path = format!("/api/v1/items?source={name}@vedette.local");
    until("its results are stamped", async || {
        let page = platform.get(&path).await;
        let is_stamped = |it: &Value| it["proof"] == "stamped";
        let stamped = page["items"].as_array()?.iter().filter(|it| is_stamped(it)).count();
        (u64::try_from(stamped).unwrap() >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_agent_joins_by_a_token_and_is_cut_off_when_it_is_revoked() {
    let platform = Platform::up(&[]).await;
    let edge = folder(&platform, "edge1");
    let token = enroll(&platform, "edge1");
    assert!(token.starts_with("vdt1_") && token.len() < 600, "{token}");
    joined(&token, &edge);
    let mut agent = start(&platform, &edge);
    sees(&platform, "edge1", "available").await;
    stamped(&platform, "edge1", 1).await;
    let listed = stdout(&run(&mut at(&platform, &["agents", "list"])));
    assert!(listed.contains("edge1@vedette.local"), "{listed}");
    // Once more by the same token: in its folder it is known, elsewhere it is used up.
    assert!(stdout(&join(&token, &edge)).contains("joined before"));
    let other = join(&token, &folder(&platform, "other"));
    assert_eq!(other.status.code(), Some(3));
    assert!(stderr(&other).contains("used in another folder"), "{}", stderr(&other));
    let asked = Instant::now();
    let revoked = run(&mut at(&platform, &["enroll", "revoke", "edge1"]));
    assert_eq!(revoked.status.code(), Some(0), "{}", stderr(&revoked));
    assert_eq!(agent.end().await.code(), Some(3));
    sees(&platform, "edge1", "unavailable").await;
    until("the list is without it", async || (!is_member(&platform, "edge1").await).then_some(()))
        .await;
    assert!(asked.elapsed() < SECONDS, "{:?}", asked.elapsed());
    // The name is free again, and its new bearer has other keys.
    joined(&enroll(&platform, "edge1"), &folder(&platform, "again"));
    let audit = platform.get("/api/v1/audit").await;
    let deeds: Vec<_> = audit["items"].as_array().unwrap().iter().map(|it| &it["deed"]).collect();
    let expected = ["joined", "ready", "enrol", "revoked", "revoke", "joined", "ready", "enrol"];
    assert_eq!(deeds, expected);
}

#[tokio::test]
async fn an_agent_gets_new_keys_by_a_hand_over_and_goes_on() {
    let platform = Platform::up(&[]).await;
    let edge = folder(&platform, "edge1");
    joined(&enroll(&platform, "edge1"), &edge);
    let identity =
        async || state(&platform, "edge1").await["member"]["devices"][0]["identity"].clone();
    let before = identity().await;
    let rotate = || {
        let mut command = vedette();
        run(command.args(["agent", "rotate"]).arg(edge.join("agent.toml")))
    };
    let mut agent = start(&platform, &edge);
    stamped(&platform, "edge1", 1).await;
    let busy = rotate();
    assert_eq!(busy.status.code(), Some(3));
    assert!(stderr(&busy).contains("stop it first"), "{}", stderr(&busy));
    agent.stop().await;
    let rotated = rotate();
    assert_eq!(rotated.status.code(), Some(0), "{}", stderr(&rotated));
    until("the list has the new key", async || (identity().await != before).then_some(())).await;
    assert!(stdout(&rotated).contains(identity().await.as_str().unwrap()));
    let mut agent = start(&platform, &edge);
    stamped(&platform, "edge1", 2).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_person_is_believed_by_a_fingerprint_until_that_is_taken_back() {
    let platform = Platform::up(&[]).await;
    let trust = |more: &[&str]| {
        let arguments: Vec<&str> = ["trust"].iter().chain(more).copied().collect();
        run(&mut at(&platform, &arguments))
    };
    let key = "3d".repeat(32);
    let added = trust(&["add", "ops@example.org", &key.to_uppercase()]);
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    let groups = ["3d3d3d3d"; 8].join(" ");
    assert!(stdout(&added).contains(&format!("trusted  {groups}")), "{}", stdout(&added));
    let members = platform.get("/api/v1/members").await;
    let is_ops = |it: &&Value| it["jid"] == "ops@example.org";
    let ops = members["items"].as_array().unwrap().iter().find(is_ops).unwrap();
    assert_eq!((&ops["role"], &ops["devices"][0]["identity"]), (&"operator".into(), &key.into()));
    let listed = trust(&["list"]);
    assert!(stdout(&listed).contains(&groups), "{}", stdout(&listed));
    // People compare the agents, too: by text, and by a code that a camera reads.
    let shown = trust(&["show", "registry"]);
    let uri = "xmpp:registry@vedette.local?omemo-sid-";
    assert!(stdout(&shown).contains(uri) && stdout(&shown).contains('█'), "{}", stdout(&shown));
    let removed = trust(&["remove", "ops@example.org"]);
    assert_eq!(removed.status.code(), Some(0), "{}", stderr(&removed));
    assert!(!is_member(&platform, "ops").await);
    for wrong in [
        &["add", "ops@example.org", "ab"][..],
        &["add", "xmpp:ops@example.org"],
        &["add", "registry@vedette.local", &"ab".repeat(32)],
        &["remove", "nobody@test"],
        &["show", "nobody"],
    ] {
        assert_eq!(trust(wrong).status.code(), Some(2), "{wrong:?}: {}", stderr(&trust(wrong)));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_told() {
    let platform = Platform::up(&[]).await;
    let told = |output: Output| (output.status.code(), stderr(&output));
    let new = |more: &[&str]| {
        let arguments: Vec<&str> = ["enroll", "new"].iter().chain(more).copied().collect();
        told(run(&mut at(&platform, &arguments)))
    };
    let (code, said) = new(&["--name", "edge1", "--role", "king"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("`role` must be one of probe"), "{said}");
    let (code, said) = new(&["--name", "edge1", "--role", "probe", "--label", "site"]);
    assert!(code == Some(2) && said.contains("site=lux1"), "{said}");
    let (code, said) = new(&["--name", "edge1", "--role", "probe", "--expires", "soon"]);
    assert!(code == Some(2) && said.contains("24h"), "{said}");
    let (code, said) = new(&["--name", "aggregator", "--role", "aggregator"]);
    assert!(code == Some(2) && said.contains("taken"), "{said}");
    let (code, said) = told(run(&mut at(&platform, &["enroll", "revoke", "nobody"])));
    assert!(code == Some(2) && said.contains("`nobody`"), "{said}");
    let token = enroll(&platform, "edge1");
    let edge = folder(&platform, "edge1");
    let (code, said) = told(join(&token[..200], &edge));
    assert!(code == Some(2) && said.contains("cut or mistyped"), "{said}");
    let (code, said) = told(join(&token.replace("vdt1_", "vdt2_"), &edge));
    assert!(code == Some(2) && said.contains("version `2`"), "{said}");
    fs::create_dir(&edge).unwrap();
    fs::write(edge.join("agent.toml"), "mine").unwrap();
    let (code, said) = told(join(&token, &edge));
    assert!(code == Some(2) && said.contains("not empty"), "{said}");
    assert_eq!(fs::read_to_string(edge.join("agent.toml")).unwrap(), "mine");
    let listed = run(&mut at(&platform, &["enroll", "list", "--json"]));
    let listed: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert_eq!((&listed["total"], &listed["items"][0]["state"]), (&1.into(), &"ready".into()));
    // A token whose time is over is told before anything is made.
    let brief = ["enroll", "new", "--name", "brief", "--role", "probe", "--expires", "1s"];
    let token = stdout(&run(&mut at(&platform, &brief)));
    let brief = folder(&platform, "brief");
    until("its time is over", async || {
        let row = state(&platform, "brief").await;
        (row["state"] == "expired" && row["done"] == true).then_some(())
    })
    .await;
    let (code, said) = told(join(token.trim(), &brief));
    assert!(code == Some(2) && said.contains("out of date") && !brief.exists(), "{said}");
}

#[tokio::test]
async fn no_enrolment_is_lost_when_everything_is_killed() {
    let mut platform = Platform::up(&[]).await;
    let kill = async |platform: &mut Platform| {
        platform.process.signal(Signal::KILL);
        platform.process.end().await;
        platform.up_again().await;
    };
    // Asked for, and killed before anybody looks whether it is done.
    let body = serde_json::json!({ "name": "edge1", "role": "probe" });
    let admin = fs::read_to_string(platform.data("admin.token")).unwrap();
    let client = reqwest::Client::new();
    let url =
        |platform: &Platform, rest: &str| format!("{}/api/v1/enrolments{rest}", platform.http);
    let opened = client.post(url(&platform, "")).bearer_auth(admin.trim()).json(&body).send();
    let opened: Value = opened.await.unwrap().json().await.unwrap();
    kill(&mut platform).await;
    until("it is ready", async || {
        (state(&platform, "edge1").await["state"] == "ready").then_some(())
    })
    .await;
    let edge = folder(&platform, "edge1");
    joined(opened["token"].as_str().unwrap(), &edge);
    kill(&mut platform).await;
    until("the API knows that it joined", async || {
        (state(&platform, "edge1").await["state"] == "joined").then_some(())
    })
    .await;
    assert!(is_member(&platform, "edge1").await);
    let mut agent = start(&platform, &edge);
    stamped(&platform, "edge1", 1).await;
    let revoked = client.delete(url(&platform, "/edge1")).bearer_auth(admin.trim()).send();
    assert_eq!(revoked.await.unwrap().status(), 200);
    kill(&mut platform).await;
    until("it is gone", async || (state(&platform, "edge1").await["done"] == true).then_some(()))
        .await;
    assert_eq!(agent.end().await.code(), Some(3));
    assert!(!is_member(&platform, "edge1").await);
}

#[tokio::test]
async fn a_join_that_is_killed_anywhere_is_completed_by_the_same_token() {
    let platform = Platform::up(&[]).await;
    let edge = folder(&platform, "edge1");
    let token = enroll(&platform, "edge1");
    let log = platform.folder.path().join("join.log");
    for step in 0..24 {
        let mut process = Process::start(&mut joining(&token, &edge), &log);
        sleep(Duration::from_millis(step * 5)).await;
        // It may have come to its end.
        drop(process.0.kill());
        drop(process.0.wait());
    }
    joined(&token, &edge);
    let mut agent = start(&platform, &edge);
    stamped(&platform, "edge1", 1).await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_of_the_platform_that_was_revoked_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("data/agents");
    fs::create_dir_all(&agents).unwrap();
    let file = "role = \"probe\"\njid = \"local1@vedette.local\"\n\
                password_file = \"../secrets/local1\"\n[[behaviour]]\nrun = \"check\"\n\
                every = \"1s\"\ncommand = [\"true\"]\n";
    fs::write(agents.join("local1.toml"), file).unwrap();
    let mut platform = Platform::up_in(folder, &[]).await;
    until("it is a member", async || is_member(&platform, "local1").await.then_some(())).await;
    stamped(&platform, "local1", 1).await;
    let revoked = run(&mut at(&platform, &["enroll", "revoke", "local1"]));
    assert_eq!(revoked.status.code(), Some(0), "{}", stderr(&revoked));
    sees(&platform, "local1", "unavailable").await;
    platform.process.stop().await;
    platform.up_again().await;
    assert!(!is_member(&platform, "local1").await);
    assert!(!platform.data("xmpp/data/vedette%2elocal/accounts/local1.dat").exists());
}

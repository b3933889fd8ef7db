use std::fs;

use serde_json::Value;

use crate::support::{Platform, run, stderr, stdout, vedette};

const BROKEN: &str = r#"
role = "probe"
jid = "probe1"
password_file = "nowhere"
colour = "green"

[[behaviour]]
run = "sniff"

[[behaviour]]
run = "check"
shell = ["ss"]
every = 30
expect = { exit = "zero", matches = "(" }
"#;

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.toml");
    fs::write(&file, BROKEN).unwrap();
    let output = run(vedette().args(["agent", "check"]).arg(&file));
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output).replace(&folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(told, @r#"
    error: `DIR/probe.toml`: 9 problems
      `colour`: unknown key; there are: role, jid, password_file, server, ca, reports_to, registrar, contacts, subscriptions, operators, presence, duties, wants, pubsub, labels, state, trust, sealing, behaviour
      `jid`: `probe1` is not an account such as "probe1@vedette.local"
      `password_file`: cannot read `DIR/nowhere`: No such file or directory (os error 2)
      `behaviour[1].run`: no behaviour `sniff`; there are: check, heartbeat, machine, watch
      `behaviour[2].shell`: unknown key; there are: command, check, every, at, schedule, jitter, timeout, expect, parse, type, max_output
      `behaviour[2].command`: missing, and no `check` either; for example `command = ["ss", "-ltn"]`
      `behaviour[2].every`: `30` is not a time longer than nothing and up to a year, such as "30s" (invalid type: integer `30`, expected a string)
      `behaviour[2].expect.exit`: `"zero"` is not an exit code, 0 to 255 (invalid type: string "zero", expected i64)
      `behaviour[2].expect.matches`: `(` is no expression: error: unclosed group
    hint: `vedette agent behaviours` tells what can be set
    "#);
}

#[tokio::test]
async fn a_broken_file_among_the_agents_keeps_everything_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("agents");
    fs::create_dir_all(&agents).unwrap();
    fs::write(agents.join("one.toml"), BROKEN).unwrap();
    fs::write(agents.join("two.toml"), "role = 7\n").unwrap();
    let output = run(vedette().arg("up").arg("--data").arg(folder.path()));
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    for part in ["one.toml", "`colour`", "two.toml", "`role`", "nothing was started"] {
        assert!(told.contains(part), "`{part}` is not told: {told}");
    }
    assert!(!folder.path().join("ready.json").exists());
    assert!(!folder.path().join("vedette.db").exists());
    assert!(!folder.path().join("xmpp/prosody.log").exists());
}

#[test]
fn every_mistake_of_the_apis_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.toml");
    fs::write(&file, "listen = 8000\ncolour = \"green\"\n[auth]\nanonymous = \"write\"\n").unwrap();
    let output = run(vedette().args(["api", "--config"]).arg(&file));
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    for key in ["listen", "colour", "anonymous", "database"] {
        assert!(told.contains(key), "`{key}` is not told: {told}");
    }
}

#[test]
fn a_wrong_call_is_answered_with_what_would_be_right() {
    let output = run(vedette().args(["agent", "sing"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("unrecognized subcommand 'sing'"));
    let output = run(vedette().args(["agent", "check", "nowhere.toml"]));
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r#"
    error: cannot read `nowhere.toml`: No such file or directory (os error 2)
    hint: `vedette agent behaviours` tells what can be set
    "#);
}

#[test]
fn what_can_be_run_is_told_with_states_and_settings() {
    let output = run(vedette().args(["agent", "behaviours"]));
    let told = stdout(&output);
    for part in ["check (probe): looks at", "states: Waiting, Looking", "forward (aggregator)"] {
        assert!(told.contains(part), "`{part}` is not told: {told}");
    }
    let output = run(vedette().args(["agent", "behaviours", "--json"]));
    let listed: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(listed["total"].as_u64().unwrap() >= 6);
}

#[tokio::test]
async fn a_taken_address_is_named_when_it_was_asked_for_and_passed_over_when_it_was_not() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut up = vedette();
    let output = run(up.args(["up", "--listen", &address, "--data"]).arg(folder.path()));
    assert_eq!(output.status.code(), Some(3));
    let told = stderr(&output);
    assert!(told.contains(&format!("address {address} is taken")), "{told}");
    assert!(told.contains("hint: choose another one with --listen"), "{told}");

    let one = Platform::up(&[]).await;
    let two = Platform::up(&[]).await;
    assert_ne!(one.http, two.http);
}

#[tokio::test]
async fn a_folder_serves_one_platform_at_a_time() {
    let platform = Platform::up(&[]).await;
    let output = run(vedette().arg("up").arg("--data").arg(platform.data("")));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("is in use by another `vedette up`"));
    assert!(platform.data("ready.json").exists());
}

#[tokio::test]
async fn the_doctor_finds_what_is_there() {
    let platform = Platform::up(&[]).await;
    let output = run(vedette().args(["doctor", "--json", "--data"]).arg(platform.data("")));
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let found = told["items"].as_array().unwrap();
    let health = |name: &str| found.iter().find(|it| it["name"] == name).unwrap()["health"].clone();
    assert_eq!((health("prosody"), health("platform")), ("ok".into(), "ok".into()));

    let output = run(vedette().args(["doctor"]).env("PATH", "/nowhere"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("apt-get install prosody"), "{}", stdout(&output));
}

#[test]
fn a_missing_server_is_told_with_what_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    // A place where nothing is: not even Prosody.
    let mut unshare = std::process::Command::new("unshare");
    let script = "mount --bind /dev/null /usr/bin/prosody && exec \"$@\"";
    unshare
        .args(["--mount"])
        .args((!rustix::process::geteuid().is_root()).then_some("--map-root-user"))
        .args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_vedette"), "up", "--data"])
        .arg(folder.path());
    let output = run(&mut unshare);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("`prosody` is not installed; on Debian and Ubuntu: apt-get install prosody")
    );
}

#[test]
fn the_page_of_behaviours_is_what_the_code_says() {
    let page = stdout(&run(vedette().args(["agent", "behaviours", "--as", "markdown"])));
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/behaviours.md");
    let kept = fs::read_to_string(kept).unwrap_or_default();
    assert!(
        page == kept,
        "docs/behaviours.md is stale: vedette agent behaviours --as markdown >docs/behaviours.md"
    );
}

#[test]
fn everything_that_a_file_names_can_be_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    fs::write(folder.path().join("password"), "secret\n").unwrap();
    let text = "role = \"probe\"\njid = \"a@test\"\npassword_file = \"password\"\n\
                [[behaviour]]\nrun = \"check\"\nname = \"disk\"\ncommand = [\"true\"]\n";
    fs::write(&file, text).unwrap();
    let draw =
        |form: &str| stdout(&run(vedette().args(["agent", "draw", "--as", form]).arg(&file)));
    assert!(draw("mermaid").starts_with("%% disk\nstateDiagram-v2\n    [*] --> Waiting\n"));
    assert!(draw("dot").starts_with("digraph \"disk\" {\n"));
    let json: Value = serde_json::from_str(&draw("json")).unwrap();
    assert_eq!(json["items"][0]["name"], "disk");
    assert_eq!(json["items"][0]["states"][0]["name"], "Waiting");
}

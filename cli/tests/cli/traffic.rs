//! What goes by on a network, from the capture to the alert with its proof.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::support::{Platform, run, stderr, stdout, until, vedette};

/// The stages of the attack in the demonstration.
const STAGES: [&str; 3] = ["vertical-scan", "brute-force", "beacon"];

fn detectors(alert: &Value) -> Vec<String> {
    let names = alert["detectors"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which detectors spoke in the alerts that an agent told.
async fn told(platform: &Platform, source: &str) -> BTreeSet<String> {
    let list = platform.get(&format!("/api/v1/items?type=alert&source={source}&limit=100")).await;
    let mut names = BTreeSet::new();
    for item in list["items"].as_array().unwrap_or_else(|| panic!("{list}")) {
        let uuid = item["uuid"].as_str().unwrap();
        let item = platform.get(&format!("/api/v1/items/{uuid}")).await;
        names.extend(detectors(&item["record"]["payload"]["change"]["alert"]));
    }
    names
}

fn has_all(names: &BTreeSet<String>) -> bool {
    STAGES.iter().all(|stage| names.contains(*stage))
}

#[tokio::test]
async fn an_attack_is_found_by_a_probe_by_an_analyzer_and_by_the_command_alone() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("data/agents");
    fs::create_dir_all(&agents).unwrap();
    // One that does not judge by itself.
    let file = "role = \"probe\"\njid = \"tap1@vedette.local\"\n\
                password_file = \"../secrets/tap1\"\n[[behaviour]]\nrun = \"watch\"\n\
                file = \"../demo/attack.pcap\"\nanalyze = \"duty:analyze\"\n";
    fs::write(agents.join("tap1.toml"), file).unwrap();
    let platform = Platform::up_in(folder, &["--demo"]).await;
    let capture = platform.data("demo/attack.pcap");

    let output = run(vedette().args(["analyze", "--json"]).arg(&capture));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let alerts = report["alerts"].as_array().unwrap();
    assert!(has_all(&alerts.iter().flat_map(detectors).collect()), "{alerts:#?}");
    let guilty = ["203.0.113.66", "192.168.7.5"];
    for alert in alerts {
        // Nobody else is blamed: not who works as usual, and not the router.
        assert!(guilty.contains(&alert["host"].as_str().unwrap()), "{alert:#}");
    }
    let flows = report["flows"].as_array().unwrap();
    assert_eq!(u64::try_from(flows.len()).unwrap(), report["summary"]["flows"].as_u64().unwrap());
    assert!(flows.iter().all(|flow| flow["verdict"]["score"].is_number()));

    until("the probe tells all stages", async || {
        has_all(&told(&platform, "probe3@vedette.local").await).then_some(())
    })
    .await;
    let list = platform.get("/api/v1/items?type=alert&source=probe3@vedette.local&limit=1").await;
    let uuid = list["items"][0]["uuid"].as_str().unwrap().to_owned();
    until("an alert is stamped", async || {
        let list = platform.get("/api/v1/items?type=alert&source=probe3@vedette.local").await;
        let is_it = |item: &&Value| item["uuid"] == uuid.as_str() && item["proof"] == "stamped";
        list["items"].as_array().unwrap().iter().find(is_it).map(|_| ())
    })
    .await;
    let bundle = platform.folder.path().join("alert.asics");
    let bytes = platform.bytes(&format!("/api/v1/items/{uuid}/evidence")).await;
    fs::write(&bundle, bytes).unwrap();
    let verified = run(vedette().arg("verify").arg(&bundle).arg("--data").arg(platform.data("")));
    assert_eq!(verified.status.code(), Some(0), "{}", stdout(&verified));

    until("the analyzer tells of the tap that it was scanned", async || {
        let names = told(&platform, "analyzer@vedette.local").await;
        (names.contains("vertical-scan") && names.contains("brute-force")).then_some(())
    })
    .await;
    let own = platform.get("/api/v1/items?type=alert&source=tap1@vedette.local").await;
    assert_eq!(own["total"], 0, "it judges although it is not to");
}

fn data(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// A capture of one packet, a SYN that nobody answers.
fn one_packet() -> Vec<u8> {
    let mut bytes = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 1, 0, 0, 0,
    ];
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1]);
    frame.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(length);
    bytes.extend(length);
    bytes.extend(frame);
    bytes
}

#[test]
fn a_capture_is_told_in_the_form_that_is_asked_for() {
    let (_folder, path) = data("one.pcap", &one_packet());
    let told = |form: &str| {
        let output = run(vedette().args(["analyze", form]).arg(&path));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let eve = told("--eve");
    let event: Value = serde_json::from_str(eve.lines().next().unwrap()).unwrap();
    assert_eq!((&event["event_type"], &event["dest_port"]), (&"flow".into(), &80.into()));
    assert!(told("--zeek").lines().any(|line| line.contains("\tS0\t")));
    assert_eq!(told("--csv").lines().count(), 2);
    let json: Value = serde_json::from_str(&told("--json")).unwrap();
    assert_eq!(json["flows"][0]["state"], "S0");
    assert_eq!(json["flows"][0]["start"], "1970-01-01T00:00:01Z");
}

#[test]
fn what_cannot_be_analysed_is_told_by_name_with_what_would_have_been_right() {
    let (_folder, path) = data("notes.txt", b"Dear diary, today nothing happened.\n");
    let output = run(vedette().arg("analyze").arg(&path));
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("notes.txt") && told.contains("pcapng"), "{told}");
    let output = run(vedette().args(["analyze", "/nowhere.pcap"]));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("/nowhere.pcap"));
    let (_folder, model) = data("odd.onnx", b"\x08\x07\x12\x03odd");
    let (_other, capture) = data("one.pcap", &one_packet());
    let output = run(vedette().arg("analyze").arg(&capture).arg("--model").arg(&model));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn an_indicator_is_met_and_an_allowlist_wins_over_it() {
    let (_folder, capture) = data("one.pcap", &one_packet());
    let (_list, bad) = data("bad.txt", b"# known\n192.0.2.0/24\n");
    let (_allow, good) = data("good.txt", b"192.0.2.1\n");
    // A call that nobody answers weighs little by itself.
    let (_settings, settings) = data("settings.toml", b"[alert]\nthreshold = 0.1\n");
    let alerts = |arguments: &[&std::ffi::OsStr]| {
        let output = run(vedette()
            .args(["analyze", "--json", "--no-model"])
            .arg(&capture)
            .arg("--settings")
            .arg(&settings)
            .args(arguments));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        report["alerts"].as_array().unwrap().iter().flat_map(detectors).collect::<Vec<_>>()
    };
    assert_eq!(alerts(&["--intel".as_ref(), bad.as_os_str()]), ["blacklist"]);
    let both = ["--intel".as_ref(), bad.as_os_str(), "--allow".as_ref(), good.as_os_str()];
    assert!(alerts(&both).is_empty());
}

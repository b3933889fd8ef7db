//! What whoever listens on the wire, and whoever runs the XMPP server, gets to see of a result.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    capture::{Capture, shows},
    enrolment::{enroll, folder, joined, start},
    support::{Platform, raw, send, until},
};

/// What is sealed between our own agents says so.
const SEALED: &str = "urn:xmpp:omemo:2";

/// Has the server keep everything that it gets to see: an archive of messages, and every stanza
/// that it reads or writes, inside of TLS. Of itself the platform's server keeps neither.
async fn be_curious(platform: &Platform) {
    let path = platform.data("xmpp/prosody.cfg.lua");
    let config = fs::read_to_string(&path).unwrap();
    assert!(!config.contains("\"mam\";"), "{config}");
    let curious = config
        .replace("\"roster\";", "\"roster\"; \"mam\"; \"stanza_debug\";")
        .replace("min = \"info\"", "min = \"debug\"");
    fs::write(&path, curious).unwrap();
    let before = platform.xmpp_pid().unwrap();
    send(before, Signal::TERM);
    until("the server is there again", async || {
        platform.xmpp_pid().filter(|now| *now != before).map(|_| ())
    })
    .await;
}

/// All files in and below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|it| it.path());
    entries.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}

#[tokio::test]
async fn a_result_is_in_plain_nowhere_between_its_probe_and_the_api() {
    let platform = Platform::up(&[]).await;
    be_curious(&platform).await;
    let http = platform.http.rsplit_once(':').unwrap().1;
    let listen = async |name: &str, filter: String| {
        Capture::begin(platform.folder.path(), name, &filter).await
    };
    let wire = listen("wire", format!("not port {http}")).await;
    let web = listen("web", format!("port {http}")).await;

    let edge = folder(&platform, "edge1");
    joined(&enroll(&platform, "edge1"), &edge);
    // The name of a fresh folder is no other's.
    let name = platform.folder.path().file_name().unwrap().to_string_lossy();
    let marker = format!("marker-{}", name.trim_matches('.'));
    let mut file = fs::OpenOptions::new().append(true).open(edge.join("agent.toml")).unwrap();
    write!(
        file,
        "\n[[behaviour]]\nrun = \"check\"\ntype = \"secret\"\nevery = \"1s\"\n\
         command = [\"echo\", \"{marker}\"]\n"
    )
    .unwrap();
    let mut agent = start(&platform, &edge);
    let uuid = until("the result is stamped", async || {
        let page = platform.get("/api/v1/items?type=secret").await;
        let stamped = |it: &&Value| it["proof"] == "stamped";
        let item = page["items"].as_array()?.iter().find(stamped)?;
        Some(item["uuid"].as_str()?.to_owned())
    })
    .await;
    let item = platform.get(&format!("/api/v1/items/{uuid}")).await;
    assert!(raw(&item).contains(&marker), "{item}");
    agent.stop().await;

    let (wire, web) = (wire.end().await, web.end().await);
    assert!(shows(&web, &marker), "what is in plain is found");
    assert!(shows(&wire, "urn:ietf:params:xml:ns:xmpp-tls"), "the wire was listened to");
    assert!(!shows(&wire, &marker));

    let read = |it: &Path| fs::read(it).unwrap();
    assert!(shows(&read(&platform.data("xmpp/prosody.log")), SEALED), "the server saw stanzas");
    let kept = files(&platform.data("xmpp/data"));
    let archived = |it: &&PathBuf| it.to_string_lossy().contains("/archive/");
    let mut archive = kept.iter().filter(archived);
    assert!(archive.any(|it| shows(&read(it), SEALED)), "the server kept messages: {kept:?}");
    for file in files(&platform.data("xmpp")) {
        assert!(!shows(&read(&file), &marker), "{} shows it", file.display());
    }
}

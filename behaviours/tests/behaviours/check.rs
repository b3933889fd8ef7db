//! A check looks, judges and keeps; what it saw is never lost.

use std::{sync::Arc, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use behaviours::check;
use insta::assert_snapshot;
use runtime::{AgentHandle, Handle, Hub, MemoryStore, Spec};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinSet};
use types::Exit;

use crate::{
    server::{Server, answer, closed_port},
    support::{agent, clear, entries, holds, keys, settings, soon, store},
};

fn start(text: &str, store: &Arc<MemoryStore>) -> (AgentHandle, Handle) {
    let settings = settings(check::SETTINGS, check::Settings::read, text, "".as_ref());
    let mut agent = agent("probe@test", &["check"], store);
    let handle = agent.add(Spec::default(), move || check::Check::from(settings.clone()));
    let road = Hub::default().join(agent.door());
    (agent.start(road), handle)
}

/// Runs a check once and reads its item.
async fn item_of(text: &str) -> Value {
    let store = store();
    let (_agent, handle) = start(text, &store);
    assert_eq!(soon(handle.join()).await, Exit::Done);
    let (key, mut parcel) = entries(&store, "outbox").pop().unwrap();
    let item = parcel["item"].take();
    assert_eq!(item["meta"]["uuid"], key.as_str());
    item
}

/// Verdict, reasons and summary in a few lines.
async fn judged(text: &str) -> String {
    let payload = item_of(text).await["payload"].take();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let reasons = payload["reasons"].as_array().cloned().unwrap_or_default();
    let mut lines = vec![text(&payload["verdict"])];
    lines.extend(reasons.iter().map(|it| format!("- {}", text(it))));
    lines.push(text(&payload["summary"]));
    lines.join("\n")
}

/// A check that needs nothing but itself.
const QUICK: &str = "command = [\"/no/such/program\"]";

#[tokio::test(start_paused = true)]
async fn a_periodic_check_keeps_its_phase() {
    let store = store();
    let (_agent, _) = start(&format!("{QUICK}\nevery = \"10s\""), &store);
    tokio::time::sleep(Duration::from_secs(65)).await;
    let times: Vec<i64> = entries(&store, "outbox")
        .iter()
        .map(|(_, it)| it["item"]["meta"]["ts"].as_i64().unwrap())
        .collect();
    assert_eq!(times, [0, 10, 20, 30, 40, 50, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_check_at_a_time_runs_then_and_once() {
    let store = store();
    let (_agent, handle) = start(&format!("{QUICK}\nat = \"1970-01-01T01:00:00Z\""), &store);
    tokio::time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(keys(&store, "outbox").len(), 0);
    assert_eq!(soon(handle.join()).await, Exit::Done);
    assert_eq!(entries(&store, "outbox")[0].1["item"]["meta"]["ts"], 3600);
}

#[tokio::test(start_paused = true)]
async fn without_room_a_result_waits_and_is_not_lost() {
    let store = Arc::new(MemoryStore::new(1));
    let (_agent, handle) = start(&format!("{QUICK}\nevery = \"10s\""), &store);
    soon(handle.reaches("NoRoom")).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let ts = || entries(&store, "outbox")[0].1["item"]["meta"]["ts"].clone();
    assert_eq!(ts(), 0);
    clear(&store, "outbox").await;
    holds(&store, "outbox", 1).await;
    assert_eq!(ts(), 10);
    clear(&store, "outbox").await;
    holds(&store, "outbox", 1).await;
    assert_eq!(ts(), 80, "the phase is kept");
}

#[tokio::test]
async fn a_check_stops_wherever_it_waits() {
    let table = [
        ("Waiting", "command = [\"true\"]\nat = \"2990-01-01T00:00:00Z\""),
        ("Looking", "command = [\"sleep\", \"1000\"]"),
        ("NoRoom", QUICK),
    ];
    for (state, text) in table {
        let store = Arc::new(MemoryStore::new(u64::from(state != "NoRoom")));
        let (_agent, handle) = start(text, &store);
        soon(handle.reaches(state)).await;
        handle.stop();
        assert_eq!(soon(handle.join()).await, Exit::Stopped, "{state}");
        assert_eq!(handle.report().state, state);
    }
}

#[tokio::test]
async fn a_result_says_what_was_seen() {
    let text = "command = [\"sh\", \"-c\", \"echo one; echo two >&2; exit 3\"]\ntype = \"demo\"
        parse = \"lines\"";
    let mut item = item_of(text).await;
    assert!(item["payload"]["took_ms"].take().is_u64());
    item["meta"]["uuid"].take();
    assert_eq!(
        item,
        json!({
            "version": "1",
            "format": "lines",
            "meta": {
                "uuid": null, "ts": 0, "type": "demo", "source": "probe@test", "seq": 1,
            },
            "payload": {
                "raw": "b25lCg==",
                "verdict": "fail",
                "reasons": ["exit code 3, not 0"],
                "summary": "exit code 3, not 0",
                "exit": 3,
                "stderr": "two\n",
                "took_ms": null,
                "parsed": ["one"],
                "command": ["sh", "-c", "echo one; echo two >&2; exit 3"],
            },
        })
    );
}

#[tokio::test]
async fn what_is_expected_passes() {
    let table = [
        ("true", "exit = 0", "raw"),
        ("exit 3", "exit = 3", "raw"),
        ("exit 3", "contains = \"\"", "raw"),
        ("echo a; echo LISTEN", "matches = \"^LIS\"", "raw"),
        ("echo it is ok", "contains = \"is ok\"", "raw"),
        ("echo; echo active", "equals = \"active\"", "raw"),
        (r#"echo '{"a":{"b":[1,"x"]}}'"#, r#"json = { "/a/b/1" = "x", "/a/b/0" = 1 }"#, "json"),
        (
            r#"echo "OK | 'load 1'=0.5;;; n=7""#,
            r#"perfdata = { "load 1" = "1", n = "5:" }"#,
            "nagios",
        ),
    ];
    for (script, expect, parse) in table {
        let command = json!(["sh", "-c", script]);
        let text = format!("command = {command}\nexpect = {{ {expect} }}\nparse = \"{parse}\"");
        let item = item_of(&text).await;
        assert_eq!(item["payload"]["verdict"], "pass", "{script} {expect}: {item}");
    }
}

#[tokio::test]
async fn what_is_not_expected_fails_with_every_reason() {
    let text = |script: &str, expect: &str, parse: &str| {
        let command = json!(["sh", "-c", script]);
        format!("command = {command}\nexpect = {{ {expect} }}\nparse = \"{parse}\"")
    };
    let all = "exit = 1, matches = \"^b\", contains = \"c\", equals = \"d\"";
    assert_snapshot!(judged(&text("echo a", all, "raw")).await, @r"
    fail
    - exit code 0, not 1
    - nothing in the output matches `^b`
    - the output does not contain `c`
    - the output is not `d`
    exit code 0, not 1; nothing in the output matches `^b`; the output does not contain `c`; the output is not `d`
    ");
    let json = r#"json = { "/a" = 2, "/b" = true }"#;
    assert_snapshot!(judged(&text(r#"echo '{"a":1}'"#, json, "json")).await, @r"
    fail
    - `/a` is 1, not 2
    - `/b` is nothing, not true
    `/a` is 1, not 2; `/b` is nothing, not true
    ");
    assert_snapshot!(judged(&text("echo nothing", json, "json")).await, @r"
    error
    - its output is not JSON: expected ident at line 1 column 2
    its output is not JSON: expected ident at line 1 column 2
    ");
    let ranges = "perfdata = { load = \"~:5\", free = \"10:\" }";
    assert_snapshot!(judged(&text("echo 'OK | load=7'", ranges, "nagios")).await, @r"
    fail
    - there is no `free` in the performance data
    - `load` is 7, outside `~:5`
    there is no `free` in the performance data; `load` is 7, outside `~:5`
    ");
    assert_snapshot!(judged(&text("kill -9 $$", "exit = 0", "raw")).await, @r"
    error
    - died by signal 9 (SIGKILL)
    died by signal 9 (SIGKILL)
    ");
}

#[tokio::test]
async fn a_reason_is_kept_short_whatever_it_quotes() {
    let script = r#"printf '{"a":"'; head -c 20000 /dev/zero | tr '\0' x; printf '"}'"#;
    let text = format!(
        "command = {}\nexpect = {{ json = {{ \"/a\" = 1 }} }}\nparse = \"json\"",
        json!(["sh", "-c", script])
    );
    let item = item_of(&text).await;
    assert_eq!(item["payload"]["verdict"], "fail");
    assert_eq!(item["payload"]["reasons"][0].as_str().unwrap().len(), 500);
}

/// The size of an item within XML, as the road counts it.
fn escaped(item: &Value) -> usize {
    let text = json!([item]).to_string();
    let more = |it: char| match it {
        '<' | '>' => 3,
        '&' => 4,
        _ => 0,
    };
    text.len() + text.chars().map(more).sum::<usize>()
}

#[tokio::test]
async fn no_result_is_larger_than_a_message() {
    let most = 98_304;
    let script = format!(
        "head -c {most} /dev/zero | tr '\\0' '&'; head -c 4096 /dev/zero | tr '\\0' '\\1' >&2"
    );
    let command = json!(["sh", "-c", script]);
    let text = format!("command = {command}\nparse = \"lines\"\nmax_output = {most}");
    let item = item_of(&text).await;
    let payload = &item["payload"];
    assert!(escaped(&item) <= 192 * 1024, "{}", escaped(&item));
    assert_eq!(payload["verdict"], "pass");
    assert_eq!(BASE64_STANDARD.decode(payload["raw"].as_str().unwrap()).unwrap().len(), most);
    assert_eq!((&payload["parsed"], payload["stderr"].is_string()), (&Value::Null, true));
    let why = payload["left_out"]["parsed"].as_str().unwrap();
    assert!(why.ends_with("bytes are more than a message carries: 187392"), "{why}");
}

#[tokio::test]
async fn numbers_that_no_record_keeps_are_left_to_the_output() {
    let command = json!(["echo", r#"{"id":9007199254740993,"ok":true}"#]);
    let expect = "expect = { json = { \"/ok\" = true } }";
    let item = item_of(&format!("command = {command}\n{expect}\nparse = \"json\"")).await;
    evidence::Record::of(&item).unwrap();
    assert_eq!(item["payload"]["verdict"], "pass");
    assert_snapshot!(item["payload"]["left_out"]["parsed"].as_str().unwrap(), @"number at `/payload/parsed/id` is beyond ±(2^53−1) and would lose digits; send it as a string");
}

#[tokio::test]
async fn an_http_check_tells_the_answer_from_the_fault() {
    let ok = Server::new(|_| Some(answer("200 OK", "", br#"{"status":"up"}"#))).await;
    let item = item_of(&format!("check = {{ http = \"{}\" }}", ok.url("/health"))).await;
    assert!(ok.requests()[0].is("GET /health"));
    let payload = &item["payload"];
    assert_eq!((&payload["verdict"], &payload["status"]), (&json!("pass"), &json!(200)));
    assert_eq!((&payload["summary"], &payload["parsed"]), (&json!("HTTP 200 OK"), &Value::Null));

    let json = "parse = \"json\"\nexpect = { json = { \"/status\" = \"up\" } }";
    let item = item_of(&format!("check = {{ http = \"{}\" }}\n{json}", ok.url("/"))).await;
    assert_eq!(item["payload"]["verdict"], "pass", "{item}");
    assert_eq!(item["payload"]["parsed"], json!({ "status": "up" }));

    let broken = Server::new(|_| Some(answer("500 Internal Server Error", "", b""))).await;
    let text = format!("check = {{ http = \"{}\" }}", broken.url("/"));
    assert_snapshot!(judged(&text).await, @r"
    fail
    - it answers 500 Internal Server Error, not 200
    it answers 500 Internal Server Error, not 200
    ");
    let text = format!("check = {{ http = \"{}\", status = 500 }}", broken.url("/"));
    assert_snapshot!(judged(&text).await, @r"
    pass
    HTTP 500 Internal Server Error
    ");

    let hang = Server::new(|_| None).await;
    let text = format!("check = {{ http = \"{}\" }}\ntimeout = \"50ms\"", hang.url("/"));
    assert_snapshot!(judged(&text).await, @r"
    error
    - no answer within 50ms
    no answer within 50ms
    ");

    let short =
        Server::new(|_| Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())).await;
    let told = judged(&format!("check = {{ http = \"{}\" }}", short.url("/"))).await;
    assert!(told.starts_with("error\n- its answer broke off: "), "{told}");

    let text = format!("check = {{ http = \"http://{}/\" }}", closed_port().await);
    let told = judged(&text).await;
    assert!(told.starts_with("error\n- no answer: ") && told.contains("refused"), "{told}");
}

#[tokio::test]
async fn an_http_answer_is_kept_up_to_a_bound() {
    let server = Server::new(|_| Some(answer("200 OK", "", &[b'x'; 5000]))).await;
    let text = format!("check = {{ http = \"{}\" }}\nmax_output = 1000", server.url("/"));
    let item = item_of(&text).await;
    assert_eq!(item["payload"]["truncated"], true);
    let kept = BASE64_STANDARD.decode(item["payload"]["raw"].as_str().unwrap()).unwrap();
    assert_eq!(kept.len(), "HTTP 200 OK\n\n".len() + 1000);
}

#[tokio::test]
async fn a_tcp_check_tells_an_open_port_from_a_closed_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap();
    let item = item_of(&format!("check = {{ tcp = \"{open}\" }}")).await;
    assert_eq!(item["payload"]["verdict"], "pass");
    let closed = closed_port().await;
    let told = judged(&format!("check = {{ tcp = \"{closed}\" }}")).await;
    let told = told.replace(&closed.to_string(), "there");
    assert_snapshot!(told, @r"
    fail
    - `there`: Connection refused (os error 111)
    `there`: Connection refused (os error 111)
    ");
}

#[tokio::test]
async fn a_tls_check_of_a_port_that_speaks_no_tls_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let told = judged(&format!("check = {{ tls = \"{address}\" }}")).await;
    assert_snapshot!(told.replace(&address.to_string(), "there"), @r"
    fail
    - `there`: received corrupt message of type InvalidContentType
    `there`: received corrupt message of type InvalidContentType
    ");
}

/// The time of day stands still while tokio's goes on: the worst of clocks that lag behind.
#[tokio::test(start_paused = true)]
async fn no_occasion_of_the_calendar_comes_twice_when_the_clock_lags_behind() {
    let store = store();
    let text = format!("{QUICK}\nschedule = \"* * * * *\"");
    let settings = settings(check::SETTINGS, check::Settings::read, &text, "".as_ref());
    let disk: Arc<dyn runtime::Store> = Arc::<MemoryStore>::clone(&store);
    let announcement = types::Announcement::default();
    let mut agent = runtime::Agent::new("probe@test".into(), announcement, disk);
    agent.add(Spec::default(), move || check::Check::from(settings.clone()));
    let road = Hub::default().join(agent.door());
    let _agent = agent.start(road);
    tokio::time::sleep(Duration::from_mins(30)).await;
    // One, or two where the minute is over just now.
    let count = keys(&store, "outbox").len();
    assert!((1..=2).contains(&count), "{count}");
}

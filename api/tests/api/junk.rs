//! Junk: whatever comes in, wherever, nothing answers that it was the API's fault.

use api::{Role, rules};
use reqwest::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{World, item, uuid};

/// Bodies that are wrong in all ways that came to mind.
fn bodies() -> Vec<Vec<u8>> {
    let deep = |count: usize| {
        let text = format!("{}{}", "[".repeat(count), "]".repeat(count));
        [text.clone(), format!("{{\"version\":{text}}}")]
    };
    let good = item(uuid(1), 1, "x").to_string();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "[",
        "]",
        "null",
        "true",
        "7",
        "-0",
        "1e999",
        "\"text\"",
        "{}",
        "[]",
        "[{}]",
        "[null, 1, [], {}]",
        "{\"a\":1,\"a\":2}",
        "\u{feff}{}",
        "{\"version\":\"\\ud800\"}",
        "{\"version\":\"\\u0000\"}",
        "{\"meta\":{\"ts\":99999999999999999999999999999999}}",
        "{\"meta\":{\"ts\":-9223372036854775808}}",
        "{\"batch\":1,\"leaves\":{},\"root\":[],\"token\":null}",
        "{\"jid\":\"\",\"sent_ms\":1e400,\"behaviours\":[{}]}",
        "[{\"jid\":\"a@x\",\"show\":\"dancing\",\"since_ms\":1}]",
        "[{\"jid\":\"a@x\",\"show\":\"chat\",\"since_ms\":9223372036854775807,\"priority\":127}]",
        "[{\"jid\":\"a@x\",\"show\":\"chat\",\"since_ms\":1,\"status\":\"\\u0000\"}]",
        "{'tst': b'', 'scan_uuid': ''}",
        "{\"tst\":\"AAAA\",\"scan_uuid\":\"\\u0000\"}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.extend(deep(100).map(String::into_bytes));
    bodies.extend(deep(100_000).map(String::into_bytes));
    bodies.push(vec![0; 1000]);
    bodies.push(vec![0xff; 1000]);
    bodies.push(b"\"\xff\xfe\"".to_vec());
    bodies.push(b"{\"version\":\"\xc3\x28\"}".to_vec());
    bodies.push(good.replace("\"check\"", "\"a\\u0000b\"").into_bytes());
    bodies.push(good.replace("\"check\"", "\"\u{1F980}\u{202e}\"").into_bytes());
    bodies.push(good.replace("\"ts\":1", "\"ts\":9007199254740991").into_bytes());
    bodies.push(good.replace("\"ts\":1", "\"ts\":-9007199254740991").into_bytes());
    bodies.push(good.replace("\"ts\":1", "\"ts\":1.0").into_bytes());
    bodies
}

const QUERIES: [&str; 12] = [
    "?",
    "?&&&=&=",
    "?limit=-1&since=x&until=&cursor=_&q=%00&source=%ff&type=%",
    "?limit=99999999999999999999&since=9223372036854775807&until=-9223372036854775808",
    "?cursor=9223372036854775807_9223372036854775807",
    "?cursor=-9223372036854775808_-9223372036854775808",
    "?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z",
    "?skip=9223372036854775807&limit=9223372036854775807",
    "?skip=99999999999999999999&limit=1e3",
    "?q=%25%25%5C_%27%22%3B--&label==&role=%F0%9F%A6%80",
    "?topics=,,,&since=9223372036854775808",
    "?legacy_xor=2&token=%00&limit=1&limit=2",
];

const NAMES: [&str; 8] =
    ["%00", "%ff%fe", "..", "%2e%2e%2f", "99999999999999999999", "-1", "a%40b%2Fc", "%F0%9F%A6%80"];

fn paths(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else { return vec![pattern.to_owned()] };
    let after = rest.split_once('}').unwrap().1;
    let long = "x".repeat(4000);
    let names = NAMES.into_iter().chain([long.as_str()]);
    names.map(|name| format!("{before}{name}{after}")).collect()
}

#[tokio::test]
async fn nothing_that_is_sent_is_the_fault_of_the_api() {
    let world = World::new().await;
    let token = world.token(Role::Admin);
    let bodies = bodies();
    for rule in rules() {
        for path in paths(rule.path) {
            if rule.method == "GET" {
                for query in QUERIES {
                    let target = format!("{path}{query}");
                    let status = send(&world, "GET", &target, &token, "", b"").await;
                    assert!(status < 500, "GET {target}: {status}");
                }
                continue;
            }
            for body in &bodies {
                for kind in ["application/json", "application/octet-stream", "\u{1}"] {
                    let status = send(&world, "POST", &path, &token, kind, body).await;
                    let shown: String = body.escape_ascii().take(60).map(char::from).collect();
                    assert!(status < 500, "POST {path} {kind} {shown}: {status}");
                }
            }
        }
    }
    assert_eq!(world.get("/health/ready").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn heads_that_are_no_heads_are_refused() {
    let world = World::new().await;
    let huge = "x".repeat(1 << 20);
    let heads = [
        "\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET \u{0} HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!("GET /{huge} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {huge}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(1000)),
        "POST /api/v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST /items/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        "GET /api/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!\r\n\r\n".to_owned(),
        "GET /api/v1/items HTTP/1.1\r\nHost: x\r\nAuthorization: \u{e9}\r\n\r\n".to_owned(),
        "GET /pubsub HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let status = raw(&world, head.as_bytes()).await;
        let shown: String = head.chars().take(60).collect();
        // Who can not even say what is wanted may be left without an answer.
        assert!(status.is_none_or(|status| status < 500), "{shown:?}: {status:?}");
        assert_eq!(world.get("/health/ready").await.status(), StatusCode::OK, "{shown:?}");
    }
}

async fn send(
    world: &World,
    method: &str,
    path: &str,
    token: &str,
    kind: &str,
    body: &[u8],
) -> u16 {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    if !kind.is_empty() && !kind.starts_with('\u{1}') {
        request.extend(["Content-Type: ", kind, "\r\n"]);
    }
    request.push_str("\r\n");
    let request = [request.as_bytes(), body].concat();
    raw(world, &request).await.unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// The status of the answer to some bytes.
async fn raw(world: &World, request: &[u8]) -> Option<u16> {
    let mut socket = TcpStream::connect(world.api.address()).await.unwrap();
    // What is refused at its beginning is not read to its end.
    drop(socket.write_all(request).await);
    let mut head = Vec::new();
    while head.len() < 12 {
        let mut some = [0; 64];
        match socket.read(&mut some).await {
            Ok(0) | Err(_) => break,
            Ok(length) => head.extend_from_slice(&some[..length]),
        }
    }
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

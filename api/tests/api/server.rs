//! The server: where it listens, how it stops, what every answer carries.

use std::time::Duration;

use api::{Api, Role, StartError};
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::world::{World, answer, config, item, uuid};

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let world = World::new().await;
    let folder = tempfile::TempDir::new().unwrap();
    let mut second = config(folder.path());
    second.listen = world.api.address();
    let error = Api::start(second).await.unwrap_err();
    assert!(matches!(error, StartError::Taken(address) if address == world.api.address()));
    assert_eq!(error.to_string(), format!("address {} is taken", world.api.address()));
}

#[tokio::test]
async fn it_stops_in_two_seconds_with_streams_open() {
    let world = World::new().await;
    let mut stream = world.get("/api/v1/events").await;
    stream.chunk().await.unwrap();
    let began = Instant::now();
    world.api.stop().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!matches!(stream.chunk().await, Ok(Some(_))));
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let world = World::new().await;
    for path in ["/", "/api/v1/items", "/nothing", "/health/live", "/assets/app.js"] {
        let response = world.get(path).await;
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn the_dashboard_is_part_of_the_program() {
    let world = World::new().await;
    let page = world.plain(Method::GET, "/").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    insta::assert_snapshot!(page.headers()["content-security-policy"].to_str().unwrap(), @"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    let tag = page.headers()["etag"].clone();
    let html = page.text().await.unwrap();
    let again = world.plain(Method::GET, "/").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let names: Vec<_> = html.split('"').filter(|part| part.starts_with("assets/")).collect();
    assert!(!names.is_empty());
    for name in names {
        let response = world.plain(Method::GET, &format!("/{name}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
    }
    assert_eq!(world.get("/assets/../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_file_of_the_dashboard_is_served() {
    let world = World::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let path = match name.as_str() {
            "index.html" => "/".to_owned(),
            "verify.html" => "/verify".to_owned(),
            other => format!("/assets/{other}"),
        };
        let response = world.plain(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), std::fs::read(file.path()).unwrap(), "{name}");
    }
}

#[tokio::test]
async fn it_says_how_it_is() {
    let world = World::new().await;
    world.store(&item(uuid(1), 1, "x")).await;
    assert_eq!(world.plain(Method::GET, "/health/live").send().await.unwrap().status(), 200);
    assert_eq!(world.plain(Method::GET, "/health/ready").send().await.unwrap().status(), 200);
    let metrics = world.get("/metrics").await;
    assert_eq!(
        metrics.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    insta::assert_snapshot!(metrics.text().await.unwrap(), @r#"
    # TYPE vedette_items gauge
    # HELP vedette_items Items that are stored.
    vedette_items 1
    # TYPE vedette_items_pending gauge
    # HELP vedette_items_pending Items that have no proof yet.
    vedette_items_pending 1
    # TYPE vedette_proofs gauge
    # HELP vedette_proofs Batches that were stamped.
    vedette_proofs 0
    # TYPE vedette_agents gauge
    # HELP vedette_agents Agents that were ever seen.
    vedette_agents 0
    # TYPE vedette_agents_present gauge
    # HELP vedette_agents_present Agents that are there.
    vedette_agents_present 0
    # TYPE vedette_event_subscribers gauge
    # HELP vedette_event_subscribers Readers of events, by SSE and by WebSocket.
    vedette_event_subscribers 0
    # TYPE vedette_http_requests counter
    # HELP vedette_http_requests Requests that were answered.
    vedette_http_requests_total{status="1xx"} 0
    vedette_http_requests_total{status="2xx"} 3
    vedette_http_requests_total{status="3xx"} 0
    vedette_http_requests_total{status="4xx"} 0
    vedette_http_requests_total{status="5xx"} 0
    # EOF
    "#);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new().await;
    let response =
        world.request(Role::Admin, Method::DELETE, "/api/v1/items").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST");
    insta::assert_json_snapshot!(answer(response).await, @r#"
    [
      405,
      {
        "detail": "this path takes GET, HEAD, POST",
        "status": 405,
        "title": "Method Not Allowed",
        "type": "about:blank"
      }
    ]
    "#);
    let head = world.request(Role::Reader, Method::HEAD, "/api/v1/items").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let head = world.request(Role::Reader, Method::HEAD, "/api/v1/events").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_json_is_taken_as_json() {
    let world = World::new().await;
    let form = world.request(Role::Agent, Method::POST, "/api/v1/items").body("{}");
    let form = form.header("content-type", "text/plain");
    insta::assert_json_snapshot!(answer(form.send().await.unwrap()).await, @r#"
    [
      415,
      {
        "detail": "the body must be `application/json`",
        "status": 415,
        "title": "Unsupported Media Type",
        "type": "about:blank"
      }
    ]
    "#);
}

#[tokio::test]
async fn who_sends_too_slowly_is_not_waited_for() {
    let world = World::with(|config| config.limits.patience = Duration::from_millis(200)).await;
    let mut socket = TcpStream::connect(world.api.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n{{",
        world.token(Role::Agent)
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_name_that_was_made_to_point_to_loopback_is_not_answered() {
    let world = World::with(|config| config.auth.anonymous = api::Anonymous::Read).await;
    let ask = async |host: &str| {
        let request = world.plain(Method::GET, "/api/v1/items").header("host", host);
        request.send().await.unwrap().status()
    };
    assert_eq!(ask("attacker.example:8000").await, StatusCode::MISDIRECTED_REQUEST);
    for host in ["localhost:8000", "127.0.0.1", "[::1]:8000"] {
        assert_eq!(ask(host).await, StatusCode::OK, "{host}");
    }
}

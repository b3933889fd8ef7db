//! The client, against authorities that fail in every way there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evidence::client::{Client, Endpoint, Reason};
use evidence::{Authority, MAX_RESPONSE, OwnAuthority, Trust, sha256};
use insta::assert_snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Answer = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

/// A server on a free port that answers each request body with raw bytes, or never.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Server {
    async fn new(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let (asked, connections) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (seen, opened) = (Arc::clone(&asked), Arc::clone(&connections));
        let answer: Arc<Answer> = Arc::new(answer);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&seen)));
            }
        });
        Self { url, asked, connections, _task: task }
    }

    async fn of(tsa: OwnAuthority) -> (Self, Authority) {
        let authority = tsa.authority();
        (Self::new(move |request| Some(granted(&tsa.respond(request)))).await, authority)
    }

    fn endpoint(&self, name: &str, authority: &Authority) -> Endpoint {
        Endpoint {
            name: name.to_owned(),
            url: self.url.clone(),
            authority: authority.clone(),
            min_interval: Duration::ZERO,
        }
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, asked: Arc<AtomicUsize>) {
    let mut received = Vec::new();
    loop {
        let head = received.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
        let length = head.map(|head| {
            let text = String::from_utf8_lossy(&received[..head]).to_lowercase();
            assert!(text.contains("content-type: application/timestamp-query"), "{text}");
            let (_, length) = text.split_once("content-length: ").unwrap();
            head + length.lines().next().unwrap().trim().parse::<usize>().unwrap()
        });
        if let (Some(head), Some(length)) = (head, length)
            && received.len() >= length
        {
            asked.fetch_add(1, Ordering::SeqCst);
            let Some(answer) = answer(&received[head..length]) else {
                return std::future::pending().await;
            };
            received.clear();
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut received).await.is_ok_and(|length| length > 0) {
            continue;
        }
        return;
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn granted(body: &[u8]) -> Vec<u8> {
    http("200 OK", "content-type: application/timestamp-reply\r\n", body)
}

fn own() -> OwnAuthority {
    OwnAuthority::create().unwrap().0
}

/// Asks a server that fails, with a good one behind it: the good one must stamp, and it alone.
async fn fails_over(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> String {
    let bad = Server::new(answer).await;
    let (good, authority) = Server::of(own()).await;
    let trusted = own().authority();
    let both = vec![bad.endpoint("bad", &trusted), good.endpoint("good", &authority)];
    let stamp = Client::new(both).unwrap().stamp(&sha256(b"data")).await.unwrap();
    evidence::verify(&stamp.token, &sha256(b"data"), &authority).unwrap();
    assert_eq!(bad.asked.load(Ordering::SeqCst), 1);

    let alone = Client::new(vec![bad.endpoint("bad", &trusted)]).unwrap();
    alone.stamp(&sha256(b"data")).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_answer_that_holds_is_a_stamp_and_the_connection_is_kept() {
    let (server, authority) = Server::of(own()).await;
    let client = Client::new(vec![server.endpoint("own", &authority)]).unwrap();
    for data in [b"one", b"two"] {
        let stamp = client.stamp(&sha256(data)).await.unwrap();
        assert_eq!((stamp.authority.as_str(), stamp.trust), ("own", Trust::SelfSigned));
        assert_eq!(
            evidence::verify(&stamp.token, &sha256(data), &authority).unwrap(),
            stamp.verified
        );
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_a_client() {
    let (server, authority) = Server::of(own()).await;
    let client = Arc::new(Client::new(vec![server.endpoint("own", &authority)]).unwrap());
    let mut tasks = JoinSet::new();
    for number in 0..20_u8 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { (number, client.stamp(&sha256(&[number])).await) });
    }
    for (number, stamp) in tasks.join_all().await {
        evidence::verify(&stamp.unwrap().token, &sha256(&[number]), &authority).unwrap();
    }
}

#[test]
fn a_machine_without_root_certificates_can_ask_over_http() {
    let same = "client::an_answer_that_holds_is_a_stamp_and_the_connection_is_kept";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", same])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn an_http_error_leads_to_the_next() {
    assert_snapshot!(fails_over(|_| Some(http("500 Oops", "", b""))).await, @"no authority has stamped: `bad`: HTTP status 500");
}

#[tokio::test]
async fn a_page_instead_of_an_answer_leads_to_the_next() {
    let page = |_: &[u8]| Some(http("200 OK", "content-type: text/html\r\n", b"<html>"));
    assert_snapshot!(fails_over(page).await, @"no authority has stamped: `bad`: `text/html` instead of `application/timestamp-reply`");
}

#[tokio::test]
async fn an_answer_without_sense_leads_to_the_next() {
    assert_snapshot!(fails_over(|_| Some(granted(b"<html>"))).await, @"no authority has stamped: `bad`: its answer does not hold: cannot read TimeStampResp: unknown/unsupported ASN.1 DER tag: 0x3c");
}

#[tokio::test]
async fn an_answer_without_end_leads_to_the_next() {
    let endless = |_: &[u8]| Some(granted(&vec![0x30; MAX_RESPONSE + 1]));
    assert_snapshot!(fails_over(endless).await, @"no authority has stamped: `bad`: an answer of more than 262144 bytes");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = |_: &[u8]| Some(http("307 Elsewhere", "location: http://127.0.0.1:1/\r\n", b""));
    assert_snapshot!(fails_over(redirect).await, @"no authority has stamped: `bad`: HTTP status 307");
}

#[tokio::test]
async fn an_answer_of_another_authority_leads_to_the_next() {
    let other = own();
    assert_snapshot!(fails_over(move |request| Some(granted(&other.respond(request)))).await, @"no authority has stamped: `bad`: its answer does not hold: the certificate does not lead to an anchor of `own`: UnknownIssuer");
}

#[tokio::test]
async fn an_old_answer_sent_again_leads_to_the_next() {
    let tsa = own();
    let authority = tsa.authority();
    let old = tsa.respond(&evidence::Request::new(&sha256(b"data")).to_der());
    let replay = Server::new(move |_| Some(granted(&old))).await;
    let client = Client::new(vec![replay.endpoint("replay", &authority)]).unwrap();
    let error = client.stamp(&sha256(b"data")).await.unwrap_err();
    let Reason::Refused(reason) = &error.failures[0].reason else { panic!("{error}") };
    assert_eq!(reason.code(), "nonce");
}

#[tokio::test]
async fn a_clock_that_is_off_leads_to_the_next() {
    let tsa = own();
    let authority = tsa.authority();
    let tsa = tsa.with_clock(|| {
        std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_hours(2)
    });
    let (server, _) = Server::of(tsa).await;
    let client = Client::new(vec![server.endpoint("fast", &authority)]).unwrap();
    let error = client.stamp(&sha256(b"data")).await.unwrap_err();
    let Reason::Refused(reason) = &error.failures[0].reason else { panic!("{error}") };
    assert_eq!(reason.code(), "time");
}

#[tokio::test]
async fn a_dead_address_leads_to_the_next() {
    let (good, authority) = Server::of(own()).await;
    let dead =
        Endpoint { url: "http://127.0.0.1:9/".to_owned(), ..good.endpoint("dead", &authority) };
    let client = Client::new(vec![dead, good.endpoint("good", &authority)]).unwrap();
    client.stamp(&sha256(b"data")).await.unwrap();
}

#[tokio::test]
async fn every_endpoint_says_why_not() {
    let broken = Server::new(|_| Some(http("503 Busy", "retry-after: 120\r\n", b""))).await;
    let (other, _) = Server::of(own()).await;
    let trusted = own().authority();
    let both = vec![broken.endpoint("busy", &trusted), other.endpoint("other", &trusted)];
    let client = Client::new(both).unwrap();
    assert_snapshot!(client.stamp(&sha256(b"data")).await.unwrap_err(), @"no authority has stamped: `busy`: HTTP status 503; `other`: its answer does not hold: the certificate does not lead to an anchor of `own`: UnknownIssuer");
    let none = Client::new(Vec::new()).unwrap();
    assert_snapshot!(none.stamp(&sha256(b"data")).await.unwrap_err(), @"no authority is configured");
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_is_left_alone() {
    let busy = Server::new(|_| Some(http("429 Slow", "retry-after: 3600\r\n", b""))).await;
    let client = Client::new(vec![busy.endpoint("busy", &own().authority())]).unwrap();
    client.stamp(&sha256(b"data")).await.unwrap_err();
    let error = client.stamp(&sha256(b"data")).await.unwrap_err();
    assert!(error.retry_after > Duration::from_secs(3500), "{:?}", error.retry_after);
    assert!(matches!(error.failures[0].reason, Reason::NotYet { .. }));
    assert_eq!(busy.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_endpoint_is_not_asked_more_often_than_it_allows() {
    let (server, authority) = Server::of(own()).await;
    let spaced =
        Endpoint { min_interval: Duration::from_hours(1), ..server.endpoint("own", &authority) };
    let client = Client::new(vec![spaced]).unwrap();
    client.stamp(&sha256(b"data")).await.unwrap();
    let error = client.stamp(&sha256(b"data")).await.unwrap_err();
    assert!(matches!(error.failures[0].reason, Reason::NotYet { .. }), "{error}");
    assert!(error.retry_after > Duration::from_mins(59));
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_pause_is_told_in_seconds() {
    let reason = Reason::NotYet { wait: Duration::from_millis(89_001) };
    assert_snapshot!(reason, @"not asked again for another 90 s");
}

#[tokio::test]
async fn two_at_once_do_not_share_a_turn() {
    let (server, authority) = Server::of(own()).await;
    let spaced =
        Endpoint { min_interval: Duration::from_hours(1), ..server.endpoint("own", &authority) };
    let client = Client::new(vec![spaced]).unwrap();
    let digest = sha256(b"data");
    let (one, two) = tokio::join!(client.stamp(&digest), client.stamp(&digest));
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_leads_to_the_next() {
    let silent = Server::new(|_| None).await;
    let client = Client::new(vec![silent.endpoint("silent", &own().authority())])
        .unwrap()
        .with_timeout(Duration::from_millis(100));
    assert_snapshot!(client.stamp(&sha256(b"data")).await.unwrap_err(), @"no authority has stamped: `silent`: no answer: error sending request: operation timed out");
}

#[test]
fn an_address_that_cannot_be_asked_is_refused_at_once() {
    let endpoint = Endpoint {
        name: "city".to_owned(),
        url: "ftp://tsa.example".to_owned(),
        authority: own().authority(),
        min_interval: Duration::ZERO,
    };
    assert_snapshot!(Client::new(vec![endpoint]).unwrap_err(), @"`ftp://tsa.example` of `city` is not an http or https address");
}

//! A small HTTP server that answers as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::support::soon;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method, path and headers, in small letters.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn is(&self, line: &str) -> bool {
        self.head.starts_with(&format!("{} http/1.1\r\n", line.to_lowercase()))
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.contains(&format!("\r\n{}\r\n", header.to_lowercase()))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Answer = dyn FnMut(&Request) -> Option<Vec<u8>> + Send;

/// A server on a free port of this machine. Without an answer it leaves who asks waiting.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: watch::Receiver<Vec<Request>>,
    _task: JoinSet<()>,
}

impl Server {
    pub(crate) async fn new(
        answer: impl FnMut(&Request) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub(crate) async fn at(
        address: SocketAddr,
        answer: impl FnMut(&Request) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, asked) = watch::channel(Vec::new());
        let seen = Arc::new(seen);
        let answer: Arc<Mutex<Box<Answer>>> = Arc::new(Mutex::new(Box::new(answer)));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&seen)));
            }
        });
        Self { address, asked, _task: task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.asked.borrow().clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn was_asked(&self, times: usize) -> Vec<Request> {
        let mut asked = self.asked.clone();
        soon(asked.wait_for(|it| it.len() >= times)).await.unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<Mutex<Box<Answer>>>,
    seen: Arc<watch::Sender<Vec<Request>>>,
) {
    let mut received = Vec::new();
    let request = loop {
        if let Some(request) = whole(&received) {
            break request;
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(size) => received.extend_from_slice(&piece[..size]),
        }
    };
    let answer = answer.lock().unwrap()(&request);
    seen.send_modify(|it| it.push(request));
    match answer {
        Some(answer) => stream.write_all(&answer).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn whole(received: &[u8]) -> Option<Request> {
    let end = received.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |it| it.parse().unwrap());
    let body = received.get(end..end + length)?.to_vec();
    Some(Request { head, body })
}

/// An answer with headers, each with its line end.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A port of this machine where nobody listens.
pub(crate) async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

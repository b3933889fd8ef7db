//! What the registrar and the API say to each other over HTTP.

use std::{pin::Pin, time::Duration};

use runtime::Chain;
use types::{EnrolmentNews, EnrolmentOrders, ListReport};

use crate::secret::Secret;

/// How long the API may wait for something to be wanted, in seconds.
const WAIT: u64 = 25;
/// How long a request may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(40);
/// The longest answer that is read, in bytes.
const ANSWER: usize = 1 << 20;

/// Where the API is, and who we are to it.
#[derive(Clone, Debug)]
pub(super) struct Office {
    pub(super) api: reqwest::Url,
    pub(super) token: Secret,
    pub(super) http: reqwest::Client,
}

/// What came of a talk with the API.
#[derive(Debug)]
pub(super) enum Talked {
    /// It wants this, or nothing yet.
    Orders(EnrolmentOrders),
    /// It knows the news with these numbers in the queue.
    News(Vec<u64>),
    /// It knows the list with this number and signature.
    List(String),
    /// It does not answer as it should.
    Failed(String),
}

/// A talk that goes on while other things are done.
pub(super) struct Talk {
    pub(super) future: Pin<Box<dyn Future<Output = Talked> + Send + Sync>>,
    /// Whether it only waits for something to be wanted.
    pub(super) is_idle: bool,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Talk").field("is_idle", &self.is_idle).finish_non_exhaustive()
    }
}

impl Office {
    /// Asks what is wanted.
    pub(super) fn ask(&self, after: i64) -> Talk {
        let office = self.clone();
        let asking = async move {
            let mut url = office.url("registrar/orders");
            url.query_pairs_mut()
                .append_pair("after", &after.to_string())
                .append_pair("wait", &WAIT.to_string());
            let request = office.http.get(url).bearer_auth(office.token.reveal());
            match said(request).await {
                Ok(text) => match serde_json::from_str(&text) {
                    Ok(orders) => Talked::Orders(orders),
                    Err(error) => {
                        Talked::Failed(format!("it answers, but not as the API: {error}"))
                    }
                },
                Err(why) => Talked::Failed(why.text()),
            }
        };
        Talk { future: Box::pin(asking), is_idle: true }
    }

    /// Tells what was done. What the API will never take is let go, with a warning.
    pub(super) fn tell(&self, news: Vec<EnrolmentNews>, numbers: Vec<u64>) -> Talk {
        let office = self.clone();
        let telling = async move {
            let request = office.http.post(office.url("registrar/news"));
            match said(request.bearer_auth(office.token.reveal()).json(&news)).await {
                Ok(_) => Talked::News(numbers),
                Err(Refusal::ForGood(why)) => {
                    tracing::warn!(why, "the API refused news of enrolments for good");
                    Talked::News(numbers)
                }
                Err(Refusal::Now(why)) => Talked::Failed(why),
            }
        };
        Talk { future: Box::pin(telling), is_idle: false }
    }

    /// Shows the list.
    pub(super) fn show(&self, list: ListReport) -> Talk {
        let office = self.clone();
        let showing = async move {
            let request = office.http.post(office.url("members"));
            match said(request.bearer_auth(office.token.reveal()).json(&list)).await {
                Ok(_) => Talked::List(list.head.signature),
                Err(why) => Talked::Failed(why.text()),
            }
        };
        Talk { future: Box::pin(showing), is_idle: false }
    }

    fn url(&self, path: &str) -> reqwest::Url {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path.split('/'));
        }
        url
    }
}

enum Refusal {
    Now(String),
    ForGood(String),
}

impl Refusal {
    fn text(self) -> String {
        match self {
            Self::Now(why) | Self::ForGood(why) => why,
        }
    }
}

async fn said(request: reqwest::RequestBuilder) -> Result<String, Refusal> {
    let now = |error: reqwest::Error| Refusal::Now(Chain(&error.without_url()).to_string());
    let mut answer = request.send().await.map_err(now)?;
    let status = answer.status();
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(now)? {
        said.extend_from_slice(&chunk);
        if said.len() > ANSWER {
            return Err(Refusal::Now("its answer is too long".to_owned()));
        }
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    let why = || format!("it answers {status}: {}", said.chars().take(300).collect::<String>());
    match status.as_u16() {
        200..=299 => Ok(said),
        400 | 413 | 415 | 422 => Err(Refusal::ForGood(why())),
        _ => Err(Refusal::Now(why())),
    }
}

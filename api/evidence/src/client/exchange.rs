//! One request and its answer over HTTP (RFC 3161 section 3.4).

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};

use super::{ClientError, Endpoint, Reason};
use crate::response::MAX_RESPONSE;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn http(endpoints: &[Endpoint]) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder();
    // A machine without root certificates cannot speak https, and need not where all is http.
    if endpoints.iter().all(|endpoint| endpoint.url.starts_with("http:")) {
        builder = builder.tls_certs_only([]);
    }
    builder
        .redirect(Policy::none()) // an authority that redirects is misconfigured, or not it
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
        .map_err(ClientError::Http)
}

pub(super) fn check_url(endpoint: &Endpoint) -> Result<(), ClientError> {
    match Url::parse(&endpoint.url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err(ClientError::Url { endpoint: endpoint.name.clone(), url: endpoint.url.clone() }),
    }
}

/// The body of a successful answer; what it says is not looked at here.
pub(super) async fn post(
    http: &reqwest::Client,
    endpoint: &Endpoint,
    query: Vec<u8>,
    timeout: Duration,
) -> Result<Vec<u8>, Reason> {
    let request =
        http.post(&endpoint.url).header(CONTENT_TYPE, QUERY).header(ACCEPT, REPLY).body(query);
    let response = request.timeout(timeout).send().await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(Reason::Status {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
        });
    }
    let found = media_type(response.headers());
    if found != REPLY {
        return Err(Reason::ContentType { found });
    }
    body(response).await
}

async fn body(mut response: Response) -> Result<Vec<u8>, Reason> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(Reason::TooLarge { limit: MAX_RESPONSE });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The endpoint has a name, and its address may hold a password.
fn broken(error: reqwest::Error) -> Reason {
    Reason::Http(error.without_url())
}

/// The media type without parameters, in small letters (RFC 9110 section 8.3.1).
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Seconds (RFC 9110 section 10.2.3); a date is not worth a parser, as there is a cool-down anyway.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

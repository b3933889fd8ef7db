//! Asks an API, that of the platform on this machine or another.

use std::fs;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::up::Ready;
use crate::{arguments::Reach, exit::Failure};

/// The most that an API may answer, in bytes.
const ANSWER: usize = 64 << 20;

/// Asks the API for something.
pub(crate) async fn ask(
    reach: &Reach,
    path: &[&str],
    query: &[(&str, &str)],
) -> Result<Value, Failure> {
    send(reach, Method::GET, path, query, None).await
}

/// Has the API do something, as an operator: with the token of the platform in the data folder,
/// unless another is named.
pub(crate) async fn act(
    reach: &Reach,
    method: Method,
    path: &[&str],
    body: Option<&Value>,
) -> Result<Value, Failure> {
    act_with(reach, method, path, &[], body).await
}

/// The same, with what stands after the `?`.
pub(crate) async fn act_with(
    reach: &Reach,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let own = reach.data.join("admin.token");
    let token_file = reach.token_file.clone().or_else(|| own.exists().then_some(own));
    let reach = Reach { url: reach.url.clone(), token_file, data: reach.data.clone() };
    send(&reach, method, path, query, body).await
}

async fn send(
    reach: &Reach,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let base = address(reach)?;
    let mut url = Url::parse(&base)
        .map_err(|error| Failure::call(format!("`{base}` is no address: {error}")))?;
    url.path_segments_mut()
        .map_err(|()| Failure::call(format!("`{base}` is no address of an API")))?
        .pop_if_empty()
        .extend(["api", "v1"])
        .extend(path);
    url.query_pairs_mut().extend_pairs(query);
    let mut builder = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30));
    if url.scheme() == "http" {
        // No roots are needed, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(Failure::work)?;
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    if let Some(file) = &reach.token_file {
        let token = fs::read_to_string(file)
            .map_err(|error| Failure::call(format!("cannot read `{}`: {error}", file.display())))?;
        request = request.bearer_auth(token.trim());
    }
    let mut answer = request.send().await.map_err(|error| {
        Failure::work(error).hint("is the platform up? `--url` says where its API is")
    })?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(Failure::work)? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER {
            return Err(Failure::work(format!("the API answers more than {ANSWER} bytes")));
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
    let failure = format!("the API answers {status}: {detail}");
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::work(failure).hint("`--token-file` names the file of a token that may do this")
        }
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
            Failure::call(failure)
        }
        _ => Failure::work(failure),
    })
}

/// Where the API is: as it was said, or that of the platform in the data folder.
fn address(reach: &Reach) -> Result<String, Failure> {
    if let Some(url) = &reach.url {
        return Ok(url.clone());
    }
    let path = reach.data.join("ready.json");
    let ready: Option<Ready> =
        fs::read_to_string(&path).ok().and_then(|it| serde_json::from_str(&it).ok());
    ready.map(|it| it.http).ok_or_else(|| {
        Failure::work(format!("no platform runs in `{}`", reach.data.display()))
            .hint("`--data` names the folder of one that does, `--url` the address of an API")
    })
}

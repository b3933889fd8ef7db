//! The body of a request, read within limits.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{StatusCode, header},
    web::{Bytes, BytesMut, Data},
};
use futures_util::{StreamExt, future::LocalBoxFuture};

use crate::{config::Limits, problem::Problem, state::State};

/// The whole body, whatever it is.
pub(crate) struct Body(pub(crate) Bytes);

/// The whole body of a request that says that it is JSON.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let announced = announced(request);
        let coded = request.headers().contains_key(header::CONTENT_ENCODING);
        let limits = request.app_data::<Data<State>>().map(|state| state.limits.clone());
        let payload = payload.take();
        Box::pin(async move {
            let limits = limits.unwrap_or_default();
            if coded {
                return Err(unsupported("a body must come without `Content-Encoding`"));
            }
            if announced.is_some_and(|length| length > limits.body) {
                return Err(too_long(limits.body));
            }
            let reading = tokio::time::timeout(limits.patience, read(payload, &limits));
            reading.await.map_err(|_| too_slow(&limits))?.map(Self)
        })
    }
}

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if is_json(request) {
            let body = Body::from_request(request, payload);
            return Box::pin(async move { Ok(Self(body.await?.0)) });
        }
        Box::pin(async { Err(unsupported("the body must be `application/json`")) })
    }
}

/// Whether a request says that its body is JSON.
pub(crate) fn is_json(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
    kind.eq_ignore_ascii_case("application/json")
}

fn announced(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut payload: Payload, limits: &Limits) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::unprocessable("the body broke off"))?;
        if body.len() + chunk.len() > limits.body {
            return Err(too_long(limits.body));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// Says which limit was passed.
pub(crate) fn too_long(limit: usize) -> Problem {
    let detail = format!("the body is longer than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).with("limit", limit)
}

fn too_slow(limits: &Limits) -> Problem {
    let detail = format!("the body took longer than {} ms", limits.patience.as_millis());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

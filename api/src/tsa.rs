//! `/tsr` and `/tsa/anchors`: the authority of the API's own, and whom it believes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, Data},
};

use crate::{
    body::{Body, too_long},
    problem::Problem,
    state::State,
    v1::items::overloaded,
};

/// The longest request for a time stamp, in bytes. Real ones have about a hundred.
const REQUEST: usize = 8 << 10;

/// `POST /tsr`: a time stamp (RFC 3161 section 3.4).
pub(crate) async fn respond(
    state: Data<State>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let Some(own) = state.own.clone() else {
        return Err(Problem::not_found("this API has no authority of its own (`tsa.own`)"));
    };
    let kind = request.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    if kind != Some(b"application/timestamp-query") {
        let detail = "the body must be `application/timestamp-query`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if body.0.len() > REQUEST {
        return Err(too_long(REQUEST));
    }
    let answer = web::block(move || own.respond(&body.0)).await.map_err(overloaded)?;
    Ok(HttpResponse::Ok().content_type("application/timestamp-reply").body(answer))
}

/// `GET /tsa/anchors`: the certificates of the authorities that are believed.
pub(crate) async fn anchors(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/x-pem-file").body(state.anchors.clone())
}

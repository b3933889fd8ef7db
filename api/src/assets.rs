//! `/` and `/assets`: the dashboard, which is part of the program.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, IfNoneMatch},
    web::{Header, Path},
};
use evidence::sha256;

use crate::problem::Problem;

/// What a page may load: what comes from here, and nothing that is written into it.
const POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// A file of the dashboard.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const INDEX: Asset = Asset {
    name: "index.html",
    kind: "text/html; charset=utf-8",
    bytes: include_bytes!("../assets/index.html"),
};

const ASSETS: &[Asset] = &[
    Asset {
        name: "app.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/app.js"),
    },
    Asset {
        name: "style.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/style.css"),
    },
];

/// `GET /`.
pub(crate) async fn index(request: HttpRequest) -> HttpResponse {
    served(&INDEX, &request)
}

/// `GET /assets/{file}`.
pub(crate) async fn file(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name.as_str());
    let asset = asset.ok_or_else(|| Problem::not_found(format!("no file `{name}`")))?;
    Ok(served(asset, &request))
}

fn served(asset: &Asset, request: &HttpRequest) -> HttpResponse {
    let tag = EntityTag::new_strong(hex::encode(sha256(asset.bytes)));
    let known = match request.headers().get(header::IF_NONE_MATCH) {
        Some(_) => Header::<IfNoneMatch>::parse(request).is_ok_and(|known| match known.0 {
            IfNoneMatch::Any => true,
            IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(&tag)),
        }),
        None => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(header::ETag(tag));
    if known {
        return response.finish();
    }
    response.content_type(asset.kind).body(asset.bytes)
}

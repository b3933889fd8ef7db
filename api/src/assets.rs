//! `/` and `/assets`: the dashboard, which is part of the program.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, Header, IfNoneMatch},
    web::Path,
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

/// A file of the folder `assets`, as it is named there.
macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../assets/", $name)) }
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

const INDEX: Asset = asset!("index.html", HTML);
const VERIFY: Asset = asset!("verify.html", HTML);

const ASSETS: &[Asset] = &[
    asset!("agents.js", SCRIPT),
    asset!("alerts.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("behaviour.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("events.js", SCRIPT),
    asset!("icon.svg", SVG),
    asset!("item.js", SCRIPT),
    asset!("items.js", SCRIPT),
    asset!("layout.js", SCRIPT),
    asset!("machine.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("theme.js", SCRIPT),
    asset!("time.js", SCRIPT),
    asset!("traffic.js", SCRIPT),
    asset!("trust.js", SCRIPT),
    asset!("verify.js", SCRIPT),
];

/// `GET /`.
pub(crate) async fn index(request: HttpRequest) -> HttpResponse {
    served(&INDEX, &request)
}

/// `GET /verify`.
pub(crate) async fn verify(request: HttpRequest) -> HttpResponse {
    served(&VERIFY, &request)
}

/// `GET /assets/{file}`.
pub(crate) async fn file(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name.as_str());
    let asset = asset.ok_or_else(|| Problem::not_found(format!("no file `{name}`")))?;
    Ok(served(asset, &request))
}

fn served(asset: &Asset, request: &HttpRequest) -> HttpResponse {
    let tag = EntityTag::new_strong(hex::encode(sha256(asset.bytes)));
    let known = match request.headers().get(header::IF_NONE_MATCH) {
        Some(_) => IfNoneMatch::parse(request).is_ok_and(|known| match known {
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

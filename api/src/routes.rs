//! Every route: its method, its path, what it needs, and who answers.

use actix_web::HttpMessage;
use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError, Route,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    guard,
    http::{Method, StatusCode, header},
    middleware::{Next, from_fn},
    web::{self, Data, ServiceConfig},
};

use crate::{
    assets,
    auth::{Caller, Need},
    health,
    problem::Problem,
    scandale,
    state::State,
    tsa, v1,
};

/// What a route needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `GET` (which answers `HEAD` too), `POST` or `DELETE`.
    pub method: Method,
    /// The path, with `{}` around what varies.
    pub path: &'static str,
    /// What the caller must be allowed to do.
    pub need: Need,
}

/// A rule, and who answers.
struct Entry {
    rule: Rule,
    answer: fn() -> Route,
}

fn get(path: &'static str, need: Need, answer: fn() -> Route) -> Entry {
    Entry { rule: Rule { method: Method::GET, path, need }, answer }
}

fn post(path: &'static str, need: Need, answer: fn() -> Route) -> Entry {
    Entry { rule: Rule { method: Method::POST, path, need }, answer }
}

fn delete(path: &'static str, need: Need, answer: fn() -> Route) -> Entry {
    Entry { rule: Rule { method: Method::DELETE, path, need }, answer }
}

/// A path that stands more than once has its entries next to each other.
fn table() -> Vec<Entry> {
    use Need::{Act, Nothing, Read, Register, Send};
    vec![
        get("/", Nothing, || web::to(assets::index)),
        get("/verify", Nothing, || web::to(assets::verify)),
        get("/assets/{file}", Nothing, || web::to(assets::file)),
        get("/health/live", Nothing, || web::to(health::live)),
        get("/health/ready", Nothing, || web::to(health::ready)),
        get("/metrics", Read, || web::to(health::metrics)),
        post("/tsr", Nothing, || web::to(tsa::respond)),
        get("/tsa/anchors", Nothing, || web::to(tsa::anchors)),
        get("/api/v1/items", Read, || web::to(v1::items::list)),
        post("/api/v1/items", Send, || web::to(v1::items::post)),
        get("/api/v1/items/{uuid}", Read, || web::to(v1::items::show)),
        get("/api/v1/items/{uuid}/evidence", Read, || web::to(v1::evidence::bundle)),
        get("/api/v1/items/{uuid}/verify", Read, || web::to(v1::evidence::verify)),
        post("/api/v1/proofs", Send, || web::to(v1::proofs::post)),
        get("/api/v1/agents", Read, || web::to(v1::agents::list)),
        get("/api/v1/agents/{jid}", Read, || web::to(v1::agents::show)),
        get("/api/v1/agents/{jid}/presence", Read, || web::to(v1::agents::presence)),
        get("/api/v1/agents/{jid}/behaviours", Read, || web::to(v1::agents::behaviours)),
        get("/api/v1/agents/{jid}/completeness", Read, || web::to(v1::logs::completeness)),
        post("/api/v1/agents/{jid}/report", Send, || web::to(v1::agents::report)),
        post("/api/v1/presence", Send, || web::to(v1::presence::post)),
        get("/api/v1/alerts", Read, || web::to(v1::alerts::list)),
        get("/api/v1/alerts/{id}", Read, || web::to(v1::alerts::show)),
        post("/api/v1/alerts/{id}", Act, || web::to(v1::alerts::post)),
        get("/api/v1/labels", Read, || web::to(v1::labels::list)),
        get("/api/v1/enrolments", Read, || web::to(v1::enrolments::list)),
        post("/api/v1/enrolments", Act, || web::to(v1::enrolments::post)),
        get("/api/v1/enrolments/{name}", Read, || web::to(v1::enrolments::show)),
        delete("/api/v1/enrolments/{name}", Act, || web::to(v1::enrolments::delete)),
        get("/api/v1/logs", Read, || web::to(v1::logs::list)),
        get("/api/v1/logs/{log}/checkpoint", Read, || web::to(v1::logs::checkpoint)),
        get("/api/v1/logs/{log}/consistency", Read, || web::to(v1::logs::consistency)),
        get("/api/v1/members", Read, || web::to(v1::members::list)),
        post("/api/v1/members", Register, || web::to(v1::members::post)),
        get("/api/v1/members/{jid}", Read, || web::to(v1::members::show)),
        get("/api/v1/operators", Read, || web::to(v1::operators::list)),
        post("/api/v1/operators", Act, || web::to(v1::operators::post)),
        get("/api/v1/operators/{jid}", Read, || web::to(v1::operators::show)),
        delete("/api/v1/operators/{jid}", Act, || web::to(v1::operators::delete)),
        delete("/api/v1/operators/{jid}/{fingerprint}", Act, || {
            web::to(v1::operators::delete_device)
        }),
        get("/api/v1/registrar/orders", Register, || web::to(v1::members::orders)),
        post("/api/v1/registrar/news", Register, || web::to(v1::members::news)),
        get("/api/v1/audit", Read, || web::to(v1::audit::list)),
        get("/api/v1/events", Read, || web::to(v1::events::stream)),
        post("/api/v1/verify", Nothing, || web::to(v1::verify::post)),
        get("/api/v1/integrity", Read, || web::to(v1::summary::integrity)),
        get("/api/v1/summary", Read, || web::to(v1::summary::show)),
        get("/items", Nothing, || web::to(scandale::with_slash)),
        post("/items", Nothing, || web::to(scandale::with_slash)),
        get("/items/", Read, || web::to(scandale::items::list)),
        post("/items/", Send, || web::to(scandale::items::post)),
        get("/items/{id}", Read, || web::to(scandale::items::show)),
        get("/TimeStampTokens", Nothing, || web::to(scandale::with_slash)),
        post("/TimeStampTokens", Nothing, || web::to(scandale::with_slash)),
        get("/TimeStampTokens/", Read, || web::to(scandale::tokens::list)),
        post("/TimeStampTokens/", Send, || web::to(scandale::tokens::post)),
        get("/TimeStampTokens/token/{uuid}", Read, || web::to(scandale::tokens::token)),
        get("/TimeStampTokens/check/{uuid}", Read, || web::to(scandale::tokens::check)),
        get("/TimeStampTokens/get_timestamp/{uuid}", Read, || {
            web::to(scandale::tokens::get_timestamp)
        }),
        get("/TimeStampTokens/{uuid}", Read, || web::to(scandale::tokens::show)),
        get("/system/stats/", Read, || web::to(scandale::system::stats)),
        get("/system/info/", Read, || web::to(scandale::system::info)),
        get("/pubsub", Read, || web::to(scandale::pubsub::connect)),
    ]
}

/// Every route and what it needs.
pub fn rules() -> Vec<Rule> {
    table().into_iter().map(|entry| entry.rule).collect()
}

/// Puts every route in its place, behind the gate.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let mut entries = table().into_iter().peekable();
    while let Some(first) = entries.next() {
        let path = first.rule.path;
        let mut allowed = methods(&first.rule.method).to_owned();
        let mut resource = web::resource(path).route(guarded(&first));
        while let Some(next) = entries.next_if(|next| next.rule.path == path) {
            allowed = format!("{allowed}, {}", methods(&next.rule.method));
            resource = resource.route(guarded(&next));
        }
        config.service(resource.default_service(web::to(move || {
            let allowed = allowed.clone();
            async move { not_allowed(&allowed) }
        })));
    }
}

/// There is nothing at a path.
pub(crate) async fn not_found(request: HttpRequest) -> HttpResponse {
    Problem::not_found(format!("nothing at `{}`", request.path())).error_response()
}

fn not_allowed(allowed: &str) -> HttpResponse {
    let detail = format!("this path takes {allowed}");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).error_response();
    if let Ok(value) = header::HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn methods(method: &Method) -> &str {
    if *method == Method::GET { "GET, HEAD" } else { method.as_str() }
}

fn guarded(entry: &Entry) -> Route {
    let need = entry.rule.need;
    let route = (entry.answer)();
    let route = if entry.rule.method == Method::GET {
        route.guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        route.method(entry.rule.method.clone())
    };
    route.wrap(from_fn(move |request, next: Next<BoxBody>| gate(need, request, next)))
}

async fn gate(
    need: Need,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let admitted: Result<Caller, Problem> = match request.app_data::<Data<State>>() {
        Some(state) => state.gate.admit(request.request(), need),
        None => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not ready")),
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await
        }
        Err(problem) if scandale::owns(request.path()) => {
            Ok(request.into_response(scandale::refusal(&problem)))
        }
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

/// What every answer carries, and what is counted of it.
pub(crate) async fn dress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<State>>().cloned();
    let open = state.as_ref().is_some_and(|it| it.gate.is_open());
    let mut response = if open && is_misdirected(&request) {
        let detail = "this API listens on loopback only; ask for it as localhost or by address";
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, detail);
        request.into_response(problem.error_response())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let headers = response.headers_mut();
    let set =
        [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")];
    for (name, value) in set {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    }
    if let Some(state) = state {
        state.metrics.answered(response.status());
    }
    Ok(response)
}

/// Whether a request to loopback asks for another name: then it comes from a page somewhere whose
/// name was made to point here, and who sits at this machine did not mean it. What carries a token
/// is not a stranger's page.
fn is_misdirected(request: &ServiceRequest) -> bool {
    if !request.app_config().local_addr().ip().is_loopback()
        || request.headers().contains_key(header::AUTHORIZATION)
    {
        return false;
    }
    let info = request.headers().get(header::HOST).and_then(|it| it.to_str().ok());
    let Some(host) = info.and_then(|it| it.parse::<actix_web::http::uri::Authority>().ok()) else {
        return false;
    };
    let name = host.host().trim_matches(['[', ']']);
    !name.eq_ignore_ascii_case("localhost") && name.parse::<std::net::IpAddr>().is_err()
}

//! The envelope: one JSON object a frame, with a request or a response in it. It is not JSON-RPC.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// What a client sends. What is not understood is left out, as the original does.
#[derive(Debug, Deserialize)]
pub(super) struct Incoming {
    #[serde(default)]
    pub(super) request: Option<Request>,
}

/// What a client asks.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    #[serde(default)]
    pub(super) arguments: Value,
    #[serde(default)]
    pub(super) call_id: Value,
}

/// What a client is sent.
#[derive(Debug, Serialize)]
pub(super) struct Outgoing<'a> {
    pub(super) request: Option<Notify<'a>>,
    pub(super) response: Option<Response>,
}

/// The answer to a request.
#[derive(Debug, Serialize)]
pub(super) struct Response {
    pub(super) result: Value,
    /// As Python names the type of the result; `error` where there is none.
    pub(super) result_type: &'static str,
    pub(super) call_id: Value,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Notify<'a> {
    pub(super) method: &'static str,
    pub(super) arguments: Notice<'a>,
    pub(super) call_id: String,
}

/// What happened, and because of which subscription it is told.
#[derive(Debug, Serialize)]
pub(super) struct Notice<'a> {
    pub(super) subscription: Subscription<'a>,
    pub(super) data: &'a RawValue,
}

/// A subscription.
#[derive(Debug, Serialize)]
pub(super) struct Subscription<'a> {
    pub(super) id: &'a str,
    pub(super) subscriber_id: &'a str,
    pub(super) topic: &'a str,
    pub(super) notifier_id: Option<&'a str>,
}

/// A frame's text.
pub(super) fn text(outgoing: &Outgoing<'_>) -> String {
    serde_json::to_string(outgoing).unwrap_or_default()
}

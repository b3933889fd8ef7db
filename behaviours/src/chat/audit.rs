//! Writes down who asked for what.

use std::collections::HashMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use runtime::{AgentId, Change, Context};
use serde_json::{Map, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    ONCE,
    order::{Order, Way},
};
use crate::queue::{self, OUTBOX, Parcel};

/// Accounts whose refusals are remembered; then all are forgotten.
const ACCOUNTS: usize = 1000;

/// The item that says who asked for what, and whether they may.
pub(super) fn change(
    ctx: &Context,
    who: &AgentId,
    order: &Order,
    way: Way,
    allowed: bool,
) -> Result<Change, serde_json::Error> {
    let id = Uuid::new_v4();
    let order = order.to_string();
    let fact = json!({
        "who": who.as_str(), "what": order, "by": way.name(), "allowed": allowed,
    });
    let verb = if allowed { "asked for" } else { "may not ask for" };
    let mut more = Map::new();
    more.insert("summary".to_owned(), format!("{} {verb} `{order}`", who.bare()).into());
    more.insert("audit".to_owned(), fact.clone());
    let item = types::Item {
        version: "1".to_owned(),
        format: "json".to_owned(),
        meta: types::Meta {
            uuid: id,
            ts: ctx.clock().now_ms().div_euclid(1000),
            kind: "audit".to_owned(),
            source: Some(ctx.me().bare().to_owned()),
            more: Map::new(),
        },
        payload: types::Payload { raw: BASE64_STANDARD.encode(fact.to_string()), more },
        more: Map::new(),
    };
    queue::push(OUTBOX, id.to_string(), &Parcel::Item(serde_json::to_value(item)?))
}

/// Who was refused, and when.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<AgentId, Instant>);

impl Refusals {
    /// Whether `who` was not refused already a short time ago.
    pub(super) fn is_first(&mut self, who: &AgentId, now: Instant) -> bool {
        let who = who.to_bare();
        if self.0.get(&who).is_some_and(|then| now.duration_since(*then) < ONCE) {
            return false;
        }
        if self.0.len() >= ACCOUNTS {
            self.0.clear();
        }
        self.0.insert(who, now);
        true
    }
}

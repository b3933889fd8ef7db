//! Writes down who asked for what.

use std::collections::HashSet;

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

/// Accounts that are refused within [`ONCE`]; further ones are passed over.
const ACCOUNTS: usize = 32;

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

/// Who was refused within the last while.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    since: Option<Instant>,
    told: HashSet<AgentId>,
    passed_over: u64,
}

impl Refusals {
    /// Whether `who` is to be told no, and that is to be written down: once in a while each, and
    /// only so many, or strangers would fill the disk.
    pub(super) fn is_first(&mut self, who: &AgentId, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= ONCE) {
            if self.passed_over > 0 {
                tracing::warn!(
                    audit.passed_over = self.passed_over,
                    "too many who may not ask; these were not written down"
                );
            }
            *self = Self { since: Some(now), ..Self::default() };
        }
        let who = who.to_bare();
        if self.told.contains(&who) {
            return false;
        }
        if self.told.len() >= ACCOUNTS {
            self.passed_over += 1;
            return false;
        }
        self.told.insert(who)
    }
}

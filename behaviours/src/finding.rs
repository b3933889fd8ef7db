//! What was found in traffic, as an item.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::alert::{Alert, AlertChange, Change};
use runtime::{Context, Failure, StoreError};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    chain,
    queue::{self, OUTBOX, Parcel},
};

/// One thing that was found.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    id: Uuid,
    kind: &'static str,
    verdict: &'static str,
    summary: String,
    /// Under which name the rest stands in the payload.
    part: &'static str,
    content: Value,
}

/// Whether it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// The disk queue is full.
    NoRoom,
}

impl Finding {
    /// An alert that is new, or changed.
    pub(crate) fn alert(change: &AlertChange) -> Self {
        let what = match change.change {
            Change::Opened => "",
            Change::Grown => " grew",
            Change::Moved => " moved",
        };
        let summary = format!("{}{what}", title(&change.alert));
        let content = serde_json::to_value(change).unwrap_or_default();
        let verdict = if change.change == Change::Moved { "moved" } else { "alert" };
        let id = Uuid::new_v4();
        Self { id, kind: "alert", verdict, summary, part: "change", content }
    }

    /// An alert about what another probe saw.
    pub(crate) fn alert_of(probe: &str, change: &AlertChange) -> Self {
        let mut finding = Self::alert(change);
        finding.summary = format!("{} (seen by {probe})", finding.summary);
        if let Some(content) = finding.content.as_object_mut() {
            content.insert("probe".to_owned(), probe.into());
        }
        finding
    }

    /// What was judged for another probe.
    pub(crate) fn judged(probe: &str, seen: u64, missing: u64, content: Value) -> Self {
        let summary = format!("{seen} things judged for {probe}, {missing} batches did not come");
        let id = Uuid::new_v4();
        Self { id, kind: "traffic", verdict: "judged", summary, part: "traffic", content }
    }

    /// What went by in a period.
    pub(crate) fn traffic(content: Value) -> Self {
        let number = |key: &str| content.get(key).and_then(Value::as_u64).unwrap_or(0);
        let dropped = content.pointer("/kernel/dropped").and_then(Value::as_u64).unwrap_or(0);
        let frames = content.pointer("/counters/frames").and_then(Value::as_u64).unwrap_or(0);
        let summary = format!(
            "{} flows, {} bytes, {} alerts; {frames} frames since the start, {dropped} dropped",
            number("flows"),
            number("bytes"),
            number("alerts"),
        );
        let id = Uuid::new_v4();
        Self { id, kind: "traffic", verdict: "seen", summary, part: "traffic", content }
    }

    fn item(&self, ctx: &Context) -> Result<Value, serde_json::Error> {
        let mut more = Map::new();
        more.insert("verdict".to_owned(), self.verdict.into());
        more.insert("summary".to_owned(), self.summary.as_str().into());
        more.insert(self.part.to_owned(), self.content.clone());
        serde_json::to_value(types::Item {
            version: "1".to_owned(),
            format: "json".to_owned(),
            meta: types::Meta {
                uuid: self.id,
                ts: ctx.clock().now_ms().div_euclid(1000),
                kind: self.kind.to_owned(),
                source: Some(ctx.me().bare().to_owned()),
                more: Map::new(),
            },
            payload: types::Payload { raw: STANDARD.encode(&self.summary), more },
            more: Map::new(),
        })
    }
}

/// Writes a finding to where results wait for whoever aggregates.
pub(crate) async fn keep(ctx: &Context, finding: &Finding) -> Result<Kept, Failure> {
    let item = finding.item(ctx)?;
    let change = queue::push(OUTBOX, finding.id.to_string(), &Parcel::Item(item))?;
    let links = chain::link(ctx, &[change]).await?;
    match ctx.store().commit(links.changes).await {
        Err(StoreError::Full { .. }) => return Ok(Kept::NoRoom),
        kept => kept?,
    }
    ctx.explain(finding.id.to_string(), finding.summary.clone());
    Ok(Kept::Yes)
}

/// An alert in a line.
fn title(alert: &Alert) -> String {
    let names: Vec<&str> = alert.detectors.iter().map(|kind| kind.name()).collect();
    let (severity, family) = (alert.severity.name(), alert.family.name());
    format!("{severity} {family} by {}: {}", alert.host, names.join(", "))
}

//! Alerts: kept as the newest change tells them, and as people moved them; listed newest first.

mod handle;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use self::handle::{HandleAlert, Judgement, Refusal};
use super::{
    Store, StoreError,
    tables::{alert_changes, alerts},
    writer::{self, Ledger},
};
use crate::{
    events::{Scandale, Topic},
    intake::alert::{AlertNews, AlertState},
};

/// Changes that are told of an alert, the newest first.
const CHANGES: u64 = 200;
/// Sources that are named where several tell of an alert of one name.
const SOURCES: u64 = 16;

/// An alert in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AlertRow {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) host: String,
    pub(crate) family: String,
    pub(crate) severity: String,
    pub(crate) state: String,
    pub(crate) score: f64,
    pub(crate) opened_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) detectors: Vec<String>,
    pub(crate) techniques: Vec<String>,
    /// How many pieces of evidence there were.
    pub(crate) count: i64,
    pub(crate) flows: i64,
    /// The item of the newest change.
    pub(crate) item: String,
    pub(crate) changed_ms: i64,
    /// How many changes were told.
    pub(crate) changes: i64,
    /// Who moved it last, if a person did.
    pub(crate) moved_by: Option<String>,
    pub(crate) moved_ms: Option<i64>,
    pub(crate) note: Option<String>,
    /// `attack` or `benign`, if a person said so.
    pub(crate) verdict: Option<String>,
    pub(crate) judged_by: Option<String>,
    pub(crate) judged_ms: Option<i64>,
    pub(crate) judged_note: Option<String>,
}

impl From<alerts::Model> for AlertRow {
    fn from(row: alerts::Model) -> Self {
        let names = |json: &str| serde_json::from_str(json).unwrap_or_default();
        Self {
            detectors: names(&row.detectors),
            techniques: names(&row.techniques),
            id: row.alert,
            source: row.source,
            host: row.host,
            family: row.family,
            severity: row.severity,
            state: row.state,
            score: row.score,
            opened_ms: row.opened_ms,
            last_ms: row.last_ms,
            count: row.evidence,
            flows: row.flows,
            item: row.item,
            changed_ms: row.changed_ns.div_euclid(1_000_000),
            changes: row.changes,
            moved_by: row.moved_by,
            moved_ms: row.moved_ms,
            note: row.note,
            verdict: row.verdict,
            judged_by: row.judged_by,
            judged_ms: row.judged_ms,
            judged_note: row.judged_note,
        }
    }
}

/// What is told when an alert changed.
#[derive(Debug, Serialize)]
struct Told {
    /// `opened`, `grown` or `moved` by its source, or `handled` by a person.
    what: &'static str,
    #[serde(flatten)]
    row: AlertRow,
}

/// One change, and the item that told of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChangeRow {
    pub(crate) item: String,
    pub(crate) at_ms: i64,
    /// `opened`, `grown` or `moved`.
    pub(crate) change: String,
}

impl From<alert_changes::Model> for ChangeRow {
    fn from(row: alert_changes::Model) -> Self {
        let at_ms = row.at_ns.div_euclid(1_000_000);
        Self { item: row.item, at_ms, change: row.change }
    }
}

/// An alert with its changes, the newest first.
#[derive(Clone, Debug)]
pub(crate) struct StoredAlert {
    pub(crate) row: AlertRow,
    pub(crate) changes: Vec<ChangeRow>,
}

/// Which alerts.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlertsQuery {
    pub(crate) state: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) source: Option<String>,
    /// Those that are over, or those that are not.
    pub(crate) is_open: Option<bool>,
    /// Those whose evidence ends then or later, in seconds since 1970.
    pub(crate) since: Option<i64>,
    /// Those that were opened then or before.
    pub(crate) until: Option<i64>,
    /// After the alert with this time and number.
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: u64,
}

/// One page of alerts, how to go on, and how many there are on all pages.
#[derive(Debug)]
pub(crate) struct AlertsPage {
    pub(crate) rows: Vec<AlertRow>,
    pub(crate) next: Option<(i64, i64)>,
    pub(crate) total: u64,
}

/// Takes what a stored item tells of an alert. A state only goes forward, whoever says it; a change
/// that comes late is counted and changes nothing else.
pub(super) async fn take(
    ledger: &mut Ledger<'_>,
    item: Uuid,
    source: &str,
    news: &AlertNews,
) -> Result<(), DbErr> {
    let known = alerts::Entity::find()
        .filter(alerts::Column::Alert.eq(&news.id))
        .filter(alerts::Column::Source.eq(source))
        .one(ledger.tx())
        .await?;
    let is_known = known.is_some();
    let is_late =
        known.as_ref().is_some_and(|it| (news.at_ns, news.evidence) < (it.changed_ns, it.evidence));
    let row = match known {
        Some(known) if is_late => late(known, news),
        known => newest(known, item, source, news, ledger)?,
    };
    let change = alert_changes::Model {
        item: item.to_string(),
        number: row.number,
        at_ns: news.at_ns,
        change: news.change.to_owned(),
    };
    put(ledger, row.clone(), is_known).await?;
    let change = change.into_active_model();
    alert_changes::Entity::insert(change).exec_without_returning(ledger.tx()).await?;
    if is_late {
        return Ok(());
    }
    ledger.tell(Topic::Alert, &Told { what: news.change, row: row.into() }, Scandale::Same)
}

/// The same alert, with one change more.
fn late(known: alerts::Model, news: &AlertNews) -> alerts::Model {
    alerts::Model { changes: known.changes + 1, state: forward(&known.state, news.state), ..known }
}

/// The alert as the newest change tells it; what people said of it stays.
fn newest(
    known: Option<alerts::Model>,
    item: Uuid,
    source: &str,
    news: &AlertNews,
    ledger: &mut Ledger<'_>,
) -> Result<alerts::Model, DbErr> {
    let told = alerts::Model {
        number: 0,
        source: source.to_owned(),
        alert: news.id.clone(),
        host: news.host.to_string(),
        family: news.family.clone(),
        severity: news.severity.to_owned(),
        state: news.state.name().to_owned(),
        score: news.score,
        opened_ms: news.opened_ms,
        last_ms: news.last_ms,
        detectors: writer::json(&news.detectors)?,
        techniques: writer::json(&news.techniques)?,
        evidence: news.evidence,
        flows: news.flows,
        item: item.to_string(),
        changed_ns: news.at_ns,
        changes: 1,
        moved_by: None,
        moved_ms: None,
        note: None,
        verdict: None,
        judged_by: None,
        judged_ms: None,
        judged_note: None,
    };
    let Some(known) = known else {
        return Ok(alerts::Model { number: ledger.ids.alert(), ..told });
    };
    Ok(alerts::Model {
        number: known.number,
        // A list goes on by this time, so it stays.
        opened_ms: known.opened_ms,
        last_ms: Ord::max(told.last_ms, known.last_ms),
        state: forward(&known.state, news.state),
        changes: known.changes + 1,
        moved_by: known.moved_by,
        moved_ms: known.moved_ms,
        note: known.note,
        verdict: known.verdict,
        judged_by: known.judged_by,
        judged_ms: known.judged_ms,
        judged_note: known.judged_note,
        ..told
    })
}

fn forward(known: &str, told: AlertState) -> String {
    AlertState::named(known).map_or(told, |known| known.max(told)).name().to_owned()
}

async fn put(ledger: &Ledger<'_>, row: alerts::Model, is_known: bool) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    if is_known {
        alerts::Entity::update(row).exec(ledger.tx()).await?;
    } else {
        alerts::Entity::insert(row).exec_without_returning(ledger.tx()).await?;
    }
    Ok(())
}

/// Which alerts have a name.
fn named(id: &str, source: Option<&str>) -> Condition {
    let source = source.map(|source| alerts::Column::Source.eq(source));
    Condition::all().add(alerts::Column::Alert.eq(id)).add_option(source)
}

impl Store {
    /// Alerts of a query, the one that was opened last first.
    pub(crate) async fn alerts(&self, query: &AlertsQuery) -> Result<AlertsPage, StoreError> {
        use alerts::Column as C;
        let expired = AlertState::Expired.name();
        let chosen = Condition::all()
            .add_option(query.state.as_ref().map(|it| C::State.eq(it)))
            .add_option(query.severity.as_ref().map(|it| C::Severity.eq(it)))
            .add_option(query.family.as_ref().map(|it| C::Family.eq(it)))
            .add_option(query.host.as_ref().map(|it| C::Host.eq(it)))
            .add_option(query.source.as_ref().map(|it| C::Source.eq(it)))
            .add_option(
                query
                    .is_open
                    .map(|open| if open { C::State.ne(expired) } else { C::State.eq(expired) }),
            )
            .add_option(query.since.map(|it| C::LastMs.gte(it.saturating_mul(1000))))
            .add_option(query.until.map(|it| C::OpenedMs.lte(it.saturating_mul(1000))));
        let total = alerts::Entity::find().filter(chosen.clone()).count(&self.reader).await?;
        let after = query.after.map(|(ms, number)| {
            C::OpenedMs.lt(ms).or(C::OpenedMs.eq(ms).and(C::Number.lt(number)))
        });
        let mut rows = alerts::Entity::find()
            .filter(chosen)
            .filter(Condition::all().add_option(after))
            .order_by_desc(C::OpenedMs)
            .order_by_desc(C::Number)
            .limit(query.limit + 1)
            .all(&self.reader)
            .await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| (last.opened_ms, last.number));
        Ok(AlertsPage { rows: rows.into_iter().map(AlertRow::from).collect(), next, total })
    }

    /// One alert with its changes. Without a source it must be the only one of that name.
    pub(crate) async fn alert(
        &self,
        id: &str,
        source: Option<&str>,
    ) -> Result<Result<StoredAlert, Refusal>, StoreError> {
        let found = alerts::Entity::find().filter(named(id, source)).limit(SOURCES);
        let row = match handle::only(found.all(&self.reader).await?) {
            Ok(row) => row,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let changes = alert_changes::Entity::find()
            .filter(alert_changes::Column::Number.eq(row.number))
            .order_by_desc(alert_changes::Column::AtNs)
            .order_by_asc(alert_changes::Column::Change)
            .limit(CHANGES)
            .all(&self.reader)
            .await?;
        let changes = changes.into_iter().map(ChangeRow::from).collect();
        Ok(Ok(StoredAlert { row: row.into(), changes }))
    }

    /// Alerts that people judged, after that with a number, in order; and the number to go on with.
    pub(crate) async fn judged(
        &self,
        after: i64,
        limit: u64,
    ) -> Result<(Vec<AlertRow>, Option<i64>), StoreError> {
        let rows = alerts::Entity::find()
            .filter(alerts::Column::Number.gt(after))
            .filter(alerts::Column::Verdict.is_not_null())
            .order_by_asc(alerts::Column::Number)
            .limit(limit)
            .all(&self.reader)
            .await?;
        let last = rows.last().map(|row| row.number);
        Ok((rows.into_iter().map(AlertRow::from).collect(), last))
    }
}

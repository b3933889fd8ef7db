//! Items: stored once each, listed newest first.

use std::collections::HashMap;

use evidence::Digest;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, JoinType, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
    sea_query::{ExprTrait, LikeExpr},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    CHUNK, Store, StoreError, alerts,
    tables::{batches, items},
    writer::{Deed, Ledger},
};
use crate::{
    events::{Scandale, Topic},
    intake::NewItem,
};

/// An item in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ItemRow {
    pub(crate) uuid: String,
    pub(crate) ts: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) format: String,
    pub(crate) verdict: Option<String>,
    pub(crate) summary: String,
    pub(crate) received_ms: i64,
    pub(crate) sha256: String,
    /// `pending` or `stamped`.
    pub(crate) proof: &'static str,
    pub(crate) stamped_ms: Option<i64>,
    pub(crate) trust: Option<String>,
}

/// What became of an item that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is kept now.
    Stored,
    /// It was kept already, the same to the byte.
    Known,
    /// Another one with its UUID is kept.
    Conflict,
}

/// Which items.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemsQuery {
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) source: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) text: Option<String>,
    /// After the item with this time and number.
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: u64,
}

/// One page of items, how to go on, and how many there are on all pages.
#[derive(Debug)]
pub(crate) struct ItemsPage {
    pub(crate) rows: Vec<ItemRow>,
    pub(crate) next: Option<(i64, i64)>,
    pub(crate) total: u64,
}

/// An item with its record and its place in a batch.
#[derive(Clone, Debug)]
pub(crate) struct StoredItem {
    pub(crate) id: i64,
    pub(crate) row: ItemRow,
    pub(crate) canonical: Vec<u8>,
    pub(crate) place: Option<(String, usize)>,
}

/// Stores items that are not stored yet, and tells each of them.
#[derive(Debug)]
pub(crate) struct StoreItems {
    pub(crate) items: Vec<NewItem>,
}

impl Deed for StoreItems {
    type Done = Vec<Fate>;

    fn rows(&self) -> usize {
        self.items.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Vec<Fate>, DbErr> {
        let mut fates = Vec::with_capacity(self.items.len());
        let mut known = HashMap::with_capacity(self.items.len());
        for chunk in self.items.chunks(CHUNK) {
            known.extend(digests(ledger.tx(), chunk.iter().map(|item| item.uuid)).await?);
            let mut rows = Vec::with_capacity(chunk.len());
            for item in chunk {
                let fate = match known.get(&item.uuid) {
                    Some(kept) if *kept == item.sha256 => Fate::Known,
                    Some(_) => Fate::Conflict,
                    None => Fate::Stored,
                };
                fates.push(fate);
                if fate == Fate::Stored {
                    known.insert(item.uuid, item.sha256);
                    rows.push(new_row(item, ledger)?);
                }
            }
            if !rows.is_empty() {
                items::Entity::insert_many(rows).exec_without_returning(ledger.tx()).await?;
            }
            let stored = chunk.iter().zip(fates.iter().skip(fates.len() - chunk.len()));
            for (item, fate) in stored {
                if let (Fate::Stored, Some(source), Some(news)) = (fate, &item.source, &item.alert)
                {
                    alerts::take(ledger, item.uuid, source, news).await?;
                }
            }
        }
        Ok(fates)
    }
}

fn new_row(item: &NewItem, ledger: &mut Ledger<'_>) -> Result<items::ActiveModel, DbErr> {
    let received_ms = ledger.now_ms;
    let row = ItemRow {
        uuid: item.uuid.to_string(),
        ts: item.ts,
        kind: item.kind.clone(),
        source: item.source.clone(),
        format: item.format.clone(),
        verdict: item.verdict.clone(),
        summary: item.summary.clone(),
        received_ms,
        sha256: hex::encode(item.sha256),
        proof: "pending",
        stamped_ms: None,
        trust: None,
    };
    ledger.tell(Topic::Scan, &row, Scandale::Item(item.canonical.as_slice().into()))?;
    Ok(items::ActiveModel {
        id: Set(ledger.ids.item()),
        uuid: Set(row.uuid),
        canonical: Set(item.canonical.clone()),
        sha256: Set(item.sha256.to_vec()),
        raw_sha256: Set(item.raw_sha256.to_vec()),
        ts: Set(row.ts),
        kind: Set(row.kind),
        source: Set(row.source),
        format: Set(row.format),
        verdict: Set(row.verdict),
        summary: Set(row.summary),
        received_ms: Set(received_ms),
        batch_id: NotSet,
        leaf_index: NotSet,
        seq: Set(item.link.seq.and_then(|it| i64::try_from(it).ok())),
        prev: Set(item.link.prev.map(|it| it.to_vec())),
        after: Set(item.link.after.map(|it| it.to_vec())),
        signed_by: Set(item.link.key.map(|it| it.to_vec())),
    })
}

/// The digests of those that are kept.
pub(super) async fn digests(
    db: &impl sea_orm::ConnectionTrait,
    uuids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Digest>, DbErr> {
    let rows: Vec<(String, Vec<u8>)> = items::Entity::find()
        .select_only()
        .columns([items::Column::Uuid, items::Column::Sha256])
        .filter(items::Column::Uuid.is_in(uuids.map(|uuid| uuid.to_string())))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(uuid, sha256)| {
            Some((Uuid::parse_str(&uuid).ok()?, Digest::try_from(sha256).ok()?))
        })
        .collect())
}

/// The columns of a list, without the record.
#[derive(Debug, FromQueryResult)]
struct Listed {
    id: i64,
    uuid: String,
    ts: i64,
    kind: String,
    source: Option<String>,
    format: String,
    verdict: Option<String>,
    summary: String,
    received_ms: i64,
    sha256: Vec<u8>,
    gen_time_ms: Option<i64>,
    trust: Option<String>,
}

impl From<Listed> for ItemRow {
    fn from(listed: Listed) -> Self {
        Self {
            uuid: listed.uuid,
            ts: listed.ts,
            kind: listed.kind,
            source: listed.source,
            format: listed.format,
            verdict: listed.verdict,
            summary: listed.summary,
            received_ms: listed.received_ms,
            sha256: hex::encode(listed.sha256),
            proof: if listed.gen_time_ms.is_some() { "stamped" } else { "pending" },
            stamped_ms: listed.gen_time_ms,
            trust: listed.trust,
        }
    }
}

fn listed() -> Select<items::Entity> {
    use items::Column as C;
    items::Entity::find()
        .select_only()
        .columns([C::Id, C::Uuid, C::Ts, C::Kind, C::Source, C::Format, C::Verdict, C::Summary])
        .columns([C::ReceivedMs, C::Sha256])
        .columns([batches::Column::GenTimeMs, batches::Column::Trust])
        .join(JoinType::LeftJoin, items::Relation::Batch.def())
}

impl Store {
    /// The oldest items that came before a time and that nobody has stamped, up to a number.
    pub(crate) async fn pending(
        &self,
        before_ms: i64,
        limit: u64,
    ) -> Result<Vec<(Uuid, Digest)>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = items::Entity::find()
            .select_only()
            .columns([items::Column::Uuid, items::Column::Sha256])
            .filter(items::Column::BatchId.is_null())
            .filter(items::Column::ReceivedMs.lte(before_ms))
            .order_by_asc(items::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let read = |(uuid, sha256): (String, Vec<u8>)| {
            Some((Uuid::parse_str(&uuid).ok()?, Digest::try_from(sha256).ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Items of a query, newest first.
    pub(crate) async fn items(&self, query: &ItemsQuery) -> Result<ItemsPage, StoreError> {
        let chosen = Condition::all()
            .add_option(query.since.map(|since| items::Column::Ts.gte(since)))
            .add_option(query.until.map(|until| items::Column::Ts.lte(until)))
            .add_option(query.source.as_ref().map(|source| items::Column::Source.eq(source)))
            .add_option(query.kind.as_ref().map(|kind| items::Column::Kind.eq(kind)))
            .add_option(query.text.as_deref().map(contains));
        let total = items::Entity::find().filter(chosen.clone()).count(&self.reader).await?;
        let after = query.after.map(|(ts, id)| {
            items::Column::Ts.lt(ts).or(items::Column::Ts.eq(ts).and(items::Column::Id.lt(id)))
        });
        let mut rows: Vec<Listed> = listed()
            .filter(chosen)
            .filter(Condition::all().add_option(after))
            .order_by_desc(items::Column::Ts)
            .order_by_desc(items::Column::Id)
            .limit(query.limit + 1)
            .into_model()
            .all(&self.reader)
            .await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| (last.ts, last.id));
        Ok(ItemsPage { rows: rows.into_iter().map(ItemRow::from).collect(), next, total })
    }

    /// One item by its UUID.
    pub(crate) async fn item(&self, uuid: Uuid) -> Result<Option<StoredItem>, StoreError> {
        self.one(items::Column::Uuid.eq(uuid.to_string())).await
    }

    /// One item by its number.
    pub(crate) async fn item_by_id(&self, id: i64) -> Result<Option<StoredItem>, StoreError> {
        self.one(items::Column::Id.eq(id)).await
    }

    /// The digests of those that are kept.
    pub(crate) async fn digests(
        &self,
        uuids: &[Uuid],
    ) -> Result<HashMap<Uuid, Digest>, StoreError> {
        let mut known = HashMap::with_capacity(uuids.len());
        for chunk in uuids.chunks(CHUNK) {
            known.extend(digests(&self.reader, chunk.iter().copied()).await?);
        }
        Ok(known)
    }

    /// Records in the order in which they came, and how many there are; with a digest, those whose
    /// `payload.raw` has it.
    pub(crate) async fn records(
        &self,
        raw_sha256: Option<Digest>,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<Vec<u8>>, u64), StoreError> {
        let chosen = Condition::all()
            .add_option(raw_sha256.map(|digest| items::Column::RawSha256.eq(digest.to_vec())));
        let total = items::Entity::find().filter(chosen.clone()).count(&self.reader).await?;
        let records = items::Entity::find()
            .select_only()
            .column(items::Column::Canonical)
            .filter(chosen)
            .order_by_asc(items::Column::Id)
            .offset(skip)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok((records, total))
    }

    async fn one(
        &self,
        which: sea_orm::sea_query::SimpleExpr,
    ) -> Result<Option<StoredItem>, StoreError> {
        let Some(item) = items::Entity::find().filter(which).one(&self.reader).await? else {
            return Ok(None);
        };
        let place = item.batch_id.zip(item.leaf_index.and_then(|leaf| usize::try_from(leaf).ok()));
        let stamp: Option<(i64, String)> = match &place {
            Some((batch, _)) => {
                batches::Entity::find_by_id(batch)
                    .select_only()
                    .columns([batches::Column::GenTimeMs, batches::Column::Trust])
                    .into_tuple()
                    .one(&self.reader)
                    .await?
            }
            None => None,
        };
        let (gen_time_ms, trust) = stamp.unzip();
        let listed = Listed {
            id: item.id,
            uuid: item.uuid,
            ts: item.ts,
            kind: item.kind,
            source: item.source,
            format: item.format,
            verdict: item.verdict,
            summary: item.summary,
            received_ms: item.received_ms,
            sha256: item.sha256,
            gen_time_ms,
            trust,
        };
        Ok(Some(StoredItem { id: item.id, row: listed.into(), canonical: item.canonical, place }))
    }
}

/// Whether a text occurs in what a list shows of an item.
fn contains(text: &str) -> Condition {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    let like = || LikeExpr::new(pattern.clone()).escape('\\');
    Condition::any()
        .add(items::Column::Kind.like(like()))
        .add(items::Column::Source.like(like()))
        .add(items::Column::Summary.like(like()))
        .add(items::Column::Uuid.like(like()))
}

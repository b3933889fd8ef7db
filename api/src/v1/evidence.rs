//! `/api/v1/items/{uuid}/evidence` and `/verify`: what shows that an item existed, and whether it
//! does.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Data, Json, Path},
};
use evidence::{
    After, Authority, Beside, Bundle, Link, LogPlace, Record,
    log::{Checkpoint, Tail},
};
use serde::Serialize;
use uuid::Uuid;

use super::items::{find, overloaded};
use crate::{
    check::Finding,
    clock,
    problem::Problem,
    renewal::{Unrenewable, record_of},
    state::State,
    store::{Batch, StoredItem},
};

/// Where an item stands in its batch, and who stamped that.
#[derive(Debug, Serialize)]
pub(super) struct ProofDetail {
    batch: Uuid,
    authority: String,
    trust: String,
    gen_time: String,
    serial: Option<String>,
    root: String,
    leaf_index: usize,
    leaves: usize,
    path: Vec<String>,
    signer: Option<String>,
    policy: Option<String>,
    /// Further authorities that stamped the batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<String>,
    /// The log that the batch goes on with, and the item's place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Entry>,
    /// The stamped checkpoint that the item names.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Earlier>,
}

/// A place in a log.
#[derive(Debug, Serialize)]
struct Entry {
    origin: String,
    index: u64,
    size: u64,
}

/// A stamped checkpoint.
#[derive(Debug, Serialize)]
struct Earlier {
    gen_time: String,
    origin: String,
    size: u64,
}

impl ProofDetail {
    /// Of an item; nothing while it is not stamped.
    pub(super) async fn of(state: &State, item: &StoredItem) -> Result<Option<Self>, Problem> {
        let Some((batch, leaf_index)) = stamped(state, item).await? else { return Ok(None) };
        let before = earlier(state, &item.canonical).await?;
        let after = before.and_then(|it| {
            let Checkpoint { origin, size, .. } = it.log?.checkpoint.checkpoint;
            Some(Earlier { gen_time: clock::rfc3339(it.gen_time_ms), origin, size })
        });
        let authorities = state.authorities.clone();
        let detail = web::block(move || {
            let verified = evidence::verify_any(&batch.token, &batch.root, &authorities);
            let verified = verified.ok().map(|(_, verified)| verified);
            Self {
                batch: batch.id,
                gen_time: clock::rfc3339(batch.gen_time_ms),
                serial: verified.as_ref().map(|verified| verified.serial.clone()),
                root: hex::encode(batch.root),
                leaf_index,
                leaves: batch.leaves.len(),
                path: path(&batch, leaf_index).iter().map(hex::encode).collect(),
                signer: verified.as_ref().map(|verified| verified.signer.clone()),
                policy: verified.map(|verified| verified.policy),
                also: batch.also.into_iter().map(|(name, _)| name).collect(),
                log: batch.log.and_then(|log| {
                    let index = log.before.size() + u64::try_from(leaf_index).ok()?;
                    let Checkpoint { origin, size, .. } = log.checkpoint.checkpoint;
                    Some(Entry { origin, index, size })
                }),
                after,
                authority: batch.authority,
                trust: batch.trust,
            }
        });
        Ok(Some(detail.await.map_err(overloaded)?))
    }
}

/// `GET /api/v1/items/{uuid}/evidence`.
pub(crate) async fn bundle(
    state: Data<State>,
    uuid: Path<String>,
) -> Result<HttpResponse, Problem> {
    let item = find(&state, &uuid).await?;
    let Some((batch, leaf_index)) = stamped(&state, &item).await? else {
        let detail = format!("`{}` is not stamped yet; try again later", item.row.uuid);
        return Err(Problem::conflict(detail).with_code("pending"));
    };
    let name = item.row.uuid;
    let authorities = state.authorities.clone();
    let earlier = earlier(&state, &item.canonical).await?;
    let renewals = state.store.renewals(&batch.id.to_string()).await?;
    let built = web::block(move || {
        let authority = believed(&batch, &authorities)?;
        let path = path(&batch, leaf_index);
        let also = batch.also.iter().filter_map(|(name, token)| {
            let authority = authorities.iter().find(|it| it.name() == name)?;
            Some((token.as_slice(), authority))
        });
        let after = earlier.and_then(|it| after(&it, &authorities));
        let log = place(&batch, leaf_index);
        let evidence = if renewals.is_empty() {
            None
        } else {
            let record = record_of(&batch, leaf_index, &item.canonical, &renewals);
            let broken = |cause: Unrenewable| Problem::conflict(cause.to_string());
            Some(record.map_err(|cause| broken(cause).with_code("renewal"))?)
        };
        let beside = Beside { also: also.collect(), log, after, evidence };
        Bundle::build_with(&item.canonical, &path, &batch.token, authority, beside)
            .map_err(|cause| Problem::conflict(cause.to_string()).with_code(cause.code()))
    });
    let file = built.await.map_err(overloaded)??;
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.etsi.asic-s+zip")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.asics\""),
        ))
        .body(file))
}

/// `GET /api/v1/items/{uuid}/verify`.
pub(crate) async fn verify(
    state: Data<State>,
    uuid: Path<String>,
) -> Result<Json<impl Serialize>, Problem> {
    let item = find(&state, &uuid).await?;
    Ok(Json(finding(&state, item).await?))
}

/// Whether the proof of an item holds.
pub(crate) async fn finding(state: &State, item: StoredItem) -> Result<Finding, Problem> {
    let batch = stamped(state, &item).await?.map(|(batch, _)| batch);
    let authorities = state.authorities.clone();
    let finding = web::block(move || Finding::of(&item, batch.as_ref(), &authorities));
    finding.await.map_err(overloaded)
}

/// The batch of an item and its place there.
pub(crate) async fn stamped(
    state: &State,
    item: &StoredItem,
) -> Result<Option<(Batch, usize)>, Problem> {
    let Some((id, leaf_index)) = &item.place else { return Ok(None) };
    Ok(state.store.batch(id).await?.map(|batch| (batch, *leaf_index)))
}

/// The batch whose checkpoint a record names, which it was made after.
pub(crate) async fn earlier(state: &State, canonical: &[u8]) -> Result<Option<Batch>, Problem> {
    let link = Record::parse(canonical).ok().and_then(|it| Link::read(&it).ok());
    let Some(digest) = link.and_then(|it| it.after) else { return Ok(None) };
    Ok(state.store.batch_of_checkpoint(&digest).await?)
}

/// What shows that a checkpoint was stamped.
fn after(batch: &Batch, authorities: &[Authority]) -> Option<After> {
    let (log, tree) = (batch.log.as_ref()?, batch.tree()?);
    let authority = believed(batch, authorities).ok()?;
    Some(After {
        checkpoint: log.checkpoint.note.clone(),
        path: tree.path(batch.leaves.len()),
        token: batch.token.clone(),
        authority: (authority.name().to_owned(), authority.to_pem()),
    })
}

/// Where an item is in the log that its batch goes on with.
fn place(batch: &Batch, leaf_index: usize) -> Option<LogPlace> {
    let (log, tree) = (batch.log.as_ref()?, batch.tree()?);
    let index = log.before.size() + u64::try_from(leaf_index).ok()?;
    Some(LogPlace {
        checkpoint: log.checkpoint.note.clone(),
        checkpoint_path: tree.path(batch.leaves.len()),
        index,
        inclusion: Tail::new(&log.before, &batch.leaves).inclusion(index)?,
    })
}

fn believed<'a>(batch: &Batch, authorities: &'a [Authority]) -> Result<&'a Authority, Problem> {
    evidence::verify_any(&batch.token, &batch.root, authorities)
        .map(|(authority, _)| authority)
        .map_err(|cause| Problem::conflict(cause.to_string()).with_code(cause.code()))
}

fn path(batch: &Batch, leaf_index: usize) -> Vec<evidence::Digest> {
    batch.tree().map(|tree| tree.path(leaf_index)).unwrap_or_default()
}

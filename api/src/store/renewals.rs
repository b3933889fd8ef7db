//! Renewals of the evidence of batches (RFC 4998 section 5).

use evidence::HashAlgorithm;
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{
    Store, StoreError, audit,
    tables::renewals,
    writer::{Deed, Ledger},
};

/// One renewal of a batch's evidence.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    /// The hash function of a new tree; none: the time stamp was renewed.
    pub(crate) rehashed: Option<HashAlgorithm>,
    /// From the batch's value to what the token is for.
    pub(crate) path: Vec<Vec<u8>>,
    /// The values of the batch's items in a new tree.
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) token: Vec<u8>,
    pub(crate) gen_time_ms: i64,
}

const STAMP: &str = "stamp";

fn name(rehashed: Option<HashAlgorithm>) -> &'static str {
    match rehashed {
        None => STAMP,
        Some(HashAlgorithm::Sha256) => "sha256",
        Some(HashAlgorithm::Sha384) => "sha384",
        Some(HashAlgorithm::Sha512) => "sha512",
    }
}

fn rehashed(kind: &str) -> Option<HashAlgorithm> {
    let known = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    known.into_iter().find(|it| name(Some(*it)) == kind)
}

/// Keeps renewals, each as the next of its batch, unless another came in between.
#[derive(Debug)]
pub(crate) struct KeepRenewals {
    /// Which batch, how many renewals it had, and the one to keep.
    pub(crate) renewals: Vec<(Uuid, usize, Renewal)>,
}

impl Deed for KeepRenewals {
    type Done = ();

    fn rows(&self) -> usize {
        self.renewals.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        use renewals::Column as C;
        for (batch, known, renewal) in &self.renewals {
            let position = i32::try_from(known + 1).unwrap_or(i32::MAX);
            let there = renewals::Entity::find()
                .filter(C::BatchId.eq(batch.to_string()))
                .filter(C::Position.eq(position))
                .one(ledger.tx())
                .await?;
            if there.is_some() {
                continue;
            }
            let row = renewals::ActiveModel {
                id: Set(Uuid::new_v4().to_string()),
                batch_id: Set(batch.to_string()),
                position: Set(position),
                kind: Set(name(renewal.rehashed).to_owned()),
                path: Set(renewal.path.concat()),
                leaves: Set((!renewal.leaves.is_empty()).then(|| renewal.leaves.concat())),
                token: Set(renewal.token.clone()),
                gen_time_ms: Set(renewal.gen_time_ms),
            };
            renewals::Entity::insert(row).exec_without_returning(ledger.tx()).await?;
        }
        let detail = format!("{} batches", self.renewals.len());
        audit::note(ledger, audit::API, "renew", "evidence", Some(detail)).await
    }
}

impl Store {
    /// The renewals of a batch, the oldest first.
    pub(crate) async fn renewals(&self, batch: &str) -> Result<Vec<Renewal>, StoreError> {
        let rows = renewals::Entity::find()
            .filter(renewals::Column::BatchId.eq(batch))
            .order_by_asc(renewals::Column::Position)
            .all(&self.reader)
            .await?;
        let mut hash = HashAlgorithm::Sha256;
        let read = rows.into_iter().map(|row| {
            let rehashed = rehashed(&row.kind);
            hash = rehashed.unwrap_or(hash);
            let split = |bytes: &[u8]| -> Vec<Vec<u8>> {
                bytes.chunks(hash.digest_len()).map(<[u8]>::to_vec).collect()
            };
            Renewal {
                rehashed,
                path: split(&row.path),
                leaves: split(&row.leaves.unwrap_or_default()),
                token: row.token,
                gen_time_ms: row.gen_time_ms,
            }
        });
        Ok(read.collect())
    }
}

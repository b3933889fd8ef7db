//! Who may do what: names and roles by the digest of a token.

use evidence::Digest;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};

use super::{
    Store, StoreError,
    tables::tokens,
    writer::{Deed, Ledger},
};

/// A token as the database knows it.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) sha256: Digest,
}

/// Makes these the only tokens.
#[derive(Debug)]
pub(crate) struct KeepTokens {
    pub(crate) tokens: Vec<Credential>,
}

impl Deed for KeepTokens {
    type Done = ();

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        let known = tokens::Entity::find().all(ledger.tx()).await?;
        tokens::Entity::delete_many().exec(ledger.tx()).await?;
        for token in &self.tokens {
            let before = known.iter().find(|known| known.sha256 == token.sha256);
            tokens::Entity::insert(tokens::ActiveModel {
                name: Set(token.name.clone()),
                role: Set(token.role.clone()),
                sha256: Set(token.sha256.to_vec()),
                created_ms: Set(before.map_or(ledger.now_ms, |known| known.created_ms)),
            })
            .exec_without_returning(ledger.tx())
            .await?;
        }
        Ok(())
    }
}

impl Store {
    /// Makes these the only tokens.
    pub(crate) async fn keep_tokens(&self, tokens: Vec<Credential>) -> Result<(), StoreError> {
        self.perform(KeepTokens { tokens }).await
    }

    /// All tokens.
    pub(crate) async fn tokens(&self) -> Result<Vec<Credential>, StoreError> {
        let rows = tokens::Entity::find().all(&self.reader).await?;
        let known = rows.into_iter().filter_map(|row| {
            let sha256 = Digest::try_from(row.sha256).ok()?;
            Some(Credential { name: row.name, role: row.role, sha256 })
        });
        Ok(known.collect())
    }
}

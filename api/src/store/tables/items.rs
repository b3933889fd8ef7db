//! Items: the canonical record, and what is searched.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "items")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) uuid: String,
    pub(crate) canonical: Vec<u8>,
    pub(crate) sha256: Vec<u8>,
    pub(crate) raw_sha256: Vec<u8>,
    pub(crate) ts: i64,
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) format: String,
    pub(crate) verdict: Option<String>,
    pub(crate) summary: String,
    pub(crate) received_ms: i64,
    pub(crate) batch_id: Option<String>,
    pub(crate) leaf_index: Option<i32>,
    pub(crate) seq: Option<i64>,
    pub(crate) prev: Option<Vec<u8>>,
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) signed_by: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(
        belongs_to = "super::batches::Entity",
        from = "Column::BatchId",
        to = "super::batches::Column::Id"
    )]
    Batch,
}

impl ActiveModelBehavior for ActiveModel {}

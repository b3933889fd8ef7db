//! Batches that were stamped as a whole.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "batches")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) authority: String,
    pub(crate) trust: String,
    pub(crate) root: Vec<u8>,
    pub(crate) token: Vec<u8>,
    pub(crate) gen_time_ms: i64,
    pub(crate) size: i32,
    pub(crate) leaves: Vec<u8>,
    pub(crate) received_ms: i64,
    pub(crate) uuids: Option<Vec<u8>>,
    pub(crate) also: Option<String>,
    pub(crate) log: Option<String>,
    pub(crate) first: Option<i64>,
    pub(crate) peaks: Option<Vec<u8>>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) checkpoint_sha256: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

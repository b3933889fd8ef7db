//! Renewals of the evidence of batches.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "renewals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) batch_id: String,
    pub(crate) position: i32,
    pub(crate) kind: String,
    pub(crate) path: Vec<u8>,
    pub(crate) leaves: Option<Vec<u8>>,
    pub(crate) token: Vec<u8>,
    pub(crate) gen_time_ms: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

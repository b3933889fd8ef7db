//! Who was there when.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "presence")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) jid: String,
    pub(crate) show: String,
    pub(crate) status: Option<String>,
    pub(crate) priority: i32,
    pub(crate) since_ms: i64,
    pub(crate) received_ms: i64,
    pub(crate) why: Option<String>,
    pub(crate) flapping: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

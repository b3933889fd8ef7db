//! Who was ever seen, as of now.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) jid: String,
    pub(crate) role: String,
    pub(crate) duties: String,
    pub(crate) labels: String,
    pub(crate) version: String,
    pub(crate) show: String,
    pub(crate) status: Option<String>,
    pub(crate) priority: i32,
    pub(crate) since_ms: i64,
    pub(crate) last_report_ms: Option<i64>,
    pub(crate) backlog: i64,
    pub(crate) why: Option<String>,
    pub(crate) flapping: bool,
    pub(crate) load: i32,
    pub(crate) runs: String,
    pub(crate) unwanted: i64,
    pub(crate) violations: String,
    pub(crate) policy: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

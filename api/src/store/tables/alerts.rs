//! Alerts: how each stands, and what people said of it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) number: i64,
    pub(crate) source: String,
    pub(crate) alert: String,
    pub(crate) host: String,
    pub(crate) family: String,
    pub(crate) severity: String,
    pub(crate) state: String,
    pub(crate) score: f64,
    pub(crate) opened_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) detectors: String,
    pub(crate) techniques: String,
    pub(crate) evidence: i64,
    pub(crate) flows: i64,
    pub(crate) item: String,
    pub(crate) changed_ns: i64,
    pub(crate) changes: i64,
    pub(crate) moved_by: Option<String>,
    pub(crate) moved_ms: Option<i64>,
    pub(crate) note: Option<String>,
    pub(crate) verdict: Option<String>,
    pub(crate) judged_by: Option<String>,
    pub(crate) judged_ms: Option<i64>,
    pub(crate) judged_note: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

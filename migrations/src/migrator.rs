//! All steps, in the order in which they are run.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::{
    m20261101_000001_first, m20261124_000002_presence, m20261124_000003_enrolments,
    m20261124_000004_policy, m20261124_000005_chains, m20261124_000006_renewals,
    m20261124_000007_alerts,
};

/// Brings a database up to date; what was done is recorded in the database itself.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261101_000001_first::Migration),
            Box::new(m20261124_000002_presence::Migration),
            Box::new(m20261124_000003_enrolments::Migration),
            Box::new(m20261124_000004_policy::Migration),
            Box::new(m20261124_000005_chains::Migration),
            Box::new(m20261124_000006_renewals::Migration),
            Box::new(m20261124_000007_alerts::Migration),
        ]
    }
}

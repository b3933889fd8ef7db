//! The shape of the database, one file a step: run [`Migrator`] with `up` and the database is as the
//! store of the API expects it.
//!
//! Steps are never changed once released; a new wish is a new file. Column types are those that SQLite
//! and PostgreSQL both know.

mod m20261101_000001_first;
mod m20261124_000002_presence;
mod m20261124_000003_enrolments;
mod m20261124_000004_policy;
mod m20261124_000005_chains;
mod m20261124_000006_renewals;
mod m20261124_000007_alerts;
mod migrator;

pub use migrator::Migrator;

//! The tables as entities, one file a table.

pub(super) mod agents;
pub(super) mod alert_changes;
pub(super) mod alerts;
pub(super) mod audit;
pub(super) mod batches;
pub(super) mod behaviours;
pub(super) mod enrolments;
pub(super) mod events;
pub(super) mod items;
pub(super) mod presence;
pub(super) mod registry;
pub(super) mod renewals;
pub(super) mod tokens;

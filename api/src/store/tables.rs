//! The tables as entities, one file a table.

pub(super) mod agents;
pub(super) mod batches;
pub(super) mod behaviours;
pub(super) mod events;
pub(super) mod items;
pub(super) mod presence;
pub(super) mod tokens;

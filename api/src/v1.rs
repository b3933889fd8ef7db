//! `/api/v1`: one file a resource.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod audit;
mod device;
pub(crate) mod enrolments;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod items;
pub(crate) mod labels;
pub(crate) mod logs;
pub(crate) mod members;
pub(crate) mod operators;
pub(crate) mod presence;
pub(crate) mod proofs;
pub(crate) mod summary;
pub(crate) mod verify;

use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
    total: u64,
}

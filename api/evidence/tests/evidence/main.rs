//! What the crate promises, tried through its public door.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, wherever in it that is"
)]

mod forge;
mod whole;

mod batch;
mod link;
mod record;

mod answers;
mod attributes;
mod certificates;
mod contents;
mod envelope;
mod mutations;

mod beside;
mod bundle;
mod evidence_record;
mod log;

mod own_authority;

mod scandale;

#[cfg(feature = "client")]
mod client;
mod interop;
mod openssl;

//! What packets become, through the public door.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod cable;
mod files;
mod flows;
mod hostile;
mod links;
mod logs;
mod said;

//! Alerts: what speaks against a host, added up until a person should look.

mod alerts;
mod file;
mod settings;
mod state;
mod told;

pub use alerts::{Alerts, Refused, Snapshot, Unrestorable};
pub use settings::Accumulation;
pub use state::AlertState;
pub use told::{Alert, AlertChange, Change, Step};

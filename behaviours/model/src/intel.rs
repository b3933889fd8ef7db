//! Threat intelligence: who is known to be bad, who is known to be good, and lists of both.
//!
//! Lists come as plain text, CSV, MISP events, STIX bundles and MISP warninglists. What cannot be
//! read is reported, by its line or name, with what would have been right; the rest is taken.
//! Allowlists and warninglists win over every indicator.

mod csv;
mod found;
mod good;
#[cfg(test)]
mod hostile;
mod indicator;
mod intelligence;
mod loaded;
#[cfg(test)]
mod lookups;
mod misp;
mod networks;
mod pattern;
mod plain;
mod stix;

pub use found::{Counts, Format, Known, Match, Spot};
pub use good::Good;
pub use indicator::{Indicator, Unreadable, What};
pub use intelligence::Intelligence;
pub use loaded::{Defaults, Loaded, Wrong};

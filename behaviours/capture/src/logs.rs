//! Conversations that other programs wrote down: Zeek, Suricata and Argus, read and written.
//!
//! A [`Reader`] finds out from the content which of them it has: Zeek's `conn.log` with tabs, as
//! CSV or as JSON, Suricata's EVE, or what Argus' `ra` prints. It reads line by line, holds at most
//! [`LONGEST`] bytes of a line, and tells of each line that it cannot read by number.

mod argus;
mod columns;
mod eve;
mod flags;
mod line;
mod reader;
mod record;
mod table;
mod when;
mod write;
mod zeek;

pub use line::LONGEST;
pub use reader::Reader;
pub use record::{Fault, Label, LogError, Record};
pub use write::{Alert, EveWriter, TableWriter};

//! Letters: messages that are kept on disk until they are delivered, and kept there until they are
//! dealt with.
//!
//! Whoever [posts](crate::Context::post) one puts it into the queue [`POST`]; what sends it on,
//! repeats it, and takes it in at the other end are behaviours like others.

use std::borrow::Cow;

use crate::Slot;

/// The queue of letters that are not delivered yet.
pub const POST: &str = "post";

/// The queue of letters that came and were not dealt with yet.
pub const INBOX: &str = "inbox";

/// The slot that makes a letter of a message: what it is told apart by, among those of its sender.
pub const LETTER: Slot = Slot::Other(Cow::Borrowed("letter"));

//! The first bytes of a conversation, and what they say.

use crate::Metadata;

/// What is read of a conversation while it starts.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) metadata: Option<Box<Metadata>>,
}

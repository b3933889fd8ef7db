//! What is said of letters: messages that are kept until they are delivered.

use serde::{Deserialize, Serialize};

use crate::Content;

/// Says which letters the sender of this has on its disk now; who sent them may forget them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delivered(pub Vec<String>);

impl Content for Delivered {
    const ONTOLOGY: &'static str = "vedette:delivered";
}

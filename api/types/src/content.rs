//! What may stand in a message: a type with a vocabulary.

use serde::{Serialize, de::DeserializeOwned};

/// A type that can be the content of a message.
pub trait Content: Serialize + DeserializeOwned {
    /// The vocabulary it belongs to: the FIPA slot `ontology`.
    const ONTOLOGY: &'static str;
}

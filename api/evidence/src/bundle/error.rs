//! Why a bundle does not show what it should.

use crate::ers::EvidenceRecordError;
use crate::link::LinkError;
use crate::record::RecordError;
use crate::token::TokenError;

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not an archive, or a broken one.
    #[error("not a readable zip archive")]
    Archive(#[source] zip::result::ZipError),
    /// More than is read.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The bundle, or an entry in it.
        what: String,
        /// How much is read at most.
        limit: usize,
    },
    /// An archive of another kind.
    #[error("not a bundle: its first entry is not the `mimetype` of ASiC-S, uncompressed")]
    Mimetype,
    /// Two entries of one name, or entries that share bytes.
    #[error("entries of the archive have the same name or overlap")]
    Ambiguous,
    /// An entry that does not belong there.
    #[error("entry `{0}` does not belong in a bundle")]
    Unexpected(String),
    /// An entry that is not there.
    #[error("entry `{0}` is missing")]
    Missing(&'static str),
    /// The item is not a record.
    #[error("`item.json` is not a record")]
    Record(#[source] RecordError),
    /// The item is not in canonical form.
    #[error("`item.json` is not in canonical form (RFC 8785)")]
    NotCanonical,
    /// The item is another than the one that was stamped.
    #[error("`item.json` is not what was stamped")]
    OtherItem,
    /// `proof.json` is not of the form that it should have.
    #[error("cannot read `proof.json`")]
    ProofSyntax(#[source] serde_json::Error),
    /// `proof.json` does not hold.
    #[error("`{field}` in `proof.json` does not fit the rest")]
    Proof {
        /// Which field.
        field: &'static str,
    },
    /// `root.tsr` is not an answer of an authority.
    #[error("cannot read `root.tsr`")]
    Answer(#[source] der::Error),
    /// `root.tsr` and the evidence record have different tokens.
    #[error("`root.tsr` is another token than the evidence record's")]
    OtherToken,
    /// `proof.json` and the evidence record have different paths.
    #[error("the path in `proof.json` is another than the evidence record's")]
    OtherPath,
    /// The evidence record does not hold.
    #[error("the evidence does not hold")]
    Evidence(#[from] EvidenceRecordError),
    /// The token does not hold.
    #[error("the token does not hold")]
    Token(#[source] TokenError),
    /// The record's signature does not hold.
    #[error("the record does not hold")]
    Link(#[source] LinkError),
    /// The record is not in the log where it is said to be, or the log was not stamped with it.
    #[error("the log does not hold: {0}")]
    Log(&'static str),
    /// What is said to have been before the record does not hold.
    #[error("the lower bound does not hold: {0}")]
    After(&'static str),
    /// The token of the lower bound does not hold.
    #[error("the token of the lower bound does not hold")]
    AfterToken(#[source] TokenError),
    /// Something does not encode.
    #[error("cannot encode the evidence")]
    Encoding(#[source] der::Error),
}

impl BundleError {
    /// A word for programs; that of the token where the token is what is wrong.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archive(_)
            | Self::TooLarge { .. }
            | Self::Mimetype
            | Self::Ambiguous
            | Self::Unexpected(_)
            | Self::Missing(_) => "archive",
            Self::Record(_) => "record",
            Self::NotCanonical => "canonical",
            Self::OtherItem => "item",
            Self::ProofSyntax(_) | Self::Proof { .. } => "proof",
            Self::Answer(_) => "answer",
            Self::OtherToken => "other-token",
            Self::OtherPath => "path",
            Self::Evidence(error) => error.code(),
            Self::Token(error) | Self::AfterToken(error) => error.code(),
            Self::Link(_) => "signature",
            Self::Log(_) => "log",
            Self::After(_) => "after",
            Self::Encoding(_) => "encoding",
        }
    }
}

//! The ASN.1 of RFC 3161: what a request and a token look like on the wire.
//!
//! Our own types, since those of `x509-tsp` refuse times with a fraction of a second.

pub mod ess;
pub mod oid;

use der::Sequence;
use der::asn1::{BitString, Int, ObjectIdentifier, OctetString};
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::gen_time::GenTime;

/// What is stamped: a digest and how it was made (section 2.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct MessageImprint {
    /// The hash function.
    pub hash_algorithm: AlgorithmIdentifierOwned,
    /// The digest.
    pub hashed_message: OctetString,
}

/// A request for a token (section 2.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TimeStampReq {
    /// 1.
    pub version: u8,
    /// What to stamp.
    pub message_imprint: MessageImprint,
    /// Under which policy, if it matters.
    #[asn1(optional = "true")]
    pub req_policy: Option<ObjectIdentifier>,
    /// A number that the answer repeats.
    #[asn1(optional = "true")]
    pub nonce: Option<Int>,
    /// Whether the token is to carry the certificates.
    #[asn1(default = "Default::default")]
    pub cert_req: bool,
    /// Further wishes.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub extensions: Option<Extensions>,
}

/// What a token says (section 2.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TstInfo {
    /// 1.
    pub version: u8,
    /// Under which policy the token was made.
    pub policy: ObjectIdentifier,
    /// What was stamped.
    pub message_imprint: MessageImprint,
    /// The token's number, unique for its authority.
    pub serial_number: Int,
    /// When.
    pub gen_time: GenTime,
    /// How far off the time can be.
    #[asn1(optional = "true")]
    pub accuracy: Option<Accuracy>,
    /// Whether tokens of this authority can be ordered by their times alone.
    #[asn1(default = "Default::default")]
    pub ordering: bool,
    /// The number from the request.
    #[asn1(optional = "true")]
    pub nonce: Option<Int>,
    /// Who the authority says it is.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub tsa: Option<GeneralName>,
    /// Further statements.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub extensions: Option<Extensions>,
}

/// How far a time can be off, either way (section 2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct Accuracy {
    /// Whole seconds.
    #[asn1(optional = "true")]
    pub seconds: Option<u64>,
    /// Milliseconds, 1 to 999.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub millis: Option<u16>,
    /// Microseconds, 1 to 999.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub micros: Option<u16>,
}

impl Accuracy {
    /// All of it in microseconds.
    pub fn as_micros(&self) -> u64 {
        let seconds = self.seconds.unwrap_or(0).saturating_mul(1_000_000);
        let millis = u64::from(self.millis.unwrap_or(0)) * 1000;
        seconds.saturating_add(millis + u64::from(self.micros.unwrap_or(0)))
    }

    /// Whether the parts are within their ranges.
    pub fn is_in_range(&self) -> bool {
        let fits = |part: Option<u16>| part.is_none_or(|part| (1..=999).contains(&part));
        fits(self.millis) && fits(self.micros)
    }
}

/// Whether a request was granted, and if not, why (section 2.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PkiStatusInfo {
    /// 0 granted, 1 granted with changes, 2 and more: no token.
    pub status: u8,
    /// The reason in words.
    #[asn1(optional = "true")]
    pub status_string: Option<Vec<String>>,
    /// The reason as bits.
    #[asn1(optional = "true")]
    pub fail_info: Option<BitString>,
}

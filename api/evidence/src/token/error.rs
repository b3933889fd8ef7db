//! Why a token, or the answer that carries it, is not believed: one variant for each check.

use der::asn1::ObjectIdentifier;

use crate::digest::HashAlgorithm;
use crate::response::MAX_RESPONSE;

/// Why a token is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The answer or the token is too long to be looked at.
    #[error("{size} bytes; at most {MAX_RESPONSE} are read")]
    TooLarge {
        /// How many bytes there are.
        size: usize,
    },
    /// Something in it is not DER, nor BER.
    #[error("cannot read {what}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// What is wrong there.
        source: der::Error,
    },
    /// It is DER, but not of the shape that RFC 5652 and RFC 3161 say.
    #[error("{0}")]
    Shape(&'static str),
    /// The authority refused.
    #[error("the authority refused: {}", in_words(*.status, .fail_info, .text))]
    Refused {
        /// `PKIStatus`, 2 and more.
        status: u8,
        /// The names of the reasons.
        fail_info: Vec<&'static str>,
        /// The reason in the authority's words.
        text: String,
    },
    /// The authority granted the request and sent no token.
    #[error("granted, but there is no token")]
    NoToken,
    /// It is another kind of message.
    #[error("the content is `{found}`, not {expected}")]
    ContentType {
        /// What it is.
        found: ObjectIdentifier,
        /// What it should be.
        expected: &'static str,
    },
    /// A version that is not defined.
    #[error("unknown version of {0}")]
    Version(&'static str),
    /// Not one signer.
    #[error("a token has one signer, not {found}")]
    SignerCount {
        /// How many there are.
        found: usize,
    },
    /// A hash function that is not accepted.
    #[error("hash function `{0}` is not accepted; SHA-256, SHA-384 and SHA-512 are")]
    Hash(ObjectIdentifier),
    /// The token is for something else.
    #[error("the token is for other data")]
    Imprint,
    /// The answer is to another request.
    #[error("the nonce is not the one that was sent")]
    Nonce,
    /// A policy that was not asked for, or is not one of the authority's.
    #[error("policy `{0}` is not accepted")]
    Policy(ObjectIdentifier),
    /// A critical extension that is not known.
    #[error("critical extension `{0}` is not understood")]
    Extension(ObjectIdentifier),
    /// Milliseconds or microseconds of the accuracy outside 1 to 999.
    #[error("the accuracy is out of range")]
    Accuracy,
    /// A serial number of more than 160 bits.
    #[error("the serial number is longer than 160 bits")]
    Serial,
    /// Something is wrong with a signed attribute.
    #[error("signed attribute {name}: {problem}")]
    Attribute {
        /// Which attribute.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody has the signer's certificate.
    #[error("the signer's certificate is neither in the token nor configured")]
    SignerMissing,
    /// The signature is bound to another certificate.
    #[error("the signature is bound to another certificate than the signer's")]
    SigningCertificate,
    /// An algorithm that is not accepted for this key.
    #[error("signature algorithm `{signature}` with {digest:?} is not accepted for this key")]
    Algorithm {
        /// The signature algorithm.
        signature: ObjectIdentifier,
        /// The hash function.
        digest: HashAlgorithm,
    },
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The certificate is not one that may sign time stamps.
    #[error("the signer's certificate: {0}")]
    Profile(&'static str),
    /// The certificate does not lead to an anchor of this authority.
    #[error("the certificate does not lead to an anchor of `{authority}`")]
    Chain {
        /// The authority.
        authority: String,
        /// What is wrong.
        source: webpki::Error,
    },
    /// The anchor was not valid at the time in the token.
    #[error("the anchor `{anchor}` was not valid at {gen_time}")]
    AnchorValidity {
        /// The anchor's name.
        anchor: String,
        /// The time in the token.
        gen_time: String,
    },
    /// The token names somebody else than its signer.
    #[error("the token names another authority than the one that signed it")]
    TsaName,
    /// The time of a fresh answer is far from ours.
    #[error("the authority's time {gen_time} is {off_by_s} s off ours")]
    Time {
        /// The time in the token.
        gen_time: String,
        /// The difference in seconds.
        off_by_s: u64,
    },
    /// There is no authority to check against.
    #[error("no authority is trusted")]
    NoAuthority,
}

impl TokenError {
    /// A word for programs; one for each step of the check.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "size",
            Self::Malformed { .. } | Self::Shape(_) => "malformed",
            Self::Refused { .. } => "refused",
            Self::NoToken => "no-token",
            Self::ContentType { .. } => "content-type",
            Self::Version(_) => "version",
            Self::SignerCount { .. } => "signer-count",
            Self::Hash(_) => "hash",
            Self::Imprint => "imprint",
            Self::Nonce => "nonce",
            Self::Policy(_) => "policy",
            Self::Extension(_) => "extension",
            Self::Accuracy => "accuracy",
            Self::Serial => "serial",
            Self::Attribute { .. } => "attribute",
            Self::SignerMissing => "signer-missing",
            Self::SigningCertificate => "signing-certificate",
            Self::Algorithm { .. } => "algorithm",
            Self::Signature => "signature",
            Self::Profile(_) => "profile",
            Self::Chain { .. } => "chain",
            Self::AnchorValidity { .. } => "anchor-validity",
            Self::TsaName => "tsa-name",
            Self::Time { .. } => "time",
            Self::NoAuthority => "no-authority",
        }
    }

    /// Whether another authority could still accept the same token.
    pub(crate) fn is_about_the_authority(&self) -> bool {
        matches!(
            self,
            Self::Policy(_)
                | Self::SignerMissing
                | Self::SigningCertificate
                | Self::Chain { .. }
                | Self::AnchorValidity { .. }
        )
    }

    pub(crate) fn malformed(what: &'static str) -> impl Fn(der::Error) -> Self {
        move |source| Self::Malformed { what, source }
    }
}

/// Whatever an authority says of a refusal: some send words, some bits, some neither.
fn in_words(status: u8, fail_info: &[&str], text: &str) -> String {
    let bits = fail_info.join(", ");
    match (text, bits.as_str()) {
        ("", "") => format!("status {status}"),
        ("", reason) | (reason, "") => reason.to_owned(),
        (text, bits) => format!("{text} ({bits})"),
    }
}

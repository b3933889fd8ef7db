//! A request for a time stamp (RFC 3161 section 2.4.1).

use der::Encode;
use der::asn1::{Int, ObjectIdentifier, OctetString};

use crate::digest::{Digest, HashAlgorithm};
use crate::random;
use crate::wire::{MessageImprint, TimeStampReq};

/// A request over one digest, with a nonce of its own; its answer is judged by [`crate::accept`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    message: TimeStampReq,
    der: Vec<u8>,
}

impl Request {
    /// Asks for this digest, with a random nonce of 128 bits, and for the certificates in the token.
    pub fn new(digest: &Digest) -> Self {
        Self::build(HashAlgorithm::Sha256, digest, None)
    }

    /// The same for a digest by another hash function, of that function's length.
    pub fn over(hash: HashAlgorithm, digest: &[u8]) -> Self {
        Self::build(hash, digest, None)
    }

    /// The same, under this policy and no other.
    pub fn under_policy(hash: HashAlgorithm, digest: &[u8], policy: ObjectIdentifier) -> Self {
        Self::build(hash, digest, Some(policy))
    }

    /// What is sent: `application/timestamp-query`.
    pub fn to_der(&self) -> Vec<u8> {
        self.der.clone()
    }

    pub(crate) fn nonce(&self) -> Option<&Int> {
        self.message.nonce.as_ref()
    }

    pub(crate) fn policy(&self) -> Option<ObjectIdentifier> {
        self.message.req_policy
    }

    pub(crate) fn hash(&self) -> HashAlgorithm {
        let oid = self.message.message_imprint.hash_algorithm.oid;
        HashAlgorithm::from_oid(oid).unwrap_or(HashAlgorithm::Sha256)
    }

    pub(crate) fn imprint(&self) -> &[u8] {
        self.message.message_imprint.hashed_message.as_bytes()
    }

    #[expect(clippy::expect_used, reason = "a few short fields of fixed size always encode")]
    fn build(hash: HashAlgorithm, digest: &[u8], policy: Option<ObjectIdentifier>) -> Self {
        let message = TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: hash.identifier(),
                hashed_message: OctetString::new(digest).expect("a few bytes"),
            },
            req_policy: policy,
            nonce: Some(Int::new(&random::positive::<16>()).expect("16 bytes")),
            cert_req: true,
            extensions: None,
        };
        let der = message.to_der().expect("a request");
        Self { message, der }
    }
}

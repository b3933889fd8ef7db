//! Evidence records (RFC 4998): the standard form of a path to a time-stamped root.

use der::asn1::{OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::digest::{Digest, HashAlgorithm};
use crate::token::{Token, TokenError};
use crate::trust::Authority;
use crate::verify::{Verified, verify_imprint};

/// Why an evidence record does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceRecordError {
    /// It cannot be read.
    #[error("cannot read the evidence record")]
    Malformed(#[from] der::Error),
    /// A version that is not defined.
    #[error("unknown version {0} of an evidence record")]
    Version(u8),
    /// There is no time stamp in it.
    #[error("there is no time stamp in the evidence record")]
    Empty,
    /// A hash function that is not accepted, or not the same one within a chain.
    #[error("a time stamp of the evidence record uses another hash function than its chain")]
    Hash,
    /// The data is not under a time stamp.
    #[error("the data is not under the root that time stamp {number} is for")]
    NotUnderRoot {
        /// Which time stamp, from 1.
        number: usize,
    },
    /// A time stamp is not believed.
    #[error("time stamp {number} of the evidence record is refused")]
    Token {
        /// Which time stamp, from 1.
        number: usize,
        /// Why.
        source: TokenError,
    },
    /// A later time stamp is earlier than the one that it renews.
    #[error("time stamp {number} is earlier than the one that it renews")]
    Order {
        /// Which time stamp, from 1.
        number: usize,
    },
}

impl EvidenceRecordError {
    /// A word for programs; that of the token when a token is what is wrong.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Version(_) => "evidence-record",
            Self::Empty => "no-token",
            Self::Hash => "hash",
            Self::NotUnderRoot { .. } => "path",
            Self::Token { source, .. } => source.code(),
            Self::Order { .. } => "order",
        }
    }
}

/// One time stamp over a reduced hash tree (RFC 4998 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct ArchiveTimeStamp {
    /// The hash function of the tree; that of the token when absent.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub digest_algorithm: Option<AlgorithmIdentifierOwned>,
    /// Not looked at.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub attributes: Option<SetOfVec<Any>>,
    /// The hash of the data first, then the siblings; absent when the token is for the data itself.
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub reduced_hashtree: Option<Vec<Vec<OctetString>>>,
    /// The token.
    pub time_stamp: Any,
}

/// What shows that data existed at a time (RFC 4998 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EvidenceRecord {
    /// 1.
    pub version: u8,
    /// The hash functions in it.
    pub digest_algorithms: Vec<AlgorithmIdentifierOwned>,
    /// Not looked at.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub crypto_infos: Option<Vec<Any>>,
    /// Not looked at.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub encryption_info: Option<Vec<Any>>,
    /// Chains, one for each hash function that was in use; in each, the time stamps that renew
    /// each other, the oldest first.
    pub sequence: Vec<Vec<ArchiveTimeStamp>>,
}

impl EvidenceRecord {
    /// The record for one leaf of a batch whose root has this token (DER).
    pub fn new(leaf: &Digest, path: &[Digest], token: &[u8]) -> der::Result<Self> {
        let group = |digest: &Digest| Ok(vec![OctetString::new(digest.as_slice())?]);
        let groups: der::Result<Vec<_>> = std::iter::once(leaf).chain(path).map(group).collect();
        let hash = HashAlgorithm::Sha256.identifier();
        Ok(Self {
            version: 1,
            digest_algorithms: vec![hash.clone()],
            crypto_infos: None,
            encryption_info: None,
            sequence: vec![vec![ArchiveTimeStamp {
                digest_algorithm: Some(hash),
                attributes: None,
                reduced_hashtree: if path.is_empty() { None } else { Some(groups?) },
                time_stamp: Any::from_der(token)?,
            }]],
        })
    }

    /// Reads the DER of a record.
    pub fn parse(der: &[u8]) -> Result<Self, EvidenceRecordError> {
        let record = Self::from_der(der)?;
        if record.version != 1 {
            return Err(EvidenceRecordError::Version(record.version));
        }
        Ok(record)
    }

    /// The first time stamp, which says when the data existed.
    pub fn first(&self) -> Result<&ArchiveTimeStamp, EvidenceRecordError> {
        self.sequence.first().and_then(|chain| chain.first()).ok_or(EvidenceRecordError::Empty)
    }

    /// Checks that the record is for `data` and that every time stamp in it holds
    /// (RFC 4998 sections 4.3 and 5.3); who made each, and what it says, the oldest first.
    ///
    /// Each is judged at its own time and must not be earlier than the one that it renews. Whether
    /// that one's certificate was still valid then is not asked.
    pub fn verify<'a>(
        &self,
        data: &[u8],
        authorities: &'a [Authority],
    ) -> Result<Vec<(&'a Authority, Verified)>, EvidenceRecordError> {
        let mut found: Vec<(&Authority, Verified)> = Vec::new();
        for (place, chain) in self.sequence.iter().enumerate() {
            let first = chain.first().ok_or(EvidenceRecordError::Empty)?;
            let hash = first.hash(found.len() + 1)?;
            let mut value = self.value_of_chain(place, hash, data)?;
            for stamp in chain {
                let number = found.len() + 1;
                if stamp.hash(number)? != hash {
                    return Err(EvidenceRecordError::Hash);
                }
                let root = stamp
                    .root_over(&value, hash)
                    .ok_or(EvidenceRecordError::NotUnderRoot { number })?;
                let token = stamp.time_stamp.to_der()?;
                let verified = verify_imprint(&token, hash, &root, authorities)
                    .map_err(|source| EvidenceRecordError::Token { number, source })?;
                if found.last().is_some_and(|(_, last)| last.gen_time > verified.1.gen_time) {
                    return Err(EvidenceRecordError::Order { number });
                }
                found.push(verified);
                value = hash.digest(&token);
            }
        }
        if found.is_empty() {
            return Err(EvidenceRecordError::Empty);
        }
        Ok(found)
    }

    /// What the first time stamp of a chain is for: the data, and with it all chains before
    /// (RFC 4998 section 5.2, hash-tree renewal).
    fn value_of_chain(
        &self,
        place: usize,
        hash: HashAlgorithm,
        data: &[u8],
    ) -> der::Result<Vec<u8>> {
        let own = hash.digest(data);
        let before = self.sequence.get(..place).unwrap_or_default();
        if before.is_empty() {
            return Ok(own);
        }
        let before = hash.digest(&before.to_vec().to_der()?);
        Ok(hash.digest(&[own, before].concat()))
    }
}

impl ArchiveTimeStamp {
    /// The hash function of the tree; `number` is the place of this time stamp, for the error.
    fn hash(&self, number: usize) -> Result<HashAlgorithm, EvidenceRecordError> {
        let oid = if let Some(algorithm) = &self.digest_algorithm {
            algorithm.oid
        } else {
            let token = self.time_stamp.to_der()?;
            let token = Token::parse(&token)
                .map_err(|source| EvidenceRecordError::Token { number, source })?;
            token.info.message_imprint.hash_algorithm.oid
        };
        HashAlgorithm::from_oid(oid).ok_or(EvidenceRecordError::Hash)
    }

    /// The root of the reduced tree, which must have `value` in its first group
    /// (RFC 4998 section 4.3).
    fn root_over(&self, value: &[u8], hash: HashAlgorithm) -> Option<Vec<u8>> {
        let Some(groups) = &self.reduced_hashtree else {
            return Some(value.to_vec());
        };
        if !groups.first()?.iter().any(|member| member.as_bytes() == value) {
            return None;
        }
        // Digests alone: of members of any length, another division could have the same hash.
        let mut members = groups.iter().flatten();
        if members.any(|member| member.as_bytes().len() != hash.digest_len()) {
            return None;
        }
        let mut node: Option<Vec<u8>> = None;
        for group in groups {
            let mut members: Vec<&[u8]> = group.iter().map(OctetString::as_bytes).collect();
            members.extend(node.as_deref());
            members.sort_unstable();
            node = Some(match members[..] {
                [only] => only.to_vec(),
                _ => hash.digest(&members.concat()),
            });
        }
        node
    }
}

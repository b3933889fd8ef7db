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
        let hash = HashAlgorithm::Sha256;
        let path: Vec<Vec<u8>> = path.iter().map(|it| it.to_vec()).collect();
        Ok(Self {
            version: 1,
            digest_algorithms: vec![hash.identifier()],
            crypto_infos: None,
            encryption_info: None,
            sequence: vec![vec![ArchiveTimeStamp::new(hash, leaf, &path, token)?]],
        })
    }

    /// What a time stamp that renews the newest one is for: the hash of its token
    /// (RFC 4998 section 5.1), by the function of its chain.
    pub fn renewal_value(&self) -> Result<(HashAlgorithm, Vec<u8>), EvidenceRecordError> {
        let number = self.sequence.iter().map(Vec::len).sum();
        let newest = self.sequence.last().and_then(|it| it.last());
        let newest = newest.ok_or(EvidenceRecordError::Empty)?;
        let hash = newest.hash(number)?;
        Ok((hash, hash.digest(&newest.time_stamp.to_der()?)))
    }

    /// Adds a time stamp that renews the newest one: over [`renewal_value`](Self::renewal_value),
    /// by a path when it is for many.
    pub fn renew(&mut self, path: &[Vec<u8>], token: &[u8]) -> Result<(), EvidenceRecordError> {
        let (hash, value) = self.renewal_value()?;
        let stamp = ArchiveTimeStamp::new(hash, &value, path, token)?;
        self.sequence.last_mut().ok_or(EvidenceRecordError::Empty)?.push(stamp);
        Ok(())
    }

    /// What a time stamp that begins a chain by another hash function is for: the data, and all
    /// that shows when it existed so far (RFC 4998 section 5.2, hash-tree renewal).
    pub fn rehashed_value(
        &self,
        hash: HashAlgorithm,
        data: &[u8],
    ) -> Result<Vec<u8>, EvidenceRecordError> {
        Ok(self.value_of_chain(self.sequence.len(), hash, data)?)
    }

    /// Begins a chain by another hash function: over [`rehashed_value`](Self::rehashed_value), by a
    /// path when it is for many.
    pub fn rehash(
        &mut self,
        hash: HashAlgorithm,
        data: &[u8],
        path: &[Vec<u8>],
        token: &[u8],
    ) -> Result<(), EvidenceRecordError> {
        let value = self.rehashed_value(hash, data)?;
        let stamp = ArchiveTimeStamp::new(hash, &value, path, token)?;
        if self.digest_algorithms.iter().all(|it| it.oid != hash.oid()) {
            self.digest_algorithms.push(hash.identifier());
        }
        self.sequence.push(vec![stamp]);
        Ok(())
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
    fn new(hash: HashAlgorithm, value: &[u8], path: &[Vec<u8>], token: &[u8]) -> der::Result<Self> {
        let group = |digest: &[u8]| Ok(vec![OctetString::new(digest)?]);
        let siblings = path.iter().map(Vec::as_slice);
        let groups: der::Result<Vec<_>> =
            std::iter::once(value).chain(siblings).map(group).collect();
        Ok(Self {
            digest_algorithm: Some(hash.identifier()),
            attributes: None,
            reduced_hashtree: if path.is_empty() { None } else { Some(groups?) },
            time_stamp: Any::from_der(token)?,
        })
    }

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

/// A hash tree over values of any accepted hash function, built as
/// [`BatchTree`](crate::BatchTree) is.
#[derive(Clone, Debug)]
pub struct HashTree {
    levels: Vec<Vec<Vec<u8>>>,
}

impl HashTree {
    /// The tree over values, or nothing when there are none.
    pub fn new(hash: HashAlgorithm, values: Vec<Vec<u8>>) -> Option<Self> {
        let mut levels = Vec::new();
        let mut level = values;
        while level.len() > 1 {
            let parent = |children: &[Vec<u8>]| match children {
                [one, other] => {
                    let (first, second) = if one <= other { (one, other) } else { (other, one) };
                    hash.digest(&[first.as_slice(), second].concat())
                }
                carried => carried.concat(),
            };
            let parents = level.chunks(2).map(parent).collect();
            levels.push(std::mem::replace(&mut level, parents));
        }
        level.first()?;
        levels.push(level);
        Some(Self { levels })
    }

    /// What is stamped.
    pub fn root(&self) -> &[u8] {
        self.levels.last().and_then(|it| it.first()).map_or(&[], Vec::as_slice)
    }

    /// The siblings on the way from a value up to the root.
    pub fn path(&self, place: usize) -> Vec<Vec<u8>> {
        let siblings = self.levels.iter().enumerate();
        siblings.filter_map(|(height, level)| level.get((place >> height) ^ 1)).cloned().collect()
    }
}

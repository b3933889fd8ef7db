//! A record with all that shows when it existed, in one file: ASiC-S (EN 319 162-1).

mod archive;
mod error;
mod proof;
mod verdict;

pub use error::BundleError;
pub use verdict::Verdict;

use der::Encode;

use crate::batch::fold;
use crate::digest::{Digest, sha256};
use crate::ers::EvidenceRecord;
use crate::record::Record;
use crate::response;
use crate::token::{Token, in_der};
use crate::trust::{AnchorError, Authority};
use archive::Entries;
use proof::Proof;

/// A bundle that has been read, but not yet checked.
///
/// | entry | what |
/// |---|---|
/// | `mimetype` | `application/vnd.etsi.asic-s+zip`, first and uncompressed |
/// | `item.json` | the record, byte for byte |
/// | `META-INF/evidencerecord.ers` | the path and the token as an evidence record (RFC 4998) |
/// | `proof.json` | the same path for a reader without ASN.1, see below |
/// | `root.tsr` | the token as an answer, for `openssl ts -verify -digest ROOT -in root.tsr` |
/// | `authority.pem` | the authority's certificates, for `-CAfile`; believed by nobody |
///
/// `proof.json`, with digests in hexadecimal; a parent is SHA-256 of its two children, the smaller
/// one first (RFC 4998 section 4.2):
///
/// ```json
/// {
///   "hash": "sha256",
///   "leaf": "SHA-256 of item.json",
///   "path": ["sibling of the leaf", "sibling of its parent", "…"],
///   "root": "what the token in root.tsr is for",
///   "authority": "what the maker of the bundle calls the authority; shown, not checked",
///   "gen_time": "2026-03-01T12:00:00.123Z"
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    item: Vec<u8>,
    evidence: EvidenceRecord,
    proof: Proof,
    token: Vec<u8>,
    authority_pem: Vec<u8>,
}

impl Bundle {
    /// The file for a record (canonical bytes), its path to the root of its batch, and the token
    /// of this authority over that root.
    ///
    /// The parts are put together as they are: [`Bundle::verify`] says whether they fit.
    pub fn build(
        record: &[u8],
        path: &[Digest],
        token: &[u8],
        authority: &Authority,
    ) -> Result<Vec<u8>, BundleError> {
        let token = in_der(token);
        let leaf = sha256(record);
        let gen_time = Token::parse(&token).map_err(BundleError::Token)?.info.gen_time;
        let evidence = EvidenceRecord::new(&leaf, path, &token).and_then(|record| record.to_der());
        let proof = Proof {
            leaf,
            path: path.to_vec(),
            root: fold(&leaf, path),
            authority: authority.name().to_owned(),
            gen_time: gen_time.to_rfc3339(),
        };
        archive::write(&Entries {
            item: record.to_vec(),
            evidence: evidence.map_err(BundleError::Encoding)?,
            proof: proof.to_json()?,
            answer: response::granted(&token).map_err(BundleError::Encoding)?,
            authority_pem: authority.to_pem().into_bytes(),
        })
    }

    /// Reads a file from outside.
    pub fn read(file: &[u8]) -> Result<Self, BundleError> {
        let entries = archive::read(file)?;
        let (status, token) = response::split(&entries.answer).map_err(BundleError::Answer)?;
        response::check(&status).map_err(BundleError::Token)?;
        let token = token.ok_or(BundleError::Token(crate::TokenError::NoToken))?;
        Ok(Self {
            token: token.to_vec(),
            evidence: EvidenceRecord::parse(&entries.evidence)?,
            proof: Proof::from_json(&entries.proof)?,
            item: entries.item,
            authority_pem: entries.authority_pem,
        })
    }

    /// The record's bytes, as they are in the bundle.
    pub fn item(&self) -> &[u8] {
        &self.item
    }

    /// The token, in DER.
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// The authority that the bundle brings along.
    ///
    /// Whoever made the bundle chose it. A bundle that holds against this authority alone is
    /// consistent, and nothing more.
    pub fn embedded_authority(&self) -> Result<Authority, AnchorError> {
        Authority::from_bag(&self.proof.authority, &self.authority_pem).map(Authority::self_signed)
    }

    /// Whether the record existed at a time, as one of these authorities says.
    pub fn verify(&self, authorities: &[Authority]) -> Result<Verdict, BundleError> {
        self.check_record()?;
        self.check_consistency()?;
        let stamps = self.evidence.verify(&self.item, authorities)?;
        let renewals = stamps.len() - 1;
        let Some((authority, verified)) = stamps.into_iter().next() else {
            return Err(BundleError::Evidence(crate::ers::EvidenceRecordError::Empty));
        };
        if self.proof.gen_time != verified.gen_time.to_rfc3339() {
            return Err(BundleError::Proof { field: "gen_time" });
        }
        Ok(Verdict {
            record_sha256: hex::encode(self.proof.leaf),
            authority: authority.name().to_owned(),
            trust: authority.trust(),
            renewals,
            verified,
        })
    }

    fn check_record(&self) -> Result<(), BundleError> {
        let record = Record::parse(&self.item).map_err(BundleError::Record)?;
        if record.bytes() != self.item {
            return Err(BundleError::NotCanonical);
        }
        if record.digest() != self.proof.leaf {
            return Err(BundleError::OtherItem);
        }
        Ok(())
    }

    /// `proof.json`, `root.tsr` and the evidence record must say the same, so that nobody is told
    /// one thing by one tool and another by the next.
    fn check_consistency(&self) -> Result<(), BundleError> {
        let proof = &self.proof;
        if fold(&proof.leaf, &proof.path) != proof.root {
            return Err(BundleError::Proof { field: "path" });
        }
        let expected = EvidenceRecord::new(&proof.leaf, &proof.path, &self.token)
            .map_err(BundleError::Encoding)?;
        let (expected, found) = (expected.first()?, self.evidence.first()?);
        if found.time_stamp != expected.time_stamp {
            return Err(BundleError::OtherToken);
        }
        if found != expected {
            return Err(BundleError::OtherPath);
        }
        Ok(())
    }
}

//! A record with all that shows when it existed, in one file: ASiC-S (EN 319 162-1).

mod archive;
mod beside;
mod error;
mod proof;
mod verdict;

pub use error::BundleError;
pub use proof::{After, LogPlace};
pub use verdict::{Before, Place, Verdict, Word};

use der::Encode;

use crate::batch::fold;
use crate::digest::{Digest, sha256};
use crate::ers::EvidenceRecord;
use crate::link::Link;
use crate::record::Record;
use crate::response;
use crate::token::{Token, in_der};
use crate::trust::{AnchorError, Authority};
use archive::Entries;
use proof::{Also, Proof};

/// The word for a further token of an authority that has said so already.
const REPEATED: &str = "repeated";

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
///   "gen_time": "2026-03-01T12:00:00.123Z",
///   "also": [{"authority", "token": "a further token over the root, base64", "certificates": "PEM"}],
///   "log": {
///     "checkpoint": "the log of whoever had it stamped, as a signed note (C2SP tlog-checkpoint)",
///     "checkpoint_path": ["as path, from SHA-256 of the checkpoint to root"],
///     "index": 17,
///     "inclusion": ["from SHA-256 of item.json to the root of the log (RFC 6962)"]
///   },
///   "after": {
///     "checkpoint": "the one that item.json names in meta.after, by its SHA-256",
///     "path": ["from that to the root of its batch"],
///     "token": "over that root, base64", "authority": "its name", "certificates": "PEM"
///   }
/// }
/// ```
///
/// `also`, `log` and `after` are there where there is such a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    item: Vec<u8>,
    evidence: EvidenceRecord,
    proof: Proof,
    token: Vec<u8>,
    authority_pem: Vec<u8>,
}

/// What may stand beside the record and its token.
#[derive(Clone, Debug, Default)]
pub struct Beside<'a> {
    /// Further tokens over the same root, and whose they are.
    pub also: Vec<(&'a [u8], &'a Authority)>,
    /// The place of the record in a log.
    pub log: Option<LogPlace>,
    /// The checkpoint that the record names.
    pub after: Option<After>,
    /// The evidence record with its renewals, where there are any.
    pub evidence: Option<EvidenceRecord>,
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
        Self::build_with(record, path, token, authority, Beside::default())
    }

    /// The same, with more beside it.
    pub fn build_with(
        record: &[u8],
        path: &[Digest],
        token: &[u8],
        authority: &Authority,
        beside: Beside<'_>,
    ) -> Result<Vec<u8>, BundleError> {
        let Beside { also, log, after, evidence } = beside;
        let token = in_der(token);
        let leaf = sha256(record);
        let gen_time = Token::parse(&token).map_err(BundleError::Token)?.info.gen_time;
        let evidence = match evidence {
            Some(evidence) => evidence.to_der(),
            None => EvidenceRecord::new(&leaf, path, &token).and_then(|record| record.to_der()),
        };
        let also = also.into_iter().map(|(token, authority)| Also {
            authority: authority.name().to_owned(),
            token: token.to_vec(),
            certificates: authority.to_pem(),
        });
        let proof = Proof {
            leaf,
            path: path.to_vec(),
            root: fold(&leaf, path),
            authority: authority.name().to_owned(),
            gen_time: gen_time.to_rfc3339(),
            also: also.collect(),
            log,
            after,
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

    /// The authorities that the bundle brings along, that of the lower bound among them; see
    /// [`embedded_authority`](Self::embedded_authority).
    pub fn embedded_authorities(&self) -> Result<Vec<Authority>, AnchorError> {
        let mut all = vec![self.embedded_authority()?];
        let also = self.proof.also.iter().map(|it| (&it.authority, &it.certificates));
        let after = self.proof.after.iter().map(|it| (&it.authority.0, &it.authority.1));
        for (name, certificates) in also.chain(after) {
            if all.iter().all(|it| it.name() != name) {
                all.push(Authority::from_bag(name, certificates.as_bytes())?.self_signed());
            }
        }
        Ok(all)
    }

    /// Whether the record existed at a time, as one of these authorities says.
    pub fn verify(&self, authorities: &[Authority]) -> Result<Verdict, BundleError> {
        let record = self.check_record()?;
        let link = Link::read(&record).map_err(BundleError::Link)?;
        self.check_consistency()?;
        let stamps = self.evidence.verify(&self.item, authorities)?;
        let renewals = stamps.len() - 1;
        let Some((authority, verified)) = stamps.into_iter().next() else {
            return Err(BundleError::Evidence(crate::ers::EvidenceRecordError::Empty));
        };
        if self.proof.gen_time != verified.gen_time.to_rfc3339() {
            return Err(BundleError::Proof { field: "gen_time" });
        }
        let (also, not_counted) = self.also(authority, authorities);
        let log = self.proof.log.as_ref().map(|it| beside::place(it, &self.proof)).transpose()?;
        let after = self.proof.after.as_ref();
        let after = after.map(|it| beside::before(it, &link, authorities)).transpose()?;
        if after.as_ref().is_some_and(|it| it.word.verified.gen_time > verified.gen_time) {
            return Err(BundleError::After("it was stamped after the record"));
        }
        Ok(Verdict {
            also,
            not_counted,
            log,
            after,
            seq: link.seq,
            signed_by: link.key.map(hex::encode),
            record_sha256: hex::encode(self.proof.leaf),
            authority: authority.name().to_owned(),
            trust: authority.trust(),
            renewals,
            verified,
        })
    }

    /// What further authorities say, each once; and why other tokens do not count.
    fn also(&self, first: &Authority, authorities: &[Authority]) -> (Vec<Word>, Vec<&'static str>) {
        let (mut words, mut others) = (Vec::<Word>::new(), Vec::new());
        for Also { token, .. } in &self.proof.also {
            match beside::word(token, &self.proof.root, authorities) {
                Ok(word) => {
                    let is_known = words.iter().any(|it| it.authority == word.authority);
                    if is_known || word.authority == first.name() {
                        others.push(REPEATED);
                    } else {
                        words.push(word);
                    }
                }
                Err(error) => others.push(error.code()),
            }
        }
        (words, others)
    }

    fn check_record(&self) -> Result<Record, BundleError> {
        let record = Record::parse(&self.item).map_err(BundleError::Record)?;
        if record.bytes() != self.item {
            return Err(BundleError::NotCanonical);
        }
        if record.digest() != self.proof.leaf {
            return Err(BundleError::OtherItem);
        }
        Ok(record)
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

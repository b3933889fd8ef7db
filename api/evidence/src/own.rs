//! An authority of our own, for development and for networks without a way out.
//!
//! Its time stamps show order and integrity to whoever believes this machine's clock and key, and
//! are marked [`Trust::SelfSigned`](crate::Trust) wherever they are shown.

mod answer;
mod certificate;
mod error;
mod folder;
mod key;

use std::path::Path;
use std::time::Duration;

use x509_cert::Certificate;

pub use error::OwnAuthorityError;
pub use folder::Files;

use crate::clock::system_time;
use crate::response::{self, FailInfo};
use crate::trust::Authority;
use key::Key;

/// The name under which [`OwnAuthority::authority`] is listed.
const NAME: &str = "own";

/// A rejection without a reason, for when not even a reason can be encoded.
const BARE_REJECTION: [u8; 7] = [0x30, 5, 0x30, 3, 2, 1, 2];

/// A time-stamping authority with a key of its own: P-256 and SHA-256, which most verifiers know.
#[derive(Debug)]
pub struct OwnAuthority {
    key: Key,
    certificate: Certificate,
    anchor: Certificate,
    authority: Authority,
    anchor_pem: String,
    clock: fn() -> Duration,
}

impl OwnAuthority {
    /// A new authority, and the files that [`OwnAuthority::open`] would keep.
    ///
    /// The key of the anchor signs one certificate and is forgotten.
    pub fn create() -> Result<(Self, Files), OwnAuthorityError> {
        let issued = certificate::issue(system_time())?;
        let files = Files::of(&issued)?;
        Ok((Self::from_files(&files)?, files))
    }

    /// The authority in this folder; a new one when there is none.
    ///
    /// A folder that is not in order is refused, never repaired: a lost key cannot be made again,
    /// and a new anchor would make every earlier token worthless without a word.
    pub fn open(folder: &Path) -> Result<Self, OwnAuthorityError> {
        folder::open(folder)
    }

    /// An authority from its files.
    pub fn from_files(files: &Files) -> Result<Self, OwnAuthorityError> {
        let issued = files.parse()?;
        let authority = Authority::from_pem(NAME, files.anchor_pem.as_bytes())
            .map_err(OwnAuthorityError::Anchor)?
            .self_signed();
        let own = Self {
            key: issued.key,
            certificate: issued.certificate,
            anchor: issued.anchor,
            authority,
            anchor_pem: files.anchor_pem.clone(),
            clock: system_time,
        };
        own.check()?;
        Ok(own)
    }

    /// The same with another clock, which tells the time since 1970 UTC.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Duration) -> Self {
        self.clock = clock;
        self
    }

    /// Answers a request (`TimeStampReq` in DER) with a `TimeStampResp`.
    ///
    /// Never fails: what cannot be granted is rejected with a reason (RFC 3161 section 2.4.2).
    pub fn respond(&self, request: &[u8]) -> Vec<u8> {
        let answer = match self.grant(request, (self.clock)()) {
            Ok(token) => response::granted(&token),
            Err(rejection) => response::rejected(rejection.fail_info, &rejection.text),
        };
        answer.unwrap_or_else(|_| BARE_REJECTION.to_vec())
    }

    /// The certificate to which its tokens lead.
    pub fn anchor_pem(&self) -> &str {
        &self.anchor_pem
    }

    /// Itself as an authority to check tokens against.
    pub fn authority(&self) -> Authority {
        self.authority.clone()
    }

    /// Makes a token and judges it, so that whatever does not fit together shows now.
    fn check(&self) -> Result<(), OwnAuthorityError> {
        let digest = crate::sha256(b"does this authority work?");
        let token = self
            .grant(&crate::Request::new(&digest).to_der(), self.middle_of_validity())
            .map_err(|rejection| OwnAuthorityError::Inconsistent(rejection.text))?;
        crate::verify(&token, &digest, &self.authority)
            .map(drop)
            .map_err(OwnAuthorityError::Unverifiable)
    }
}

/// Why a request is not granted.
#[derive(Debug)]
struct Rejection {
    fail_info: FailInfo,
    text: String,
}

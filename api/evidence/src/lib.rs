//! What shows that a result existed at a time, and how anybody can check it.
//!
//! A [`Record`] is the canonical form of one item. Many records become the leaves of a
//! [`BatchTree`]; one authority time-stamps its root (RFC 3161). An item, its path to the root and
//! the token are a [`Bundle`], which is checked offline with nothing but the authority's
//! certificate.
//!
//! The order in which to read: [`Record`], [`BatchTree`], [`Request`] and [`accept`], [`verify`],
//! [`OwnAuthority`], [`Bundle`].
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use evidence::{BatchTree, Bundle, OwnAuthority, Record, Request, accept};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let record = Record::parse(br#"{"meta": {"type": "check"}, "payload": {"raw": "b2s="}}"#)?;
//! let tree = BatchTree::new(vec![record.digest()]).ok_or("an empty batch")?;
//!
//! let (tsa, _files) = OwnAuthority::create()?;
//! let authority = tsa.authority();
//! let request = Request::new(&tree.root());
//! let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
//! let response = tsa.respond(&request.to_der());
//! let (token, _) = accept(&response, &request, &authority, now, Duration::from_secs(300))?;
//!
//! let file = Bundle::build(record.bytes(), &tree.path(0), &token, &authority)?;
//! let verdict = Bundle::read(&file)?.verify(&[authority])?;
//! assert_eq!(verdict.record_sha256, record.digest_hex());
//! # Ok(())
//! # }
//! ```

mod digest;
mod link;
mod record;

mod batch;

mod trust;

mod request;
mod response;
mod token;
mod verify;

mod own;

#[cfg(feature = "client")]
pub mod client;

pub mod ers;

pub mod log;

mod bundle;

mod ber;
mod clock;
mod gen_time;
mod random;
mod tlv;
pub mod wire;

pub use batch::{BatchTree, fold};
pub use bundle::{After, Before, Beside, Bundle, BundleError, LogPlace, Place, Verdict, Word};
pub use digest::{Digest, HashAlgorithm, sha256};
pub use gen_time::GenTime;
pub use link::{Link, LinkError};
pub use own::{Files, OwnAuthority, OwnAuthorityError};
pub use record::{Record, RecordError};
pub use request::Request;
pub use response::MAX_RESPONSE;
pub use token::TokenError;
pub use trust::{AnchorError, Authority, Trust};
pub use verify::{Verified, accept, valid_until, verify, verify_any, verify_data};

//! Why there is no authority of our own.

use std::io;
use std::path::PathBuf;

use crate::token::TokenError;
use crate::trust::AnchorError;

/// Why an own authority cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnAuthorityError {
    /// A file cannot be read or written.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Others may read the key.
    #[error("others may read `{}` (mode {mode:04o}); it must be 0600", .path.display())]
    Exposed {
        /// The file with the key.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The anchor is there, the key is not.
    #[error(
        "`{}` is missing while `{}` is there; bring the key back, or move the folder away \
         and keep the anchor, since it is what earlier tokens are checked against",
        .missing.display(), .present.display()
    )]
    KeyMissing {
        /// The file with the key.
        missing: PathBuf,
        /// The file with the anchor.
        present: PathBuf,
    },
    /// The anchor is another than the key's.
    #[error("`{}` is not the anchor in `{}`", .anchor.display(), .secret.display())]
    OtherAnchor {
        /// The file with the anchor.
        anchor: PathBuf,
        /// The file with the key.
        secret: PathBuf,
    },
    /// A file is broken.
    #[error("`{}` is broken", .path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<OwnAuthorityError>,
    },
    /// A part is missing or cannot be read.
    #[error("no usable {0}; expected a private key and two certificates in PEM")]
    Part(&'static str),
    /// The anchor cannot be used.
    #[error("the anchor cannot be used")]
    Anchor(#[source] AnchorError),
    /// Key and certificates do not fit.
    #[error("cannot make a token: {0}")]
    Inconsistent(String),
    /// Key and certificates do not fit.
    #[error("key and certificates do not belong together")]
    Unverifiable(#[source] TokenError),
    /// The cryptographic library refused.
    #[error("cannot make a key or sign with it")]
    Crypto(#[source] aws_lc_rs::error::Unspecified),
    /// Something does not encode.
    #[error("cannot encode a certificate")]
    Encoding(#[from] der::Error),
}

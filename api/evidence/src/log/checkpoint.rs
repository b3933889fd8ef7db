//! What a log was at a moment, in one short text that a key signs: C2SP's tlog-checkpoint, as a
//! signed note.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::digest::{Digest, sha256};

/// The longest note that is read, in bytes.
const NOTE: usize = 4096;
/// The longest name of a log, in bytes.
const ORIGIN: usize = 512;
/// What stands before a signature.
const SIGNATURE: &str = "\u{2014} ";
/// The kind of a key that is Ed25519 in a signed note.
const KIND: u8 = 1;

/// A log's name, length and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: the account of the agent that keeps it.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of its tree.
    pub root: Digest,
}

/// A checkpoint with the text that was signed, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note, byte for byte.
    pub note: String,
}

/// Why a text is no checkpoint, or is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is not of the form.
    #[error("not a checkpoint of a log: {0}")]
    Malformed(&'static str),
    /// It has no signature by the key.
    #[error("the checkpoint is not signed by the key of its log")]
    Signature,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", BASE64_STANDARD.encode(root))
    }

    /// The note, signed: `sign` makes an Ed25519 signature with the private half of `key`.
    pub fn sign(self, key: &[u8; 32], sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Signed {
        let text = self.text();
        let signature = sign(text.as_bytes());
        let signature = [&hint(&self.origin, key)[..], &signature].concat();
        let signature = BASE64_STANDARD.encode(signature);
        let note = format!("{text}\n{SIGNATURE}{} {signature}\n", self.origin);
        Signed { checkpoint: self, note }
    }

    /// The note without a signature, of a log whose keeper has no key.
    pub fn unsigned(self) -> Signed {
        Signed { note: format!("{}\n", self.text()), checkpoint: self }
    }
}

impl Signed {
    /// Reads a note. Whether it is signed by whom it should, [`Signed::verify`] says.
    pub fn read(note: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Malformed;
        if note.len() > NOTE {
            return Err(wrong("it is too long"));
        }
        let (text, signatures) = note.split_once("\n\n").ok_or(wrong("no empty line"))?;
        if !signatures.is_empty() && !signatures.ends_with('\n') {
            return Err(wrong("it ends within a line"));
        }
        // A checkpoint may have more lines; they say nothing to us, but they are signed.
        let mut lines = text.split('\n');
        let origin = lines.next().unwrap_or_default();
        let is_name = |it: &str| {
            !it.is_empty()
                && it.len() <= ORIGIN
                && !it.chars().any(|it| it.is_whitespace() || it.is_control() || it == '+')
        };
        if !is_name(origin) {
            return Err(wrong("the name of the log"));
        }
        let size = lines.next().unwrap_or_default();
        let number: u64 = size.parse().map_err(|_| wrong("the size"))?;
        if number.to_string() != size {
            return Err(wrong("the size"));
        }
        let root = lines.next().unwrap_or_default();
        let root = BASE64_STANDARD.decode(root).ok().and_then(|it| Digest::try_from(it).ok());
        let root = root.ok_or(wrong("the root"))?;
        let checkpoint = Checkpoint { origin: origin.to_owned(), size: number, root };
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// The digest that is a leaf of a batch.
    pub fn digest(&self) -> Digest {
        sha256(self.note.as_bytes())
    }

    /// Whether the key of the log (Ed25519) signed it.
    pub fn verify(&self, key: &[u8; 32]) -> Result<(), CheckpointError> {
        let Some((text, signatures)) = self.note.split_once("\n\n") else {
            return Err(CheckpointError::Signature);
        };
        let text = format!("{text}\n");
        let name = &self.checkpoint.origin;
        let mut ours = signatures.lines().filter_map(|line| {
            let (signer, signature) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
            let signature = BASE64_STANDARD.decode(signature).ok()?;
            let signature = signature.strip_prefix(&hint(name, key))?.to_vec();
            (signer == name).then_some(signature)
        });
        let key = UnparsedPublicKey::new(&ED25519, key);
        let is_signed = ours.any(|it| key.verify(text.as_bytes(), &it).is_ok());
        if is_signed { Ok(()) } else { Err(CheckpointError::Signature) }
    }
}

/// The first bytes of a signature: which key it is by.
fn hint(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let digest = sha256(&[name.as_bytes(), b"\n", &[KIND], key].concat());
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

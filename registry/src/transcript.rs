//! Bytes to be signed or digested: fields that cannot run into each other, under a name that says
//! what they are for.

use aws_lc_rs::digest::{SHA256, digest};

/// Gathers fields; each says how long it is.
#[derive(Clone, Debug)]
pub(crate) struct Transcript(Vec<u8>);

impl Transcript {
    pub(crate) fn new(purpose: &str) -> Self {
        let mut transcript = Self(Vec::with_capacity(512));
        transcript.text(purpose);
        transcript
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.number(u64::try_from(count).unwrap_or(u64::MAX))
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// SHA-256 over all of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(&self.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

//! Ed25519 (RFC 8032): the key that the registry signs its list with, and agents their evidence.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use runtime::EvidenceKey;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use crate::{KeyFileError, key_file};

/// A secret key that signs, in a file as PKCS #8 in PEM.
#[derive(Clone)]
pub struct SigningKey(Arc<Ed25519KeyPair>);

/// The public half: as text it is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey(pub [u8; 32]);

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key; it would be 64 hexadecimal digits")]
pub struct NoKey;

impl SigningKey {
    /// Where an agent keeps the key that it signs evidence with.
    pub fn evidence_file(state: &Path) -> PathBuf {
        state.join("evidence.key")
    }

    /// Where the registrar keeps the key that it signs the list of members with.
    pub fn registry_file(state: &Path) -> PathBuf {
        state.join("registry.key")
    }

    /// The one in a file.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let damaged = || KeyFileError::Damaged { path: path.to_owned(), what: "Ed25519 key" };
        let pem = key_file::read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        Ok(Self(Arc::new(pair.map_err(|_| damaged())?)))
    }

    /// The one in a file, or a new one, which is on disk when this returns.
    pub fn open_or_make(path: &Path) -> Result<Self, KeyFileError> {
        match Self::open(path) {
            Err(KeyFileError::Absent(_)) => {
                Self::make(path)?;
                Self::open(path)
            }
            opened => opened,
        }
    }

    fn make(path: &Path) -> Result<(), KeyFileError> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(|_| KeyFileError::Random)?;
        let body = Zeroizing::new(BASE64_STANDARD.encode(der.as_ref()));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body);
        key_file::write(path, Zeroizing::new(pem).as_bytes())
    }

    /// The same one each time.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        #[expect(clippy::expect_used, reason = "32 bytes are always a seed")]
        Self(Arc::new(pair.expect("32 bytes")))
    }

    /// Its public half.
    pub fn public(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        bytes
    }
}

impl EvidenceKey for SigningKey {
    fn public(&self) -> [u8; 32] {
        Self::public(self).0
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::sign(self, message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl VerifyingKey {
    /// Whether this key signed that.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifyingKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NoKey)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn a_key_signs_after_a_restart_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = SigningKey::evidence_file(folder.path());
        let made = SigningKey::open_or_make(&path).unwrap();
        let again = SigningKey::open_or_make(&path).unwrap();
        assert_eq!(made.public(), again.public());
        let signature = made.sign(b"this");
        assert!(again.public().verify(b"this", &signature));
        assert!(!again.public().verify(b"that", &signature));
        assert_eq!(made.public().to_string().parse(), Ok(made.public()));
        assert_eq!("abc".parse::<VerifyingKey>(), Err(NoKey));
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(SigningKey::open_or_make(&path), Err(KeyFileError::Damaged { .. })));
    }

    #[test]
    fn openssl_reads_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = SigningKey::registry_file(folder.path());
        let key = SigningKey::open_or_make(&path).unwrap();
        let output = Command::new("openssl")
            .args(["pkey", "-outform", "DER", "-pubout", "-in"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.stdout.ends_with(&key.public().0), "{output:?}");
    }
}

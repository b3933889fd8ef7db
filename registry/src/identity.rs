//! Who an agent's device is: its number and its identity key, in a file of its state.

use std::path::{Path, PathBuf};

use omemo::{Identity, Secret};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{KeyFileError, key_file};

/// The file, in the folder of an agent's state.
const FILE: &str = "identity.key";

/// The only form of the file so far.
const VERSION: u8 = 1;

/// The highest number of a device (XEP-0384 section 5.3.1).
const HIGHEST: u32 = (1 << 31) - 1;

/// The device of an agent: what others know it by.
#[derive(Clone, Debug)]
pub struct DeviceIdentity {
    /// Its number, 1 to 2³¹-1.
    pub device: u32,
    /// Its identity key.
    pub identity: Identity,
}

/// The file: what is public follows from the secret, so that they cannot disagree.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u8,
    device: u32,
    registration: u32,
    secret: String,
}

impl DeviceIdentity {
    /// Makes a new one, with a number that nobody can foresee.
    pub fn random() -> Result<Self, KeyFileError> {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(|_| KeyFileError::Random)?;
        let device = u32::from_le_bytes(bytes) % HIGHEST + 1;
        Ok(Self { device, identity: Identity::random() })
    }

    /// The one that is kept in the folder of an agent's state.
    pub fn open(state: &Path) -> Result<Self, KeyFileError> {
        Self::read(&Self::file(state))
    }

    /// The one that is kept there, or a new one, which is on disk when this returns.
    pub fn open_or_make(state: &Path) -> Result<Self, KeyFileError> {
        match Self::open(state) {
            Err(KeyFileError::Absent(path)) => {
                let made = Self::random()?;
                made.write(&path)?;
                Ok(made)
            }
            opened => opened,
        }
    }

    /// Its identity key as lists of members have it: 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.identity.key().0.0)
    }

    /// Where it is kept.
    pub fn file(state: &Path) -> PathBuf {
        state.join(FILE)
    }

    /// The one in a file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let damaged = || KeyFileError::Damaged { path: path.to_owned(), what: "identity" };
        let saved: Saved = serde_json::from_slice(&key_file::read(path)?).map_err(|_| damaged())?;
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(&saved.secret, &mut *secret).map_err(|_| damaged())?;
        let is_right = saved.version == VERSION && (1..=HIGHEST).contains(&saved.device);
        if !is_right {
            return Err(damaged());
        }
        let pair = Secret::new(*secret).into();
        let identity = Identity { pair, registration: saved.registration };
        Ok(Self { device: saved.device, identity })
    }

    /// Writes it into a file, in one step.
    pub fn write(&self, path: &Path) -> Result<(), KeyFileError> {
        let saved = Saved {
            version: VERSION,
            device: self.device,
            registration: self.identity.registration,
            secret: hex::encode(self.identity.pair.secret.expose()),
        };
        let damaged = |_| KeyFileError::Damaged { path: path.to_owned(), what: "identity" };
        let text = Zeroizing::new(serde_json::to_vec(&saved).map_err(damaged)?);
        key_file::write(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_device_is_the_same_after_a_restart_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(matches!(DeviceIdentity::open(&state), Err(KeyFileError::Absent(_))));
        let first = DeviceIdentity::open_or_make(&state).unwrap();
        let again = DeviceIdentity::open_or_make(&state).unwrap();
        assert_eq!((first.device, first.identity.key()), (again.device, again.identity.key()));
        assert_eq!(first.identity.registration, again.identity.registration);
        let mode = fs::metadata(DeviceIdentity::file(&state)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_damaged_is_told_and_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = DeviceIdentity::file(folder.path());
        let made = DeviceIdentity::open_or_make(folder.path()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let device = format!("\"device\":{}", made.device);
        for text in [
            String::new(),
            whole[..whole.len() - 3].to_owned(),
            whole.replace("\"version\":1", "\"version\":2"),
            whole.replace(&device, "\"device\":0"),
            whole.replace(&device, "\"device\":2147483648"),
            " ".repeat(20_000),
        ] {
            fs::write(&path, text).unwrap();
            let error = DeviceIdentity::open_or_make(folder.path()).unwrap_err();
            assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}");
        }
    }
}

//! Whose keys are believed: what a registrar signed, or a person confirmed. Nobody else's.

use std::collections::HashMap;

use crate::IdentityKey;

/// A key that is believed, for one device or for whichever device of the account has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Believed {
    /// The device, where it is known; devices of people come and go.
    pub device: Option<u32>,
    /// Its key.
    pub key: IdentityKey,
}

/// Why a device is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Nobody vouches for any device of the account.
    #[error("nobody vouches for this account")]
    Account,
    /// The account has devices that are believed; this is none of them.
    #[error("a device of this account that nobody vouches for")]
    Device,
    /// The device is known, and has another key now.
    #[error("another key than the one that is vouched for")]
    Key,
}

/// Whose keys are believed, by account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(HashMap<String, Vec<Believed>>);

impl Trust {
    /// Believes one more key.
    pub fn believe(&mut self, account: &str, believed: Believed) {
        let keys = self.0.entry(account.to_owned()).or_default();
        if !keys.contains(&believed) {
            keys.push(believed);
        }
    }

    /// Believes nobody of an account any more.
    pub fn forget(&mut self, account: &str) {
        self.0.remove(account);
    }

    /// Whose keys are believed.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether anybody vouches for a device of this account.
    pub fn knows(&self, account: &str) -> bool {
        self.0.contains_key(account)
    }

    /// The keys of an account that are believed.
    pub(crate) fn of(&self, account: &str) -> &[Believed] {
        self.0.get(account).map(Vec::as_slice).unwrap_or_default()
    }

    /// The devices of an account whose numbers are vouched for as well; none where only keys are.
    pub fn devices(&self, account: &str) -> Option<Vec<u32>> {
        self.0.get(account)?.iter().map(|it| it.device).collect()
    }

    /// Whether a device with this key is believed.
    pub fn judge(&self, account: &str, device: u32, key: &IdentityKey) -> Result<(), Distrust> {
        let Some(keys) = self.0.get(account) else { return Err(Distrust::Account) };
        let speaks_for = |it: &Believed| it.device.is_none_or(|it| it == device);
        if keys.iter().any(|it| it.key == *key && speaks_for(it)) {
            return Ok(());
        }
        let is_known = keys.iter().any(|it| it.device == Some(device));
        Err(if is_known { Distrust::Key } else { Distrust::Device })
    }
}

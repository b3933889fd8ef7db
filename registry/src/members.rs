//! The list of members: whom the registry vouches for, signed, and changed only forwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use omemo::{IdentityKey, PublicKey};
use tokio_xmpp::jid::BareJid;
use types::{ListHead, Member};

use crate::{SigningKey, VerifyingKey, transcript::Transcript};

/// Members of one list, at most.
pub(crate) const MOST: usize = 20_000;
/// Devices of one member, at most.
const DEVICES: usize = 8;
/// Labels of one member, at most, and how long their names and values may be.
const LABELS: usize = 32;
const LABEL: usize = 256;
/// The longest account, in bytes.
const JID: usize = 512;
/// The highest number of a device.
const HIGHEST: u32 = (1 << 31) - 1;

/// Why a list is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// It is not of the form that lists have.
    #[error("not a list of members: {0}")]
    Malformed(String),
    /// It is longer than lists may be.
    #[error("the list is too long: {0}")]
    TooLarge(&'static str),
    /// Somebody else signed it, or nobody.
    #[error("the list is not signed by the registry `{0}`, which this agent trusts")]
    Forged(VerifyingKey),
    /// A newer one is known.
    #[error("list {offered} is older than list {known}, which is known already")]
    Rollback {
        /// Which was offered.
        offered: u64,
        /// Which is known.
        known: u64,
    },
    /// It was good until some time ago.
    #[error("list {serial} is out of date since {until_ms} ms after 1970")]
    Expired {
        /// Which list.
        serial: u64,
        /// Until when it was good.
        until_ms: i64,
    },
    /// The members are not those that were signed.
    #[error("the members of list {0} are not those that the registry signed")]
    Digest(u64),
}

/// Everybody whom the registry vouches for, verified.
#[derive(Clone, Debug)]
pub struct Members {
    registry: VerifyingKey,
    head: Option<ListHead>,
    entries: BTreeMap<Arc<str>, Arc<Entry>>,
}

/// One member, read and checked.
#[derive(Debug)]
struct Entry {
    member: Member,
    keys: Vec<IdentityKey>,
    digest: [u8; 32],
}

impl Members {
    /// Nobody yet; `registry` is the key that is to have signed every list.
    pub fn none(registry: VerifyingKey) -> Self {
        Self { registry, head: None, entries: BTreeMap::new() }
    }

    /// The registry's key.
    pub fn registry(&self) -> VerifyingKey {
        self.registry
    }

    /// The number of the list; 0: none is known.
    pub fn serial(&self) -> u64 {
        self.head.as_ref().map_or(0, |it| it.serial)
    }

    /// What is signed of the list, if one is known.
    pub fn head(&self) -> Option<&ListHead> {
        self.head.as_ref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is vouched for.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The identity keys of an account's devices, which alone are to be believed; none when it is
    /// no member.
    pub fn keys(&self, bare_jid: &str) -> &[IdentityKey] {
        self.entries.get(bare_jid).map_or(&[], |it| it.keys.as_slice())
    }

    /// The identity key of one device of an account.
    pub fn key(&self, bare_jid: &str, device: u32) -> Option<IdentityKey> {
        let entry = self.entries.get(bare_jid)?;
        let mut devices = entry.member.devices.iter().zip(&entry.keys);
        devices.find(|(it, _)| it.device == device).map(|(_, key)| *key)
    }

    /// What is known of an account.
    pub fn get(&self, bare_jid: &str) -> Option<&Member> {
        self.entries.get(bare_jid).map(|it| &it.member)
    }

    /// Everybody, sorted by account.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.entries.values().map(|it| &it.member)
    }

    /// Whether the list may be believed at a time.
    pub fn is_good_at(&self, now_ms: i64) -> bool {
        self.head.as_ref().is_some_and(|it| now_ms < it.until_ms)
    }

    /// Whether a newer list may follow this one: whether it is signed by the registry, not older
    /// than this, and still good.
    pub fn admits(&self, head: &ListHead, now_ms: i64) -> Result<(), MembersError> {
        verify(head, self.registry)?;
        let (offered, known) = (head.serial, self.serial());
        let is_same = self.head.as_ref().is_none_or(|it| {
            offered > known || (it.digest == head.digest && head.issued_ms >= it.issued_ms)
        });
        if offered < known || !is_same {
            return Err(MembersError::Rollback { offered, known });
        }
        if now_ms >= head.until_ms {
            return Err(MembersError::Expired { serial: offered, until_ms: head.until_ms });
        }
        Ok(())
    }

    /// The list that this one becomes by a change. It is the one that was signed, or there is
    /// none. The time is not looked at; see [`admits`](Self::admits).
    pub fn amended(
        &self,
        head: &ListHead,
        set: Vec<Member>,
        gone: &[String],
    ) -> Result<Self, MembersError> {
        verify(head, self.registry)?;
        let mut entries = self.entries.clone();
        for jid in gone {
            entries.remove(jid.as_str());
        }
        for member in set {
            if entries.len() >= MOST && !entries.contains_key(member.jid.as_str()) {
                return Err(MembersError::TooLarge("more than 20000 members"));
            }
            let entry = Entry::read(member)?;
            entries.insert(entry.member.jid.as_str().into(), Arc::new(entry));
        }
        let is_signed = usize::try_from(head.count) == Ok(entries.len())
            && hex::encode(digest(&entries)) == head.digest;
        if !is_signed {
            return Err(MembersError::Digest(head.serial));
        }
        Ok(Self { registry: self.registry, head: Some(head.clone()), entries })
    }

    /// Signs the list that this one becomes by a change, as its registry does.
    pub fn sign(
        &self,
        key: &SigningKey,
        set: Vec<Member>,
        gone: &[String],
        validity: Validity,
    ) -> Result<Self, MembersError> {
        let mut next = self.clone();
        for jid in gone {
            next.entries.remove(jid.as_str());
        }
        for member in set {
            let entry = Entry::read(member)?;
            next.entries.insert(entry.member.jid.as_str().into(), Arc::new(entry));
        }
        if next.entries.len() > MOST {
            return Err(MembersError::TooLarge("more than 20000 members"));
        }
        let mut head = ListHead {
            serial: validity.serial,
            issued_ms: validity.issued_ms,
            until_ms: validity.until_ms,
            count: u32::try_from(next.entries.len()).unwrap_or(u32::MAX),
            digest: hex::encode(digest(&next.entries)),
            signature: String::new(),
        };
        let signed = head_bytes(&head).ok_or_else(|| malformed("its head"))?;
        head.signature = hex::encode(key.sign(&signed));
        next.head = Some(head);
        Ok(next)
    }
}

/// Which list, and when it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its number.
    pub serial: u64,
    /// When it is signed.
    pub issued_ms: i64,
    /// Until when it may be believed.
    pub until_ms: i64,
}

impl Entry {
    fn read(mut member: Member) -> Result<Self, MembersError> {
        let of = |what: &str| malformed(format!("{what} of `{:.64}`", member.jid));
        if !is_account(&member.jid) {
            return Err(of("the account"));
        }
        let is_word = |it: &str| it.len() <= LABEL && !it.chars().any(char::is_control);
        if member.role.is_empty() || !is_word(&member.role) {
            return Err(of("the role"));
        }
        let are_words =
            member.labels.iter().all(|(name, it)| !name.is_empty() && is_word(name) && is_word(it));
        if member.labels.len() > LABELS || !are_words {
            return Err(of("the labels"));
        }
        let numbers: BTreeSet<u32> = member.devices.iter().map(|it| it.device).collect();
        let are_numbers = numbers.iter().all(|it| (1..=HIGHEST).contains(it));
        if numbers.len() != member.devices.len() || numbers.len() > DEVICES || !are_numbers {
            return Err(of("the devices"));
        }
        let keys: Option<Vec<_>> =
            member.devices.iter().map(|it| key_bytes(&it.identity).map(identity)).collect();
        let keys = keys.ok_or_else(|| of("an identity key"))?;
        let evidence = key_bytes(&member.evidence_key).ok_or_else(|| of("the evidence key"))?;
        // One spelling, so that who compares text is right too.
        member.evidence_key = hex::encode(evidence);
        for (device, key) in member.devices.iter_mut().zip(&keys) {
            device.identity = hex::encode(key.0.0);
        }
        let digest = entry_digest(&member, &keys, &evidence);
        Ok(Self { member, keys, digest })
    }
}

/// An account in the one form in which accounts are compared.
pub(crate) fn is_account(jid: &str) -> bool {
    let parsed = if jid.len() <= JID { jid.parse::<BareJid>().ok() } else { None };
    parsed.is_some_and(|it| it.node().is_some() && it.as_str() == jid)
}

pub(crate) fn key_bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex, &mut bytes).ok()?;
    Some(bytes)
}

fn identity(bytes: [u8; 32]) -> IdentityKey {
    IdentityKey(PublicKey(bytes))
}

fn malformed(what: impl Into<String>) -> MembersError {
    MembersError::Malformed(what.into())
}

fn entry_digest(member: &Member, keys: &[IdentityKey], evidence: &[u8; 32]) -> [u8; 32] {
    let mut bytes = Transcript::new("vedette member 1");
    bytes.text(&member.jid).text(&member.role).count(member.labels.len());
    for (name, value) in &member.labels {
        bytes.text(name).text(value);
    }
    bytes.count(keys.len());
    for (device, key) in member.devices.iter().zip(keys) {
        bytes.number(device.device.into()).bytes(&key.0.0);
    }
    bytes.bytes(evidence).number(member.serial);
    bytes.digest()
}

fn digest(entries: &BTreeMap<Arc<str>, Arc<Entry>>) -> [u8; 32] {
    let mut bytes = Transcript::new("vedette members 1");
    for entry in entries.values() {
        bytes.bytes(&entry.digest);
    }
    bytes.digest()
}

fn head_bytes(head: &ListHead) -> Option<Vec<u8>> {
    let mut bytes = Transcript::new("vedette list of members 1");
    bytes
        .number(head.serial)
        .number(u64::try_from(head.issued_ms).ok()?)
        .number(u64::try_from(head.until_ms).ok()?)
        .number(head.count.into())
        .bytes(&key_bytes(&head.digest)?);
    Some(bytes.into_bytes())
}

fn verify(head: &ListHead, registry: VerifyingKey) -> Result<(), MembersError> {
    let signed = head_bytes(head).ok_or_else(|| malformed("its head"))?;
    let mut signature = [0; 64];
    hex::decode_to_slice(&head.signature, &mut signature)
        .map_err(|_| malformed("its signature"))?;
    if head.serial == 0 {
        return Err(malformed("its number is 0"));
    }
    if registry.verify(&signed, &signature) { Ok(()) } else { Err(MembersError::Forged(registry)) }
}

#[cfg(test)]
mod tests;

//! What came in: by which session, and opened.

use minidom::Element;

use super::{
    Device, Engine, Kept, MENDING, Machine, Record, Refusal,
    outgoing::{Fetch, List},
    prekeys::Spent,
    slot::Slot,
};
use crate::{
    IdentityKey, envelope, payload,
    ratchet::{Exchange, Ratchet, RatchetError},
    store::Store,
    wire::{DEVICES, Encrypted, Key},
};

/// What was sealed.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The elements of a stanza.
    Elements(Vec<Element>),
    /// A text.
    Text(String),
    /// Nothing: the message was for the session's sake.
    Nothing,
}

/// An opened message.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The device that sealed it.
    pub device: u32,
    /// Who that device is.
    pub key: IdentityKey,
    /// What it sealed.
    pub content: Content,
}

impl<S: Store> Machine<S> {
    /// Opens a message of an account (not of one of its connections: a bare JID). `sent` is when
    /// the server says that it was sent, for one that was kept; else it is `now`.
    pub fn unseal(
        &mut self,
        from: &str,
        encrypted: &Element,
        sent: i64,
        now: i64,
    ) -> Result<Kept<Opened>, Refusal> {
        let Settings { account, device: us } = self.us();
        let encrypted = Encrypted::read(encrypted, &account, us)?;
        if encrypted.keys.is_empty() || (encrypted.sender == us && from == account) {
            return Err(Refusal::NotForUs);
        }
        let device = Device {
            account: from.to_owned(),
            id: encrypted.sender,
            namespace: encrypted.namespace,
        };
        let mut refusal = Refusal::NotForUs;
        for key in &encrypted.keys {
            match self.open_key(&device, key, now) {
                Ok(secret) => {
                    self.doubt_list(&device);
                    let opened = self.open_payload(&device, &encrypted, &secret, sent);
                    self.answer(&device, key.exchange, encrypted.payload.is_some());
                    return opened.map(|it| self.keep(it));
                }
                Err(error) => refusal = error,
            }
        }
        self.mend(&device, &refusal, now);
        Err(refusal)
    }

    fn us(&self) -> Settings {
        Settings { account: self.settings.account.clone(), device: self.settings.device }
    }

    fn open_key(
        &mut self,
        device: &Device,
        key: &Key,
        now: i64,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Refusal> {
        let opened = if key.exchange {
            self.open_exchange(device, key, now)?
        } else {
            let id = device.id;
            let slot = self.sessions.get_mut(device);
            let Some(slot) = slot else { return Err(self.without_session(device)) };
            slot.open(&key.bytes).map_err(|why| Refusal::Ratchet { device: id, why })?
        };
        self.dirty.insert(Record::Session(device.clone()));
        Ok(zeroize::Zeroizing::new(opened))
    }

    /// Why a device that we have no session with is not heard.
    fn without_session(&self, device: &Device) -> Refusal {
        let vouched = self.trust.devices(&device.account);
        match vouched {
            Some(ids) if !ids.contains(&device.id) => {
                Refusal::Distrusted { device: device.id, why: crate::Distrust::Device }
            }
            None if !self.trust.knows(&device.account) => {
                Refusal::Distrusted { device: device.id, why: crate::Distrust::Account }
            }
            _ => Refusal::NoSession(device.id),
        }
    }

    fn open_exchange(&mut self, device: &Device, key: &Key, now: i64) -> Result<Vec<u8>, Refusal> {
        let refuse = |why| Refusal::Ratchet { device: device.id, why };
        let exchange = Exchange::read(device.namespace, &key.bytes).map_err(refuse)?;
        let Exchange { prekey, signed_prekey, identity, base } = exchange;
        if !self.believes(device, identity) {
            let judged = self.trust.judge(&device.account, device.id, &identity);
            let why = judged.err().unwrap_or(crate::Distrust::Account);
            return Err(Refusal::Distrusted { device: device.id, why });
        }
        if let Some(slot) = self.sessions.get_mut(device)
            && let Some(opened) = slot.open_again(&base, &key.bytes)
        {
            return opened.map_err(refuse);
        }
        let signed = self.prekeys.signed(signed_prekey);
        let signed = signed.ok_or(refuse(RatchetError::UnknownSignedPrekey(signed_prekey)))?;
        let one_time = self.prekeys.one_time(prekey, &base).map_err(|spent| match spent {
            Spent::Gone => refuse(RatchetError::UnknownPrekey(prekey)),
            Spent::Before => refuse(RatchetError::Duplicate),
        })?;
        let identity = &self.settings.identity;
        let begun = Engine::respond(device.namespace, identity, signed, one_time, &key.bytes);
        let (session, plain) = begun.map_err(refuse)?;
        self.prekeys.spend(prekey, base, now);
        self.dirty.insert(Record::Prekey(prekey));
        match self.sessions.get_mut(device) {
            Some(slot) => slot.replace(session),
            None => drop(self.sessions.insert(device.clone(), Slot::new(session))),
        }
        self.tend(now);
        Ok(plain)
    }

    fn open_payload(
        &self,
        device: &Device,
        encrypted: &Encrypted,
        secret: &[u8],
        sent: i64,
    ) -> Result<Opened, Refusal> {
        let slot = self.sessions.get(device).ok_or(Refusal::NoSession(device.id))?;
        let opened = |content| Opened { device: device.id, key: slot.peer(), content };
        let Some(cipher) = &encrypted.payload else { return Ok(opened(Content::Nothing)) };
        let namespace = encrypted.namespace;
        let plain = payload::open(namespace, cipher, &encrypted.iv, secret)?;
        let content = match namespace {
            crate::Namespace::Axolotl => {
                Content::Text(String::from_utf8(plain).map_err(|_| Refusal::NotText)?)
            }
            crate::Namespace::Omemo2 => {
                let us = &self.settings.account;
                Content::Elements(envelope::read(&plain, &device.account, us, sent)?)
            }
        };
        Ok(opened(content))
    }

    /// What the other side should see of us: that its exchange arrived, or a new ratchet key
    /// after many messages in a row. An empty message is never answered for the latter, or both
    /// sides would go on for ever.
    fn answer(&mut self, device: &Device, exchange: bool, full: bool) {
        let Some(slot) = self.sessions.get_mut(device) else { return };
        if exchange || (full && slot.wants_heartbeat()) {
            self.send_empty(device);
        }
    }

    /// Whether an account has such a device, as far as we know: the server could name any, and as
    /// many as it likes.
    fn expects(&self, device: &Device) -> bool {
        if let Some(ids) = self.trust.devices(&device.account) {
            return ids.contains(&device.id);
        }
        let list = self.lists.get(&(device.account.clone(), device.namespace));
        if let Some(List::Known(ids)) = list {
            return ids.contains(&device.id);
        }
        let others = self.mended.keys().filter(|it| it.account == device.account);
        self.trust.knows(&device.account) && others.count() < DEVICES
    }

    /// Whoever is believed, and speaks from a device that is on no list that we have, has another
    /// list by now: it is asked for before we say anything.
    fn doubt_list(&mut self, device: &Device) {
        let is_stale = match self.lists.get(&(device.account.clone(), device.namespace)) {
            Some(List::Known(ids)) => !ids.contains(&device.id),
            Some(List::Missing) => true,
            Some(List::Asked) | None => false,
        };
        if is_stale {
            self.lists.retain(|(account, _), _| *account != device.account);
        }
    }

    /// Begins a new session with a device that is believed and whose messages do not open any
    /// more: it, or we, lost what the old one was made of. Not often, since the server could
    /// make us do it.
    fn mend(&mut self, device: &Device, refusal: &Refusal, now: i64) {
        let lost = match refusal {
            Refusal::NoSession(_) => true,
            Refusal::Ratchet { why, .. } => matches!(
                why,
                RatchetError::Forged
                    | RatchetError::UnknownPrekey(_)
                    | RatchetError::UnknownSignedPrekey(_)
                    | RatchetError::TooFarAhead(_)
            ),
            _ => false,
        };
        let recently = self.mended.get(device).is_some_and(|at| now - at < MENDING);
        let asked =
            matches!(self.bundles.get(device), Some(Fetch::ForMessage(_) | Fetch::ForMending));
        if lost && !recently && !asked && self.expects(device) {
            self.mended.insert(device.clone(), now);
            self.fetch(device.clone(), Fetch::ForMending);
        }
    }
}

/// Who we are.
struct Settings {
    account: String,
    device: u32,
}

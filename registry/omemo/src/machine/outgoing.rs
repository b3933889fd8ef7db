//! What goes out: to which devices, and sealed.

use std::collections::BTreeSet;

use minidom::Element;

use super::{Device, Engine, Kept, Machine, Notice, Record, Request, Unsealable, slot::Slot};
use crate::{
    Bundle, IdentityKey, Namespace, envelope,
    key::random,
    payload,
    ratchet::Ratchet,
    store::Store,
    wire::{Encrypted, KeysOf},
};

/// How long a message waits for a device whose bundle is not there yet, in seconds.
const PATIENCE: i64 = 15;

/// Time between two looks for such a bundle, in seconds.
const AGAIN: i64 = 2;

/// How long such a device is left alone then, in seconds.
const PAUSE: i64 = 60;

/// What the server was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// It has not answered yet.
    Asked,
    /// It answered.
    Known(Vec<u32>),
    /// There is none.
    Missing,
}

/// A bundle that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// To send a message to a device that there is no session with; since this time.
    ForMessage(i64),
    /// To replace a session that does not work any more.
    ForMending,
    /// There was none that could be used, at this time; it has been looked for since that.
    Failed {
        /// The last time.
        at: i64,
        /// The first time.
        since: i64,
    },
}

/// A message, in the form that each namespace seals.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The elements of the stanza, as XML.
    pub elements: &'a str,
    /// Its text alone.
    pub body: &'a str,
}

/// How far sealing came.
#[derive(Debug)]
pub enum Sealing {
    /// Sealed: one element for each namespace that is needed.
    Done(Kept<Vec<Element>>),
    /// Something was asked of the server first; to be tried again when it answered.
    Wait,
}

impl<S: Store> Machine<S> {
    /// Seals a message for all devices of an account that are believed, and our own others.
    pub fn seal(
        &mut self,
        to: &str,
        message: Outgoing<'_>,
        now: i64,
    ) -> Result<Sealing, Unsealable> {
        if !self.trust.knows(to) {
            return Err(Unsealable::Unknown(to.to_owned()));
        }
        let Some(theirs) = self.recipients(to) else { return Ok(Sealing::Wait) };
        let theirs = self.with_session(theirs, now);
        let us = self.settings.account.clone();
        let ours = if to == us { None } else { self.recipients(&us) };
        let ours = ours.map(|it| self.with_session(it, now)).unwrap_or_default();
        if theirs.waiting {
            return Ok(Sealing::Wait);
        }
        if theirs.ready.is_empty() {
            return Err(Unsealable::NoDevice(to.to_owned()));
        }
        let devices: Vec<Device> = theirs.ready.into_iter().chain(ours.ready).collect();
        let mut elements = Vec::new();
        for namespace in Namespace::ALL {
            let devices: Vec<&Device> =
                devices.iter().filter(|it| it.namespace == namespace).collect();
            if devices.is_empty() {
                continue;
            }
            let sealed = match namespace {
                Namespace::Axolotl => payload::seal(namespace, message.body.as_bytes()),
                Namespace::Omemo2 => {
                    let inside = envelope::write(message.elements, &us, to, now);
                    payload::seal(namespace, inside.as_bytes())
                }
            };
            let keys = self.keys(&devices, &sealed.key);
            let sender = self.settings.device;
            elements.push(Encrypted::write(
                namespace,
                sender,
                &keys,
                &sealed.iv,
                Some(&sealed.cipher),
            ));
        }
        Ok(Sealing::Done(self.keep(elements)))
    }

    /// Seals a key for devices that there is a session with, by account.
    fn keys<'a>(&mut self, devices: &[&'a Device], key: &[u8]) -> Vec<KeysOf<'a>> {
        let mut keys: Vec<KeysOf<'a>> = Vec::new();
        for device in devices {
            let Some(Ok(sealed)) = self.sessions.get_mut(*device).map(|it| it.seal(key)) else {
                continue;
            };
            self.dirty.insert(Record::Session((*device).clone()));
            match keys.last_mut() {
                Some((account, keys)) if *account == device.account => {
                    keys.push((device.id, sealed));
                }
                _ => keys.push((&device.account, vec![(device.id, sealed)])),
            }
        }
        keys
    }

    /// Sends a message without content: it shows the other side our ratchet's new key.
    pub(super) fn send_empty(&mut self, device: &Device) {
        let namespace = device.namespace;
        let keys = self.keys(&[device], &payload::empty(namespace));
        let iv = payload::empty_iv(namespace);
        let encrypted = Encrypted::write(namespace, self.settings.device, &keys, &iv, None);
        self.want(Request::Send { to: device.account.clone(), encrypted });
    }

    /// The devices of an account, and how each is spoken to; `None` while a list is asked for.
    /// Where the numbers of the devices are vouched for, nobody is asked.
    fn recipients(&mut self, account: &str) -> Option<Vec<Device>> {
        let device = |id, namespace| Device { account: account.to_owned(), id, namespace };
        let is_other =
            |it: &Device| it.id != self.settings.device || account != self.settings.account;
        if let Some(ids) = self.trust.devices(account) {
            let devices = ids.into_iter().map(|id| device(id, Namespace::Omemo2));
            return Some(devices.filter(is_other).collect());
        }
        if !self.trust.knows(account) {
            return Some(Vec::new());
        }
        let mut lists = Vec::new();
        for namespace in Namespace::ALL {
            let name = (account.to_owned(), namespace);
            match self.lists.get(&name) {
                Some(List::Known(ids)) => lists.push((namespace, ids.clone())),
                Some(List::Missing) => {}
                Some(List::Asked) => return None,
                None => {
                    for namespace in Namespace::ALL {
                        self.lists.insert((account.to_owned(), namespace), List::Asked);
                        self.want(Request::Devices { of: account.to_owned(), namespace });
                    }
                    return None;
                }
            }
        }
        // Of two ways to one device the older: it is the one that clients have used for long.
        let mut seen = BTreeSet::new();
        let all = lists.iter().flat_map(|(namespace, ids)| ids.iter().map(|id| (*id, *namespace)));
        Some(
            all.filter(|(id, _)| seen.insert(*id))
                .map(|(id, it)| device(id, it))
                .filter(is_other)
                .collect(),
        )
    }

    /// Those that there is a session with. For the others a bundle is asked for; one that is not
    /// there may be about to come, but not for ever.
    fn with_session(&mut self, devices: Vec<Device>, now: i64) -> Reached {
        let mut reached = Reached::default();
        for device in devices {
            if self.sessions.contains_key(&device) {
                reached.ready.push(device);
                continue;
            }
            match self.bundles.get(&device) {
                Some(Fetch::ForMessage(_) | Fetch::ForMending) => reached.waiting = true,
                Some(Fetch::Failed { at, since }) if at - since >= PATIENCE => {
                    if now - at >= PAUSE {
                        self.fetch(device, Fetch::ForMessage(now));
                        reached.waiting = true;
                    }
                }
                Some(Fetch::Failed { at, since }) => {
                    let since = *since;
                    if now - at >= AGAIN {
                        self.fetch(device, Fetch::ForMessage(since));
                    }
                    reached.waiting = true;
                }
                None => {
                    self.fetch(device, Fetch::ForMessage(now));
                    reached.waiting = true;
                }
            }
        }
        reached
    }

    pub(super) fn fetch(&mut self, device: Device, why: Fetch) {
        let Device { account, id, namespace } = device.clone();
        self.want(Request::Bundle { of: account, device: id, namespace });
        self.bundles.insert(device, why);
    }

    /// The list of an account's devices, asked for or not; `None` when there is none.
    pub fn devices(&mut self, of: &str, namespace: Namespace, devices: Option<&[u32]>) {
        if of == self.settings.account {
            self.on_our_devices(namespace, devices.unwrap_or_default());
        }
        if !self.trust.knows(of) {
            return;
        }
        let list = devices.map_or(List::Missing, |it| List::Known(it.to_vec()));
        self.lists.insert((of.to_owned(), namespace), list);
    }

    /// The bundle of a device that was asked for; `None` when there is none. A session begins
    /// when it is believed.
    pub fn bundle(
        &mut self,
        of: &str,
        id: u32,
        namespace: Namespace,
        bundle: Option<&Bundle>,
        now: i64,
    ) {
        let device = Device { account: of.to_owned(), id, namespace };
        if of == self.settings.account && id == self.settings.device {
            self.on_our_bundle(bundle, now);
            return;
        }
        let since = match self.bundles.get(&device) {
            Some(Fetch::ForMessage(since)) => *since,
            Some(Fetch::ForMending) => now,
            Some(Fetch::Failed { .. }) | None => return,
        };
        let why = self.bundles.remove(&device);
        let Some(session) = bundle.and_then(|it| self.begin(&device, it)) else {
            // One that is there and cannot be used will not be usable in a moment.
            let since = bundle.map_or(since, |_| now - PATIENCE);
            self.bundles.insert(device, Fetch::Failed { at: now, since });
            return;
        };
        match self.sessions.get_mut(&device) {
            Some(slot) => slot.replace(session),
            None => drop(self.sessions.insert(device.clone(), Slot::new(session))),
        }
        self.dirty.insert(Record::Session(device.clone()));
        if why == Some(Fetch::ForMending) {
            self.send_empty(&device);
            self.tell(Notice::Mended { account: device.account, device: device.id });
        }
    }

    /// A session by a bundle, if the bundle is of who is believed.
    fn begin(&mut self, device: &Device, bundle: &Bundle) -> Option<Engine> {
        if !self.believes(device, bundle.identity) {
            return None;
        }
        let count = u64::try_from(bundle.prekeys.len()).unwrap_or(1).max(1);
        let index = usize::try_from(u64::from_le_bytes(random()) % count).unwrap_or(0);
        let prekey = bundle.prekeys.get(index).map_or(0, |it| it.id);
        match Engine::initiate(device.namespace, &self.settings.identity, bundle, prekey) {
            Ok(session) => Some(session),
            Err(why) => {
                self.tell(Notice::Unusable {
                    account: device.account.clone(),
                    device: device.id,
                    why,
                });
                None
            }
        }
    }

    pub(super) fn believes(&mut self, device: &Device, key: IdentityKey) -> bool {
        match self.trust.judge(&device.account, device.id, &key) {
            Ok(()) => true,
            Err(why) => {
                let account = device.account.clone();
                self.tell(Notice::Distrusted { account, device: device.id, key, why });
                false
            }
        }
    }
}

/// Which devices can be sealed for.
#[derive(Debug, Default)]
struct Reached {
    ready: Vec<Device>,
    /// Whether the server was asked for the bundle of another.
    waiting: bool,
}

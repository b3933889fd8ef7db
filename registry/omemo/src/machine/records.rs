//! The machine's state as records.

use super::{Device, Machine, Notice, slot::Slot};
use crate::{
    Namespace,
    store::{Change, Store},
};

/// A part of the state that is written by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Record {
    /// The signed prekeys, and the number of the next other one.
    Shelf,
    /// A prekey.
    Prekey(u32),
    /// The sessions with a device.
    Session(Device),
}

impl Record {
    fn name(&self) -> String {
        match self {
            Self::Shelf => "shelf".to_owned(),
            Self::Prekey(id) => format!("prekey/{id}"),
            Self::Session(Device { account, id, namespace }) => {
                let namespace = match namespace {
                    Namespace::Axolotl => 0,
                    Namespace::Omemo2 => 2,
                };
                format!("session/{namespace}/{id}/{account}")
            }
        }
    }

    fn read(name: &str) -> Option<Self> {
        if name == "shelf" {
            return Some(Self::Shelf);
        }
        if let Some(id) = name.strip_prefix("prekey/") {
            return id.parse().ok().map(Self::Prekey);
        }
        let (namespace, rest) = name.strip_prefix("session/")?.split_once('/')?;
        let (id, account) = rest.split_once('/')?;
        let namespace = match namespace {
            "0" => Namespace::Axolotl,
            "2" => Namespace::Omemo2,
            _ => return None,
        };
        Some(Self::Session(Device { account: account.to_owned(), id: id.parse().ok()?, namespace }))
    }
}

impl<S: Store> Machine<S> {
    /// What a record is now, sealed.
    pub(super) fn change(&self, record: &Record) -> Change {
        let name = record.name();
        let value = match record {
            Record::Shelf => serde_json::to_vec(&self.prekeys.shelf).ok(),
            Record::Prekey(id) => self.prekeys.save_one_time(*id),
            Record::Session(device) => self.sessions.get(device).map(Slot::save),
        };
        match value.map(zeroize::Zeroizing::new) {
            Some(value) => {
                let sealed = self.vault.seal(&name, &value);
                Change::Put(name, sealed)
            }
            None => Change::Delete(name),
        }
    }

    /// Takes in a record; one that is damaged is lost.
    pub(super) fn restore(&mut self, name: &str, sealed: &[u8]) {
        if self.try_restore(name, sealed).is_none() {
            self.tell(Notice::Damaged(name.to_owned()));
            self.dirty.extend(Record::read(name));
        }
    }

    fn try_restore(&mut self, name: &str, sealed: &[u8]) -> Option<()> {
        let value = self.vault.open(name, sealed)?;
        match Record::read(name)? {
            Record::Shelf => self.prekeys.shelf = serde_json::from_slice(&value).ok()?,
            Record::Prekey(id) => {
                let prekey = serde_json::from_slice(&value).ok()?;
                self.prekeys.one_time.insert(id, prekey);
            }
            Record::Session(device) => {
                let slot = Slot::load(&value)?;
                self.sessions.insert(device, slot);
            }
        }
        Some(())
    }
}

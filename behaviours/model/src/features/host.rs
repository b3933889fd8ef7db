//! What one source did in the last five minutes.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use capture::Moment;
use foldhash::fast::RandomState;

type Table<K, V> = HashMap<K, V, RandomState>;

/// One conversation in the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    pub(super) at: Moment,
    pub(super) target: u128,
    pub(super) port: u16,
    pub(super) failed: bool,
    pub(super) bytes: u64,
}

/// The window of one source. Its counts are those of what is in it.
#[derive(Debug, Default)]
pub(super) struct Host {
    contacts: VecDeque<Contact>,
    targets: Table<u128, Tally>,
    ports: Table<u16, Tally>,
    pairs: Table<(u128, u16), u32>,
    failed: u32,
    bytes: u128,
}

/// How often something occurs, and with how many different others.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    contacts: u32,
    others: u32,
}

/// The counts that the features are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) contacts: usize,
    pub(super) targets: usize,
    pub(super) ports: usize,
    pub(super) failed: u32,
    pub(super) targets_on_port: u32,
    pub(super) ports_of_target: u32,
    pub(super) with_target: u32,
    pub(super) bytes: u64,
}

impl Host {
    /// How many conversations are in the window.
    pub(super) fn len(&self) -> usize {
        self.contacts.len()
    }

    /// When the last of them was.
    pub(super) fn last(&self) -> Option<Moment> {
        self.contacts.back().map(|it| it.at)
    }

    /// Puts one in, and counts.
    pub(super) fn add(&mut self, contact: Contact) -> Counts {
        let (target, port) = (contact.target, contact.port);
        let pair = self.pairs.entry((target, port)).or_default();
        *pair += 1;
        let first = u32::from(*pair == 1);
        let [to_target, on_port] =
            [self.targets.entry(target).or_default(), self.ports.entry(port).or_default()].map(
                |tally| {
                    tally.contacts += 1;
                    tally.others += first;
                    *tally
                },
            );
        self.failed += u32::from(contact.failed);
        self.bytes = self.bytes.saturating_add(u128::from(contact.bytes));
        self.contacts.push_back(contact);
        Counts {
            contacts: self.contacts.len(),
            targets: self.targets.len(),
            ports: self.ports.len(),
            failed: self.failed,
            targets_on_port: on_port.others,
            ports_of_target: to_target.others,
            with_target: to_target.contacts,
            bytes: u64::try_from(self.bytes).unwrap_or(u64::MAX),
        }
    }

    /// Takes out what was before then; tells how many that were.
    pub(super) fn forget_before(&mut self, then: Moment) -> usize {
        let mut forgotten = 0;
        while self.contacts.front().is_some_and(|it| it.at < then) {
            forgotten += usize::from(self.forget_oldest());
        }
        forgotten
    }

    /// Takes out the oldest; tells whether there was one.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let Some(contact) = self.contacts.pop_front() else { return false };
        let (target, port) = (contact.target, contact.port);
        let mut last = 0;
        if let Entry::Occupied(mut pair) = self.pairs.entry((target, port)) {
            *pair.get_mut() = pair.get().saturating_sub(1);
            if *pair.get() == 0 {
                pair.remove();
                last = 1;
            }
        }
        lessen(&mut self.targets, target, last);
        lessen(&mut self.ports, port, last);
        self.failed = self.failed.saturating_sub(u32::from(contact.failed));
        self.bytes = self.bytes.saturating_sub(u128::from(contact.bytes));
        true
    }
}

fn lessen<K: Eq + std::hash::Hash>(table: &mut Table<K, Tally>, key: K, others: u32) {
    let Entry::Occupied(mut entry) = table.entry(key) else { return };
    let tally = entry.get_mut();
    tally.contacts = tally.contacts.saturating_sub(1);
    tally.others = tally.others.saturating_sub(others);
    if tally.contacts == 0 {
        entry.remove();
    }
}

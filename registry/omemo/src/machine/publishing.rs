//! What of ours is on the server, and what should be.

use std::collections::BTreeSet;

use super::{Machine, Notice, Published, Record, Request};
use crate::{
    Bundle, Namespace,
    store::Store,
    wire::{bundle_node, devices_node, write_bundle, write_devices},
};

/// What is to be published. One thing is published at a time.
#[derive(Debug, Default)]
pub(crate) struct Publishing {
    wanted: BTreeSet<Published>,
    under_way: Option<Published>,
    /// Whether we know what the server has: until then nothing of ours is written over it.
    looked: bool,
    /// The other devices of our account.
    others: BTreeSet<(Namespace, u32)>,
}

impl Publishing {
    /// A fresh session.
    pub(super) fn begin(&mut self) {
        *self = Self { wanted: std::mem::take(&mut self.wanted), ..Self::default() };
    }

    pub(super) fn want_bundles(&mut self, people: bool) {
        self.wanted.extend(namespaces(people).map(Published::Bundle));
    }
}

/// The namespaces that we are reached by.
fn namespaces(people: bool) -> impl Iterator<Item = Namespace> {
    let older = people.then_some(Namespace::Axolotl);
    [Namespace::Omemo2].into_iter().chain(older)
}

impl<S: Store> Machine<S> {
    /// Asks what the server has of ours.
    pub(super) fn ask_for_our_own(&mut self) {
        let of = self.settings.account.clone();
        for namespace in namespaces(self.settings.people).collect::<Vec<_>>() {
            self.want(Request::Devices { of: of.clone(), namespace });
        }
        let device = self.settings.device;
        self.want(Request::Bundle { of, device, namespace: Namespace::Omemo2 });
    }

    /// The list of our own devices, as the server has it.
    pub(super) fn on_our_devices(&mut self, namespace: Namespace, devices: &[u32]) {
        let us = self.settings.device;
        self.publishing.others.retain(|(other, _)| *other != namespace);
        let others = devices.iter().filter(|it| **it != us).map(|it| (namespace, *it));
        self.publishing.others.extend(others);
        if !devices.contains(&us) {
            self.publishing.wanted.insert(Published::Devices(namespace));
        }
        self.publish();
    }

    /// Our own bundle, as the server has it; none if it has none. One that is signed by us and
    /// newer than what we have shows that we were restored from an old copy: then sessions would
    /// go back in time, and keys that were used might be used again.
    pub(super) fn on_our_bundle(&mut self, bundle: Option<&Bundle>, now: i64) {
        self.publishing.looked = true;
        let genuine = bundle
            .filter(|it| it.identity == self.identity() && it.check(Namespace::Omemo2).is_ok());
        if let Some(published) = genuine.filter(|it| self.prekeys.are_older_than(it)) {
            let changed = self.prekeys.renew_beyond(published, now);
            self.note(changed);
            self.dirty.extend(self.sessions.drain().map(|(device, _)| Record::Session(device)));
            self.tell(Notice::RolledBack);
        }
        self.publishing.want_bundles(self.settings.people);
        self.publish();
    }

    /// Publishes the next thing, unless one is under way.
    pub(super) fn publish(&mut self) {
        if !self.publishing.looked || self.publishing.under_way.is_some() {
            return;
        }
        // A bundle before the list that leads to it.
        let Some(what) = self.publishing.wanted.pop_last() else { return };
        let device = self.settings.device;
        let (node, item, payload) = match what {
            Published::Devices(namespace) => {
                let others = self.publishing.others.iter();
                let others = others.filter(|it| it.0 == namespace).map(|it| it.1);
                let devices: Vec<u32> = others.chain([device]).collect();
                let list = write_devices(namespace, &devices);
                (devices_node(namespace).to_owned(), "current".to_owned(), list)
            }
            Published::Bundle(namespace) => {
                let Some(bundle) = self.prekeys.bundle(&self.settings.identity, namespace) else {
                    return;
                };
                let (node, item) = bundle_node(namespace, device);
                (node, item, write_bundle(namespace, &bundle))
            }
        };
        self.publishing.under_way = Some(what);
        self.want(Request::Publish { what, node, item, payload });
    }

    /// Whether something was published. What was not is tried again at the next
    /// [`tick`](Self::tick).
    pub fn published(&mut self, what: Published, done: bool) {
        if self.publishing.under_way == Some(what) {
            self.publishing.under_way = None;
        }
        if done {
            self.publish();
        } else {
            self.publishing.wanted.insert(what);
        }
    }
}

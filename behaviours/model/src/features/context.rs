//! The 14 features of a conversation among those that its source had before it.

use std::mem;

use capture::{Flow, Moment};

use super::{
    Cells,
    address::number,
    generations::Generations,
    history::History,
    host::{Contact, Counts, Host},
    real,
    recent::Recent,
    size,
};

/// How long the window is, in seconds.
const WINDOW: f64 = 300.0;
/// What is told later than so many seconds means that the clock was set back.
const SET_BACK: f64 = 3600.0;

/// How much is remembered.
///
/// When there are too many sources, or too many conversations in all windows together, the source
/// that was silent for longest is forgotten; when there are too many of one source, its window is
/// shorter. Of pairs and tuples those are forgotten that were not seen while half as many others
/// were as there may be: they then count as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sources with a window.
    pub sources: usize,
    /// Conversations in the window of one source.
    pub of_one: usize,
    /// Conversations in all windows.
    pub of_all: usize,
    /// Pairs of source and target that are known to have met.
    pub pairs: usize,
    /// Tuples of source, target and port whose regularity is known.
    pub tuples: usize,
}

impl Default for Bounds {
    /// Some 250 MB when all is full.
    fn default() -> Self {
        Self { sources: 65_536, of_one: 65_536, of_all: 1_000_000, pairs: 262_144, tuples: 262_144 }
    }
}

/// All that is remembered.
#[derive(Debug)]
pub(super) struct Context {
    bounds: Bounds,
    now: Moment,
    hosts: Recent<u128, Host>,
    contacts: usize,
    met: Generations<(u128, u128), bool>,
    tuples: Generations<(u128, u128, u16), History>,
}

impl Context {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            now: Moment(i64::MIN),
            hosts: Recent::new(bounds.sources),
            contacts: 0,
            met: Generations::new(bounds.pairs),
            tuples: Generations::new(bounds.tuples),
        }
    }

    pub(super) fn sources(&self) -> usize {
        self.hosts.len()
    }

    /// Takes one in, and says what it is among the others.
    pub(super) fn fill(&mut self, cells: &mut Cells<'_>, flow: &Flow, now: Moment) {
        self.advance(now);
        let source = number(flow.originator.address);
        let target = number(flow.responder.address);
        let port = flow.responder.port;
        let contact = Contact {
            at: self.now,
            target,
            port,
            failed: flow.state.failed(),
            bytes: flow.forward.payload,
        };
        let counts = self.window(source, contact);
        // Who is in the window already has been met; the others are looked up.
        let first = counts.with_target == 1 && !mem::replace(self.met.get((source, target)), true);
        let past = self.tuples.get((source, target, port));
        let past = past.add(flow.start.0, flow.forward.payload);
        let contacts = size(counts.contacts).max(1.0);
        cells.log(contacts);
        cells.log(size(counts.targets));
        cells.log(size(counts.ports));
        cells.add(f64::from(counts.failed) / contacts);
        cells.log(f64::from(counts.targets_on_port));
        cells.log(f64::from(counts.ports_of_target));
        cells.log(f64::from(counts.with_target));
        cells.flag(first);
        cells.log(past.count);
        cells.log(past.gap);
        cells.add(past.gaps);
        cells.add(past.bytes);
        cells.log(real(counts.bytes));
        cells.add(size(counts.targets) / contacts);
    }

    /// Moves the clock, and lets go of sources that were silent for a whole window.
    fn advance(&mut self, now: Moment) {
        if self.now.since(now) > SET_BACK {
            self.hosts.clear();
            self.contacts = 0;
            self.now = now;
        }
        self.now = self.now.max(now);
        let horizon = self.horizon();
        while let Some((_, host)) = self.hosts.oldest() {
            if host.last().is_some_and(|it| it >= horizon) {
                break;
            }
            self.forget_silent();
        }
    }

    fn horizon(&self) -> Moment {
        self.now.after(-WINDOW)
    }

    fn forget_silent(&mut self) {
        if let Some((_, host)) = self.hosts.pop() {
            self.contacts = self.contacts.saturating_sub(host.len());
        }
    }

    fn window(&mut self, source: u128, contact: Contact) -> Counts {
        let horizon = self.horizon();
        while self.contacts >= self.bounds.of_all && self.hosts.len() > 1 {
            self.forget_silent();
        }
        let (host, gone) = self.hosts.get(source);
        if let Some(gone) = gone {
            self.contacts = self.contacts.saturating_sub(gone.len());
        }
        self.contacts = self.contacts.saturating_sub(host.forget_before(horizon));
        let most = self.bounds.of_one.min(self.bounds.of_all).max(1);
        if host.len() >= most && host.forget_oldest() {
            self.contacts = self.contacts.saturating_sub(1);
        }
        self.contacts += 1;
        host.add(contact)
    }
}

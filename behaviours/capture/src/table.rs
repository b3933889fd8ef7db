//! The conversations that go on.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::{
    Counters, Ended, Moment, Protocol, Seen, Settings,
    inspect::{self, Reading},
    packet::{Packet, flag},
    ports,
    record::{Key, Record},
    wheel::{Due, Wheel},
};

/// All of them, by who speaks with whom. Never more than [`Settings::max_flows`]: when there are, the
/// one whose time-out is nearest is told and forgotten.
#[derive(Debug)]
pub(crate) struct Table {
    hasher: FixedState,
    places: HashTable<u32>,
    records: Vec<Option<Record>>,
    free: Vec<u32>,
    wheel: Wheel,
    generation: u32,
    /// The latest time that was seen.
    now: Moment,
    most: usize,
    reading: Reading,
}

impl Table {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            // Where it can be attacked, who looks for collisions must not know the seed.
            hasher: FixedState::with_seed(settings.seed),
            places: HashTable::new(),
            records: Vec::new(),
            free: Vec::new(),
            wheel: Wheel::new(),
            generation: 0,
            now: Moment(i64::MIN),
            most: settings.max_flows.clamp(1, 1 << 30),
            reading: Reading { open: 0, most: settings.max_heads },
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The latest time that was seen.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Takes in a packet.
    #[inline]
    pub(crate) fn add(
        &mut self,
        packet: &Packet<'_>,
        settings: &Settings,
        counters: &mut Counters,
        tell: &mut impl FnMut(Seen),
    ) {
        self.clock(packet.at, settings, counters, tell);
        let key = Key::of(packet);
        let hash = self.hasher.hash_one(key);
        let mut place = self.find(hash, &key);
        if let Some(at) = place
            && let Some(record) = self.record(at)
        {
            // Its slot on the wheel may be up to a second late.
            let late = record.deadline(settings) < packet.at;
            if late || record.is_reused(packet) {
                let reason = record.reason();
                self.end(at, reason, counters, tell);
                place = None;
            }
        }
        let place = match place {
            Some(place) => place,
            None => self.begin(packet, key, hash, settings, counters, tell),
        };
        let Some(Some(record)) = self.records.get_mut(index(place)) else { return };
        if settings.active > 0.0 && packet.at.since(record.start) > settings.active {
            counters.flows += 1;
            tell(Seen::Flow(Box::new(record.part())));
        }
        let before = record.deadline(settings);
        let (way, step) = record.add(packet, settings.payload_bytes);
        if settings.metadata && !packet.payload.is_empty() && !record.deaf {
            inspect::look(record, packet, way, step, &mut self.reading, counters, tell);
        }
        let after = record.deadline(settings);
        if after < before {
            let due = Due { place, generation: record.generation };
            self.wheel.schedule(due, after);
        }
    }

    /// Lets time pass, and tells what is over by then.
    #[inline]
    pub(crate) fn clock(
        &mut self,
        now: Moment,
        settings: &Settings,
        counters: &mut Counters,
        tell: &mut impl FnMut(Seen),
    ) {
        if now < self.now {
            counters.backwards += 1;
            return;
        }
        self.now = now;
        while self.wheel.is_due(now) {
            self.turn(settings, counters, tell);
        }
    }

    fn turn(&mut self, settings: &Settings, counters: &mut Counters, tell: &mut impl FnMut(Seen)) {
        for due in self.wheel.turn(self.now) {
            let Some(record) = self.record(due.place) else { continue };
            if record.generation != due.generation {
                continue;
            }
            let deadline = record.deadline(settings);
            if deadline > self.now {
                self.wheel.schedule(due, deadline);
                continue;
            }
            let reason = record.reason();
            self.end(due.place, reason, counters, tell);
        }
    }

    /// Tells all that are left.
    pub(crate) fn finish(&mut self, counters: &mut Counters, tell: &mut impl FnMut(Seen)) {
        for place in 0..self.records.len() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let Some(record) = self.record(place) else { continue };
            let reason = match record.reason() {
                Ended::Closed => Ended::Closed,
                _ => Ended::Forced,
            };
            self.end(place, reason, counters, tell);
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &Key) -> Option<u32> {
        let is_it = |place: &u32| self.record(*place).is_some_and(|record| record.key == *key);
        self.places.find(hash, is_it).copied()
    }

    #[inline]
    fn record(&self, place: u32) -> Option<&Record> {
        self.records.get(index(place)).and_then(Option::as_ref)
    }

    fn begin(
        &mut self,
        packet: &Packet<'_>,
        key: Key,
        hash: u64,
        settings: &Settings,
        counters: &mut Counters,
        tell: &mut impl FnMut(Seen),
    ) -> u32 {
        while self.places.len() >= self.most {
            self.make_room(settings, counters, tell);
        }
        self.generation = self.generation.wrapping_add(1);
        let record = Record::new(packet, key, self.generation, is_answer(packet));
        let deadline = record.deadline(settings);
        let place = self.free.pop().unwrap_or_else(|| {
            self.records.push(None);
            u32::try_from(self.records.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.records.get_mut(index(place)) {
            *slot = Some(record);
        }
        let (records, hasher) = (&self.records, &self.hasher);
        self.places.insert_unique(hash, place, |place| {
            let record = records.get(index(*place)).and_then(Option::as_ref);
            record.map_or(0, |record| hasher.hash_one(record.key))
        });
        self.wheel.schedule(Due { place, generation: self.generation }, deadline);
        place
    }

    /// Tells and forgets the one whose time-out is nearest. Of the first that come up some have
    /// moved on meanwhile; after 64 of them the next goes anyway.
    fn make_room(
        &mut self,
        settings: &Settings,
        counters: &mut Counters,
        tell: &mut impl FnMut(Seen),
    ) {
        for attempt in 0..=64 {
            let Some(due) = self.wheel.nearest() else { break };
            let Some(record) = self.record(due.place) else { continue };
            if record.generation != due.generation {
                continue;
            }
            let deadline = record.deadline(settings);
            if attempt < 64 && deadline.since(self.now) > settings.attempt + 1.0 {
                self.wheel.schedule(due, deadline);
                continue;
            }
            counters.evicted += 1;
            self.end(due.place, Ended::LackOfResources, counters, tell);
            return;
        }
        // Nobody is due soon: the first that is found goes.
        if let Some(place) = self.places.iter().next().copied() {
            counters.evicted += 1;
            self.end(place, Ended::LackOfResources, counters, tell);
        }
    }

    fn end(
        &mut self,
        place: u32,
        ended: Ended,
        counters: &mut Counters,
        tell: &mut impl FnMut(Seen),
    ) {
        let Some(record) = self.records.get_mut(index(place)).and_then(Option::take) else {
            return;
        };
        let hash = self.hasher.hash_one(record.key);
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        self.free.push(place);
        counters.flows += 1;
        tell(Seen::Flow(Box::new(record.end(ended))));
    }
}

#[inline]
fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Whether the first packet that is seen is an answer, as far as ports and flags tell: then who
/// sent it is the responder.
fn is_answer(packet: &Packet<'_>) -> bool {
    let (source, destination) = (packet.source.port, packet.destination.port);
    if packet.destination.is_for_many() {
        return false;
    }
    match (packet.protocol, packet.tcp) {
        (Protocol::TCP, Some(tcp)) => {
            let starts = tcp.has(flag::SYN);
            if starts {
                return tcp.has(flag::ACK);
            }
            ports::is_server(source) && (!ports::is_server(destination) || source < destination)
        }
        (Protocol::UDP, _) => ports::is_server(source) && !ports::is_server(destination),
        _ => false,
    }
}

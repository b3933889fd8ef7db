//! From frames to what is seen.

use crate::{
    Counters, Moment, Seen, Settings,
    decode::{Decoded, Decoder},
    inspect,
    table::Table,
};

/// Takes frames in and tells what is seen in them. Pure: its time is that of the frames.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    decoder: Decoder,
    table: Table,
    counters: Counters,
}

/// A frame as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When.
    pub at: Moment,
    /// Its link type, as capture files number them (`LINKTYPE_…`).
    pub link: i32,
    /// What of it was captured.
    pub bytes: &'a [u8],
    /// How many bytes it had on the wire.
    pub length: u32,
}

impl Engine {
    /// One that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        let (decoder, table) = (Decoder::new(&settings), Table::new(&settings));
        Self { settings, decoder, table, counters: Counters::default() }
    }

    /// Takes in a frame.
    #[inline]
    pub fn frame(&mut self, frame: Frame<'_>, tell: &mut impl FnMut(Seen)) {
        self.counters.frames += 1;
        self.counters.bytes += u64::from(frame.length);
        let Self { settings, decoder, table, counters } = self;
        let mut each = |decoded: Decoded<'_>, counters: &mut Counters| match decoded {
            Decoded::Packet(packet) => {
                if let Some(claim) = inspect::neighbour(&packet) {
                    tell(Seen::Arp(claim));
                }
                table.add(&packet, settings, counters, tell);
            }
            Decoded::Arp(message, from) => match inspect::arp(message, from, frame.at) {
                Some(claim) => tell(Seen::Arp(claim)),
                None => counters.malformed += 1,
            },
        };
        decoder.decode(frame.link, frame.at, frame.bytes, counters, &mut each);
    }

    /// Lets time pass without a frame. A time before that of the last frame is none to go by.
    pub fn clock(&mut self, now: Moment, tell: &mut impl FnMut(Seen)) {
        if now < self.table.now() {
            return;
        }
        self.table.clock(now, &self.settings, &mut self.counters, tell);
    }

    /// Tells the conversations that are left: the capture is over.
    pub fn finish(&mut self, tell: &mut impl FnMut(Seen)) {
        self.table.finish(&mut self.counters, tell);
    }

    /// What became of the frames.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many conversations are followed now.
    pub fn open_flows(&self) -> usize {
        self.table.len()
    }
}

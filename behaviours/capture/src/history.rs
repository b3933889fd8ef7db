//! What happened in a conversation, a letter each (Zeek's `history`).

/// How many letters are kept; what comes later is left out.
const MOST: usize = 28;

/// Capital letters are the originator's, small ones the responder's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    letters: [u8; MOST],
    length: u8,
    /// Which letters were there: a bit each, the responder's in the upper half.
    seen: u64,
}

fn bit(way: usize, letter: u8) -> u64 {
    1_u64 << (u32::from(letter & 0x1f) + if way == 0 { 0 } else { 32 })
}

impl History {
    /// Adds a letter the first time that it happens; says whether it was there.
    #[inline]
    pub(crate) fn once(&mut self, way: usize, letter: u8) -> bool {
        let bit = bit(way, letter);
        if self.seen & bit != 0 {
            return true;
        }
        self.seen |= bit;
        self.add(way, letter);
        false
    }

    /// Whether a letter was there.
    pub(crate) fn has(&self, way: usize, letter: u8) -> bool {
        self.seen & bit(way, letter) != 0
    }

    /// Adds a letter.
    pub(crate) fn add(&mut self, way: usize, letter: u8) {
        if let Some(place) = self.letters.get_mut(usize::from(self.length)) {
            *place = if way == 0 { letter } else { letter.to_ascii_lowercase() };
            self.length += 1;
        }
    }

    /// Adds a letter the first, tenth, hundredth, … time.
    pub(crate) fn scaled(&mut self, way: usize, letter: u8, count: &mut u32) {
        *count = count.saturating_add(1);
        let mut step = 1_u32;
        while step < *count {
            let Some(next) = step.checked_mul(10) else { return };
            step = next;
        }
        if step == *count {
            self.add(way, letter);
        }
    }

    pub(crate) fn text(&self) -> String {
        let letters = self.letters.get(..usize::from(self.length)).unwrap_or_default();
        letters.iter().copied().map(char::from).collect()
    }
}

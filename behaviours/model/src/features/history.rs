//! How regular the conversations of one source with one target on one port are.

use super::real;

/// So many gaps, and so many amounts of bytes, are looked at.
const KEPT: usize = 20;
/// Below so many nothing is said of how regular they are.
const ENOUGH: usize = 3;
/// What stands for "not regular, or not known".
const IRREGULAR: f64 = 9.0;

/// The past of one tuple.
#[derive(Debug, Default)]
pub(super) struct History {
    count: u64,
    last: i64,
    first_bytes: f32,
    more: Option<Box<More>>,
}

/// What is needed from the second conversation on; most have none.
#[derive(Debug, Default)]
struct More {
    gaps: Ring,
    bytes: Ring,
}

/// What the past says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Regularity {
    /// Conversations so far.
    pub(super) count: f64,
    /// Mean seconds between starts; 0 below three gaps.
    pub(super) gap: f64,
    /// Deviation of the gaps by their mean.
    pub(super) gaps: f64,
    /// Deviation of the bytes by their mean.
    pub(super) bytes: f64,
}

impl History {
    /// One more conversation, which began then and sent so much.
    pub(super) fn add(&mut self, start: i64, bytes: u64) -> Regularity {
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "about")]
        let bytes = real(bytes) as f32;
        self.count = self.count.saturating_add(1);
        if self.count == 1 {
            self.first_bytes = bytes;
        } else {
            let first = self.first_bytes;
            let more = self.more.get_or_insert_with(|| {
                let mut more = Box::<More>::default();
                more.bytes.add(first);
                more
            });
            more.gaps.add(seconds(start.abs_diff(self.last)));
            more.bytes.add(bytes);
        }
        self.last = start;
        let (gaps, amounts) = match &self.more {
            Some(more) => (more.gaps.spread(), more.bytes.spread()),
            None => (None, None),
        };
        let cut = |value: f64| value.min(IRREGULAR);
        Regularity {
            count: real(self.count),
            gap: gaps.map_or(0.0, |it| it.mean),
            gaps: gaps
                .filter(|it| it.mean > 0.0)
                .map_or(IRREGULAR, |it| cut(it.deviation / it.mean)),
            bytes: amounts.map_or(IRREGULAR, |it| {
                if it.mean > 0.0 { cut(it.deviation / it.mean) } else { 0.0 }
            }),
        }
    }
}

fn seconds(nanoseconds: u64) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "about")]
    let seconds = (real(nanoseconds) / 1e9) as f32;
    seconds
}

/// The last values.
#[derive(Debug, Default)]
struct Ring {
    values: [f32; KEPT],
    held: usize,
    next: usize,
}

#[derive(Clone, Copy)]
struct Spread {
    mean: f64,
    /// Of the population.
    deviation: f64,
}

impl Ring {
    fn add(&mut self, value: f32) {
        if let Some(place) = self.values.get_mut(self.next) {
            *place = value;
        }
        self.next = (self.next + 1) % KEPT;
        self.held = (self.held + 1).min(KEPT);
    }

    fn spread(&self) -> Option<Spread> {
        let values = self.values.get(..self.held).filter(|it| it.len() >= ENOUGH)?;
        let count = super::size(values.len());
        let mean = values.iter().map(|it| f64::from(*it)).sum::<f64>() / count;
        let square = |it: &f32| (f64::from(*it) - mean).powi(2);
        let deviation = (values.iter().map(square).sum::<f64>() / count).sqrt();
        Some(Spread { mean, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacon_is_regular_and_only_the_last_twenty_count() {
        let mut history = History::default();
        let mut last = history.add(0, 5);
        assert_eq!(last, Regularity { count: 1.0, gap: 0.0, gaps: 9.0, bytes: 9.0 });
        for round in 1..=3 {
            last = history.add(round * 1_000_000, 900);
        }
        assert!(last.bytes > 0.5 && last.gap < 0.01, "{last:?}");
        for round in 1..=20 {
            last = history.add(3_000_000 + round * 60_000_000_000, 100);
        }
        assert_eq!(last, Regularity { count: 24.0, gap: 60.0, gaps: 0.0, bytes: 0.0 });
    }
}

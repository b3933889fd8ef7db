//! When the same place was called on, and how regular that was.

use capture::{Flow, Moment};

use super::figures::{number, regularity, share, variation};

/// The last calls of one host on one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rhythm {
    /// When, and how many bytes were sent; in order of time, at most [`Rhythm::CALLS`].
    kept: Vec<(Moment, f64)>,
    /// How many there were in all.
    pub(crate) count: u64,
    /// When the first was.
    pub(crate) first: Option<Moment>,
}

/// What the calls come to, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// How regular the times between calls are.
    pub(crate) timing: f64,
    /// How alike the calls are in size.
    pub(crate) size: f64,
    /// How long it has gone on, against the time that is ideal.
    pub(crate) duration: f64,
    /// How evenly the calls are spread over that time.
    pub(crate) histogram: f64,
    /// Deviation over mean of the times between calls.
    pub(crate) variation: f64,
    /// The mean time between calls, in seconds.
    pub(crate) gap_s: f64,
}

impl Score {
    /// RITA's score: a quarter of each.
    pub(crate) fn total(&self) -> f64 {
        (self.timing + self.size + self.duration + self.histogram) / 4.0
    }
}

impl Rhythm {
    /// The most calls that are kept.
    pub(crate) const CALLS: usize = 64;

    /// One more call. Calls less than a second after the one before belong to it: a page brings
    /// many at once.
    pub(crate) fn add(&mut self, flow: &Flow) {
        self.count += super::outcome::times(flow);
        self.first = Some(self.first.map_or(flow.start, |first| first.min(flow.start)));
        let place = self.kept.partition_point(|(at, _)| *at <= flow.start);
        if place == 0 && self.kept.len() >= Self::CALLS {
            return;
        }
        self.kept.insert(place, (flow.start, super::figures::long(flow.forward.payload)));
        if self.kept.len() > Self::CALLS {
            self.kept.remove(0);
        }
    }

    /// The times between calls, in seconds; those within a second of the one before left out.
    pub(crate) fn gaps(&self) -> Vec<f64> {
        let mut gaps = Vec::with_capacity(self.kept.len());
        let mut before: Option<Moment> = None;
        for (at, _) in &self.kept {
            match before {
                Some(last) if at.since(last) < 1.0 => {}
                Some(last) => {
                    gaps.push(at.since(last));
                    before = Some(*at);
                }
                None => before = Some(*at),
            }
        }
        gaps
    }

    /// What it comes to; `None` below `least` times between calls. `ideal_s` is how long it must
    /// go on for full marks.
    pub(crate) fn score(&self, least: usize, ideal_s: f64) -> Option<Score> {
        let gaps = self.gaps();
        if gaps.len() + 1 < least.max(3) {
            return None;
        }
        let (oldest, newest) = (self.kept.first()?.0, self.kept.last()?.0);
        let sizes: Vec<f64> = self.kept.iter().map(|(_, bytes)| *bytes).collect();
        let since_first = newest.since(self.first.unwrap_or(oldest));
        Some(Score {
            timing: regularity(&gaps),
            size: regularity(&sizes),
            duration: share(since_first, ideal_s).clamp(0.0, 1.0),
            histogram: self.evenness(oldest, newest),
            variation: variation(&gaps).unwrap_or(f64::INFINITY),
            gap_s: gaps.iter().sum::<f64>() / number(gaps.len()),
        })
    }

    /// One minus the variation of how many calls fall into each eighth of the time.
    fn evenness(&self, first: Moment, last: Moment) -> f64 {
        let mut eighths = [0.0_f64; 8];
        let whole = last.since(first).max(f64::MIN_POSITIVE);
        for (at, _) in &self.kept {
            let part = (at.since(first) / whole * 8.0).clamp(0.0, 7.0);
            #[expect(
                clippy::as_conversions,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to 7"
            )]
            let eighth = part as usize;
            if let Some(count) = eighths.get_mut(eighth) {
                *count += 1.0;
            }
        }
        (1.0 - variation(&eighths).unwrap_or(1.0)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::proving::flow;

    #[test]
    fn a_clock_scores_high_and_a_reader_low() {
        let (mut clock, mut reader) = (Rhythm::default(), Rhythm::default());
        let mut at = 0;
        for n in 0_u32..40 {
            clock.add(&flow("10.0.0.1:1 > 192.0.2.1:443", n * 600).talk(200, 300, 4).0);
            at += [3, 900, 2, 4000, 40, 7, 300][usize::try_from(n % 7).unwrap()];
            let bytes = u64::from(n % 11) * 900;
            reader.add(&flow("10.0.0.1:1 > 192.0.2.1:443", at).talk(bytes, 300, 4).0);
        }
        let score = clock.score(10, 21_600.0).unwrap();
        assert!(score.total() > 0.9 && score.variation < 0.01, "{score:?}");
        let score = reader.score(10, 21_600.0).unwrap();
        assert!(score.total() < 0.8 && score.variation > 0.5, "{score:?}");
    }

    #[test]
    fn it_keeps_only_so_many_and_takes_them_in_any_order() {
        let mut rhythm = Rhythm::default();
        for n in (0_u32..1_000).rev() {
            rhythm.add(&flow("10.0.0.1:1 > 192.0.2.1:443", n * 60).0);
        }
        assert!(rhythm.gaps().len() < Rhythm::CALLS);
        assert!(rhythm.gaps().iter().all(|gap| *gap > 0.0));
        assert_eq!(rhythm.count, 1_000);
    }

    #[test]
    fn calls_of_one_moment_are_one_call() {
        let mut rhythm = Rhythm::default();
        for _ in 0..50 {
            rhythm.add(&flow("10.0.0.1:1 > 192.0.2.1:443", 0).0);
        }
        assert_eq!(rhythm.score(10, 1.0), None);
    }
}

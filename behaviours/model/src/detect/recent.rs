//! Which different things were met lately, and how much of something there was lately.

use std::collections::VecDeque;

use capture::Moment;

/// Different things met within a window, each with a mark (of its last time), at most so many.
/// When there are more, the one met longest ago leaves: counts are right up to the bound.
#[derive(Clone, Debug)]
pub(crate) struct Recent<K> {
    met: VecDeque<(K, Moment, bool)>,
    most: usize,
}

impl<K: PartialEq> Recent<K> {
    /// Of at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { met: VecDeque::new(), most: most.max(1) }
    }

    /// Meets `key`; says whether it was not among the recent ones. A clock that went back by more
    /// than the window starts anew.
    pub(crate) fn meet(&mut self, key: K, at: Moment, mark: bool, within_s: f64) -> bool {
        let last = self.met.back().map_or(at, |(_, last, _)| *last);
        if last.since(at) > within_s {
            self.met.clear();
        }
        let at = if last.since(at) > within_s { at } else { at.max(last) };
        self.forget(at, within_s);
        let before = self.met.iter().position(|(other, ..)| *other == key);
        if let Some(place) = before {
            self.met.remove(place);
        }
        if self.met.len() >= self.most {
            self.met.pop_front();
        }
        self.met.push_back((key, at, mark));
        before.is_none()
    }

    /// Forgets what is older than the window.
    pub(crate) fn forget(&mut self, now: Moment, within_s: f64) {
        while self.met.front().is_some_and(|(_, at, _)| now.since(*at) > within_s) {
            self.met.pop_front();
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.met.len()
    }

    /// How many of them are marked.
    pub(crate) fn marked(&self) -> usize {
        self.met.iter().filter(|(_, _, mark)| *mark).count()
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> {
        self.met.iter().map(|(key, ..)| key)
    }
}

/// How many slices a window is cut into.
const SLICES: usize = 20;

/// A sum over a sliding window, to a twentieth of its length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    slices: [f64; SLICES],
    /// The number of the newest slice, counted from 1970.
    newest: i64,
}

impl Sum {
    /// Adds `amount`; what is older than the window is left out. A clock that went back by more
    /// than the window starts anew.
    pub(crate) fn add(&mut self, at: Moment, amount: f64, within_s: f64) {
        let number = number(at, within_s);
        self.forward(number);
        if let Some(slice) = self.slices.get_mut(place(number)) {
            *slice += amount;
        }
    }

    /// What there was in the window that ends at `now`.
    pub(crate) fn total(&self) -> f64 {
        self.slices.iter().sum()
    }

    /// What there was in the window that ends at `now`, without moving on.
    pub(crate) fn total_at(&self, now: Moment, within_s: f64) -> f64 {
        let mut moved = self.clone();
        moved.forward(number(now, within_s));
        moved.total()
    }

    fn forward(&mut self, number: i64) {
        let steps = number.saturating_sub(self.newest);
        let slices = i64::try_from(SLICES).unwrap_or(i64::MAX);
        if steps.saturating_abs() >= slices {
            self.slices = [0.0; SLICES];
            self.newest = number;
            return;
        }
        for step in 1..=steps {
            if let Some(slice) = self.slices.get_mut(place(self.newest.saturating_add(step))) {
                *slice = 0.0;
            }
        }
        self.newest = self.newest.max(number);
    }
}

fn number(at: Moment, within_s: f64) -> i64 {
    let width = (within_s * 1e9).max(20.0) / 20.0;
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "saturates")]
    let width = width as i64;
    at.0.div_euclid(width.max(1))
}

fn place(number: i64) -> usize {
    let slices = i64::try_from(SLICES).unwrap_or(1);
    usize::try_from(number.rem_euclid(slices)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut recent = Recent::new(10);
        assert!(recent.meet(1, Moment::from_secs(0.0), true, 300.0));
        assert!(!recent.meet(1, Moment::from_secs(200.0), false, 300.0));
        assert!(recent.meet(2, Moment::from_secs(450.0), true, 300.0));
        assert_eq!((recent.count(), recent.marked()), (2, 1));
        recent.meet(3, Moment::from_secs(501.0), true, 300.0);
        assert_eq!(recent.count(), 2);
    }

    #[test]
    fn there_are_never_more_than_the_bound() {
        let mut recent = Recent::new(4);
        for key in 0..100 {
            recent.meet(key, Moment::from_secs(0.0), true, 300.0);
        }
        assert_eq!(recent.iter().copied().collect::<Vec<_>>(), [96, 97, 98, 99]);
    }

    #[test]
    fn a_clock_that_went_back_starts_anew_and_is_not_stuck() {
        let mut recent = Recent::new(4);
        recent.meet(1, Moment::from_secs(1e9), true, 300.0);
        recent.meet(2, Moment::from_secs(10.0), true, 300.0);
        recent.meet(3, Moment::from_secs(5.0), true, 300.0);
        assert_eq!(recent.count(), 2);
        let mut sum = Sum::default();
        sum.add(Moment::from_secs(1e9), 5.0, 10.0);
        sum.add(Moment::from_secs(1.0), 7.0, 10.0);
        assert!((sum.total() - 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_sum_slides() {
        let mut sum = Sum::default();
        for second in 0_u32..100 {
            sum.add(Moment::from_secs(f64::from(second)), 1.0, 10.0);
        }
        assert!((sum.total() - 10.0).abs() <= 1.0, "{}", sum.total());
        assert!(sum.total_at(Moment::from_secs(200.0), 10.0) < 1e-9);
    }

    #[test]
    fn moments_at_the_ends_of_time_do_no_harm() {
        let mut sum = Sum::default();
        let mut recent = Recent::new(4);
        for at in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN] {
            sum.add(Moment(at), 1.0, 0.0);
            recent.meet(at, Moment(at), true, f64::NAN);
        }
        assert!(sum.total() >= 1.0);
        assert!(recent.count() <= 4);
    }
}

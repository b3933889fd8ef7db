//! What an agent can still say of its last results.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Results that are remembered; the oldest are forgotten first.
const MOST: usize = 1000;

/// The last results, and what can be said of each.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<(String, String)>>);

impl Recent {
    pub(crate) fn note(&self, result: String, why: String) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= MOST {
            recent.pop_front();
        }
        recent.push_back((result, why));
    }

    pub(crate) fn find(&self, result: &str) -> Option<String> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find_map(|(it, why)| (it == result).then(|| why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_are_remembered() {
        let recent = Recent::default();
        for number in 0..=MOST {
            recent.note(number.to_string(), format!("why {number}"));
        }
        assert_eq!(recent.find("0"), None);
        assert_eq!(recent.find("1000").as_deref(), Some("why 1000"));
    }
}

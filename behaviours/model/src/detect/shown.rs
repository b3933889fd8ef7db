//! A detector as it can be looked at: its states, its subjects, and where they stand.

use serde::{Deserialize, Serialize};

use super::{
    Kind,
    stage::{ShownState, Stage, states},
    table::Table,
};

/// What a detector has in mind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Which.
    pub detector: Kind,
    /// What it finds.
    pub about: String,
    /// Its states and their moves; a subject starts in the first.
    pub states: Vec<ShownState>,
    /// How many subjects it follows.
    pub tracked: usize,
    /// How many it can follow; then the one quiet for longest leaves.
    pub most: usize,
    /// How many had to leave.
    pub evicted: u64,
    /// Those that are no longer where they started, the latest first; at most [`Shown::SUBJECTS`].
    pub subjects: Vec<ShownSubject>,
}

impl Shown {
    /// The most subjects that are shown.
    pub const SUBJECTS: usize = 50;

    /// Adds the second table of a detector that keeps two, and its states where they differ.
    pub(crate) fn join(&mut self, other: Self) {
        self.tracked += other.tracked;
        self.most += other.most;
        self.evicted += other.evicted;
        let new = other.states.into_iter().filter(|state| !self.states.contains(state));
        let new: Vec<ShownState> = new.collect();
        self.states.extend(new);
        self.subjects.extend(other.subjects);
        self.subjects.truncate(Self::SUBJECTS);
    }
}

/// One subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownSubject {
    /// Who.
    pub subject: String,
    /// Where it stands.
    pub state: String,
    /// Its counters.
    pub counters: Vec<(String, f64)>,
}

/// What a table holds. Each subject is given as its name, its state and its counters.
pub(crate) fn shown<K: Clone + Eq + std::hash::Hash, V, S: Stage>(
    detector: Kind,
    table: &Table<K, V>,
    tell: impl Fn(&K, &V) -> (String, S, Vec<(&'static str, f64)>),
) -> Shown {
    let subjects = table
        .iter()
        .map(|(key, value)| tell(key, value))
        .filter(|(_, stage, _)| Some(stage) != S::ALL.first())
        .take(Shown::SUBJECTS)
        .map(|(subject, stage, counters)| ShownSubject {
            subject,
            state: stage.name().to_owned(),
            counters: counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        })
        .collect();
    Shown {
        detector,
        about: detector.about().to_owned(),
        states: states::<S>(),
        tracked: table.len(),
        most: table.most(),
        evicted: table.evicted(),
        subjects,
    }
}

//! The states of a detector's subject, and a place among them that only moves as the table allows.

use serde::{Deserialize, Serialize};

/// The states that a subject of a detector can be in.
pub(crate) trait Stage: Copy + Eq + Send + 'static {
    /// All of them; a subject starts in the first.
    const ALL: &'static [Self];

    /// What it is called.
    fn name(self) -> &'static str;

    /// What happens there, in one line.
    fn about(self) -> &'static str;

    /// Which may follow.
    fn moves(self) -> &'static [Self];
}

/// One state as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownState {
    /// What it is called.
    pub name: String,
    /// What happens there.
    pub about: String,
    /// Which may follow.
    pub moves: Vec<String>,
}

/// The states and moves of a table, to draw.
pub(crate) fn states<S: Stage>() -> Vec<ShownState> {
    let shown = |stage: &S| ShownState {
        name: stage.name().to_owned(),
        about: stage.about().to_owned(),
        moves: stage.moves().iter().map(|next| next.name().to_owned()).collect(),
    };
    S::ALL.iter().map(shown).collect()
}

/// Where a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<S>(S);

impl<S: Stage> Place<S> {
    /// At `start`.
    pub(crate) fn at(start: S) -> Self {
        Self(start)
    }

    /// Where it is.
    pub(crate) fn now(self) -> S {
        self.0
    }

    /// Moves, if the table has that move; says whether it did.
    pub(crate) fn go(&mut self, to: S) -> bool {
        let allowed = self.0.moves().contains(&to);
        if allowed {
            self.0 = to;
        }
        allowed
    }
}

/// Writes the states of a detector and the table of their moves.
macro_rules! stages {
    (
        $(#[$doc:meta])*
        enum $name:ident { $($variant:ident $label:literal $about:literal => [$($next:ident),* $(,)?]),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum $name { $(#[doc = $about] $variant),+ }

        impl $crate::detect::stage::Stage for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),+ }
            }

            fn moves(self) -> &'static [Self] {
                match self { $(Self::$variant => &[$(Self::$next),*]),+ }
            }
        }
    };
}
pub(crate) use stages;

#[cfg(test)]
mod tests {
    use super::*;

    stages! {
        enum Door {
            Shut "shut" "nobody gets in" => [Open],
            Open "open" "anybody gets in" => [],
        }
    }

    #[test]
    fn a_move_that_the_table_lacks_is_not_made() {
        let mut place = Place::at(Door::Shut);
        assert!(!place.go(Door::Shut));
        assert!(place.go(Door::Open));
        assert!(!place.go(Door::Shut));
        assert_eq!(place.now(), Door::Open);
    }

    #[test]
    fn the_table_can_be_drawn() {
        let states = states::<Door>();
        assert_eq!(states.first().unwrap().moves, ["open"]);
        assert!(states.last().unwrap().moves.is_empty());
    }
}

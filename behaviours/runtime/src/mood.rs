//! How an agent shows itself to those who see its presence.

use types::Show;

/// What an agent says of its availability; a road announces it whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mood {
    /// How available it is.
    pub show: Show,
    /// In its own words.
    pub status: Option<String>,
    /// Which of an account's connections is to be preferred, -128 to 127. Below 1, a SPADE agent
    /// takes it for gone.
    pub priority: i8,
    /// How busy it is, in percent.
    pub load: u8,
}

impl Default for Mood {
    /// There, with nothing to say and nothing to do.
    fn default() -> Self {
        Self { show: Show::Available, status: None, priority: 1, load: 0 }
    }
}

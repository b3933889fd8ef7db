//! When to start a behaviour again.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;
use types::Exit;

/// After which ends a behaviour is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// After none.
    Never,
    /// After a failure or a panic.
    #[default]
    OnFailure,
    /// After every end but the ones that were asked for.
    Always,
}

/// How a behaviour is kept going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervision {
    /// After which ends it is started again.
    pub restart: Restart,
    /// How many restarts within `window` are too many.
    pub limit: usize,
    /// Over what time restarts count.
    pub window: Duration,
    /// How long to wait before each.
    pub pause: Duration,
}

impl Default for Supervision {
    /// On failure, at most 5 times a minute, a second apart.
    fn default() -> Self {
        Self {
            restart: Restart::default(),
            limit: 5,
            window: Duration::from_mins(1),
            pause: Duration::from_secs(1),
        }
    }
}

impl From<Restart> for Supervision {
    fn from(restart: Restart) -> Self {
        Self { restart, ..Self::default() }
    }
}

/// Remembers restarts.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Instant>);

impl History {
    /// How long to wait before the next run; `None`: there is none.
    pub(crate) fn judge(&mut self, rule: &Supervision, exit: &Exit) -> Option<Duration> {
        let again = match (rule.restart, exit) {
            (Restart::Never, _)
            | (Restart::OnFailure, Exit::Done)
            | (_, Exit::Stopped | Exit::Killed) => false,
            (Restart::OnFailure | Restart::Always, Exit::Failed(_) | Exit::Panicked(_))
            | (Restart::Always, Exit::Done) => true,
        };
        if !again {
            return None;
        }
        let now = Instant::now();
        self.0.retain(|then| now.duration_since(*then) < rule.window);
        self.0.push_back(now);
        (self.0.len() <= rule.limit).then_some(rule.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_end_under_every_rule() {
        let failed = || Exit::Failed("so".to_owned());
        let panicked = || Exit::Panicked("so".to_owned());
        let table = [
            (Restart::Never, [false, false, false, false, false]),
            (Restart::OnFailure, [false, true, true, false, false]),
            (Restart::Always, [true, true, true, false, false]),
        ];
        for (restart, expected) in table {
            let ends = [Exit::Done, failed(), panicked(), Exit::Stopped, Exit::Killed];
            let again = ends.map(|exit| History::default().judge(&restart.into(), &exit).is_some());
            assert_eq!(again, expected, "{restart:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_count_within_the_window_only() {
        let rule = Supervision { limit: 1, ..Supervision::default() };
        let mut history = History::default();
        let failed = Exit::Failed("so".to_owned());
        assert!(history.judge(&rule, &failed).is_some());
        assert!(history.judge(&rule, &failed).is_none());
        tokio::time::advance(rule.window).await;
        assert!(history.judge(&rule, &failed).is_some());
    }
}

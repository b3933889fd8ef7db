//! What a model is shown of a conversation: 79 numbers, and in which order.
//!
//! The numbers are those of [`NAMES`]. A model says in its card which [`hash`] of them it was
//! trained on, and one with another is refused.
//!
//! # Order
//! Conversations are taken in the order in which they *end*, as a probe tells them. The clock of the
//! windows is the end of the conversation at hand and does not go back: what is told late (a
//! conversation that had to be silent for a while before it was over) counts as now. Gaps between
//! conversations are between their *starts*. Who replays a log sorts it by the ends first.

mod address;
mod context;
mod generations;
mod history;
mod host;
mod intrinsic;
mod names;
mod recent;

use capture::{Flow, Moment};
pub use context::Bounds;
use context::Context;
pub use names::{COUNT, Feature, NAMES, VERSION, hash};
pub(crate) use recent::Recent;

/// The features of one conversation, in the order of [`NAMES`].
pub type Row = [f32; COUNT];

/// Makes features of conversations. It remembers of each source what it did in the last five
/// minutes, within [`Bounds`].
#[derive(Debug)]
pub struct Extractor {
    context: Context,
}

impl Default for Extractor {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Extractor {
    /// One that remembers no more than that.
    pub fn new(bounds: Bounds) -> Self {
        Self { context: Context::new(bounds) }
    }

    /// The features of the next conversation. O(1), amortised.
    pub fn row(&mut self, flow: &Flow) -> Row {
        self.row_at(flow, flow.end)
    }

    /// As [`row`](Self::row), with another clock than the conversation's end.
    pub fn row_at(&mut self, flow: &Flow, now: Moment) -> Row {
        let mut row = [0.0; COUNT];
        let mut cells = Cells(row.iter_mut());
        intrinsic::fill(&mut cells, flow);
        self.context.fill(&mut cells, flow, now);
        row
    }

    /// How many sources are remembered.
    pub fn sources(&self) -> usize {
        self.context.sources()
    }
}

/// The places of a row, filled one after the other.
struct Cells<'a>(std::slice::IterMut<'a, f32>);

impl Cells<'_> {
    fn add(&mut self, value: f64) {
        if let Some(place) = self.0.next() {
            #[expect(
                clippy::as_conversions,
                clippy::cast_possible_truncation,
                reason = "f32 it is"
            )]
            let value = value as f32;
            *place = value;
        }
    }

    /// ln(1 + value)
    fn log(&mut self, value: f64) {
        // `ln_1p` is slower, and better only where f32 does not see it.
        self.add((1.0 + value.max(0.0)).ln());
    }

    fn flag(&mut self, holds: bool) {
        self.add(if holds { 1.0 } else { 0.0 });
    }
}

/// A count as a number to reckon with.
fn real(count: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "above 2^53 it is far")]
    let number = count as f64;
    number
}

/// The length of something.
fn size(length: usize) -> f64 {
    real(u64::try_from(length).unwrap_or(u64::MAX))
}

//! A batch of rows of numbers.

use std::borrow::Cow;

/// Rows, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix<'a> {
    /// Numbers of a row; never 0 where there are numbers.
    pub(super) width: usize,
    pub(super) values: Cow<'a, [f32]>,
}

impl Matrix<'_> {
    /// What was made.
    pub(super) fn of(width: usize, values: Vec<f32>) -> Self {
        Self { width, values: Cow::Owned(values) }
    }

    /// The rows.
    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.width.max(1))
    }
}

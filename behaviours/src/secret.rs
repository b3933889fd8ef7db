//! A secret that a file holds.

use std::{fmt, fs, io, path::Path, sync::Arc};

/// A token. It is not shown.
#[derive(Clone)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    /// Reads the first line of a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Ok(Self(text.lines().next().unwrap_or_default().trim().into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

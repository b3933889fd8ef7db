//! Reads what comes, up to a bound.

use tokio::io::{AsyncRead, AsyncReadExt};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) bytes: Vec<u8>,
    /// Whether there was more than the bound.
    pub(super) cut: bool,
}

/// Reads until the end or one byte more than `limit`; what is beyond is not kept. What was read
/// before a fault is kept too.
pub(super) async fn capture(source: impl AsyncRead + Unpin, limit: usize) -> Captured {
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = source.take(bound).read_to_end(&mut bytes).await {
        tracing::debug!(%error, "the output broke off");
    }
    let cut = bytes.len() > limit;
    bytes.truncate(limit);
    Captured { bytes, cut }
}

//! Bytes that nobody can foresee.

/// So many random bytes. Without a source of chance they are zero: what they are used for here
/// only has to differ, it does not have to be secret.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    if getrandom::fill(&mut bytes).is_err() {
        tracing::warn!("this system has no source of chance");
    }
    bytes
}

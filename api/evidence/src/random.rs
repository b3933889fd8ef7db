//! Random bytes from the operating system.

/// `N` random bytes that read as a positive number in DER: the first is 0x40 to 0x7f.
#[expect(clippy::expect_used, reason = "a guessable nonce or serial would be worse than stopping")]
pub(crate) fn positive<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has a random source");
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    bytes
}

//! The Internet checksum (RFC 1071).

/// The sum of the words of several pieces; each but the last has an even length.
pub(crate) fn sum(pieces: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for piece in pieces {
        let (words, rest) = piece.as_chunks::<2>();
        sum += words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
        if let [last] = rest {
            sum += u64::from(*last) << 8;
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "at most 0xffff")]
    let sum = sum as u16;
    sum
}

/// Whether what TCP, UDP and `ICMPv6` carry is as they say.
pub(crate) fn is_right(source: u128, destination: u128, protocol: u8, segment: &[u8]) -> bool {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX).to_be_bytes();
    let kind = [0, 0, 0, protocol];
    // The prefix of mapped addresses, 0xffff, twice makes nothing of the sum.
    let pieces: [&[u8]; 5] =
        [&source.to_be_bytes(), &destination.to_be_bytes(), &length, &kind, segment];
    sum(&pieces) == 0xffff
}

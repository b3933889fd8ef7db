//! What was seen, packed for the road.

use std::io::{Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use capture::Seen;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use types::Traffic;

/// Bytes of a packed batch at which it is sent.
const FULL: u64 = 40 * 1024;
/// Bytes that a batch may unpack to.
const LARGEST: u64 = 16 << 20;
/// Things in a batch, at most.
pub(crate) const MOST: u32 = 4096;

/// A batch that is being filled.
#[derive(Debug)]
pub(crate) struct Batch {
    packer: DeflateEncoder<Vec<u8>>,
    count: u32,
}

/// Why a batch cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error("`packed` is no base64")]
    Base64(#[source] base64::DecodeError),
    #[error("`packed` cannot be unpacked")]
    Packed(#[source] std::io::Error),
    #[error("`packed` holds more than {LARGEST} bytes")]
    TooLarge,
    #[error("line {line} of `packed` is nothing that can be seen")]
    Line {
        line: usize,
        #[source]
        cause: serde_json::Error,
    },
    #[error("`packed` holds more than {MOST} things")]
    TooMany,
}

impl Default for Batch {
    fn default() -> Self {
        Self { packer: DeflateEncoder::new(Vec::new(), Compression::fast()), count: 0 }
    }
}

impl Batch {
    /// Adds one thing; says whether the batch is full now.
    pub(crate) fn add(&mut self, seen: &Seen) -> Result<bool, std::io::Error> {
        serde_json::to_writer(&mut self.packer, seen)?;
        self.packer.write_all(b"\n")?;
        self.count += 1;
        let is_large = u64::try_from(self.packer.get_ref().len()).is_ok_and(|it| it >= FULL);
        Ok(is_large || self.count >= MOST)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Closes it.
    pub(crate) fn seal(
        self,
        capture: &str,
        number: u64,
        unsent: u64,
        past: bool,
    ) -> Result<Traffic, std::io::Error> {
        let packed = STANDARD.encode(self.packer.finish()?);
        Ok(Traffic { capture: capture.to_owned(), number, count: self.count, unsent, past, packed })
    }
}

/// Reads a batch of somebody else.
pub(crate) fn open(traffic: &Traffic) -> Result<Vec<Seen>, BatchError> {
    let packed = STANDARD.decode(&traffic.packed).map_err(BatchError::Base64)?;
    let mut text = Vec::new();
    let mut unpacker = DeflateDecoder::new(packed.as_slice()).take(LARGEST + 1);
    unpacker.read_to_end(&mut text).map_err(BatchError::Packed)?;
    if u64::try_from(text.len()).is_ok_and(|it| it > LARGEST) {
        return Err(BatchError::TooLarge);
    }
    let mut seen = Vec::new();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (line, text) in lines.enumerate() {
        if u32::try_from(seen.len()).is_ok_and(|it| it >= MOST) {
            return Err(BatchError::TooMany);
        }
        let one = serde_json::from_slice(text);
        seen.push(one.map_err(|cause| BatchError::Line { line: line + 1, cause })?);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use capture::{Arp, ArpKind, Moment};

    use super::*;

    fn claim(number: u8) -> Seen {
        Seen::Arp(Arp {
            at: Moment(number.into()),
            kind: ArpKind::Reply,
            from: None,
            sender: [number; 6],
            sender_address: [10, 0, 0, number].into(),
            target_address: [10, 0, 0, 1].into(),
        })
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut batch = Batch::default();
        for number in 0..200 {
            assert!(!batch.add(&claim(number)).unwrap());
        }
        let traffic = batch.seal("one", 7, 3, true).unwrap();
        assert_eq!((traffic.count, traffic.number, traffic.unsent), (200, 7, 3));
        assert!(traffic.packed.len() < 20_000, "{}", traffic.packed.len());
        let seen: Vec<Seen> = (0..200).map(claim).collect();
        assert_eq!(open(&traffic).unwrap(), seen);
    }

    #[test]
    fn a_batch_is_never_too_large() {
        let mut batch = Batch::default();
        let mut count = 0;
        while !batch.add(&claim(1)).unwrap() {
            count += 1;
        }
        assert_eq!(count, MOST - 1);
    }

    #[test]
    fn what_is_no_batch_says_why() {
        let packed = |bytes: &[u8]| {
            let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
            packer.write_all(bytes).unwrap();
            STANDARD.encode(packer.finish().unwrap())
        };
        let zeros = vec![b' '; usize::try_from(LARGEST).unwrap() + 2];
        for (text, expected) in [
            ("%".to_owned(), "no base64"),
            (STANDARD.encode(b"\xff\xff\xff"), "cannot be unpacked"),
            (packed(b"{\"flow\":{}}\n"), "line 1 of `packed`"),
            (packed(&zeros), "holds more than"),
        ] {
            let traffic = Traffic {
                capture: String::new(),
                number: 0,
                count: 0,
                unsent: 0,
                past: false,
                packed: text,
            };
            let error = open(&traffic).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

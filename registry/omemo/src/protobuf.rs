//! As much of the protocol buffers' encoding as the ratchets' messages need.

/// Writes fields in order.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A byte before the fields.
    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn number(mut self, field: u8, value: u32) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(u64::from(value));
        self
    }

    pub(crate) fn bytes(mut self, field: u8, value: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while let (low, rest @ 1..) = (value & 0x7f, value >> 7) {
            self.0.push(u8::try_from(low).unwrap_or_default() | 0x80);
            value = rest;
        }
        self.0.push(u8::try_from(value).unwrap_or_default());
    }
}

/// The fields 1 to 6 of a message; of one that comes twice the last, as the encoding says. Others
/// are passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    numbers: [Option<u32>; 7],
    bytes: [Option<&'a [u8]>; 7],
}

impl<'a> Fields<'a> {
    /// Reads to the end; `None` when it is not the encoding.
    pub(crate) fn read(mut message: &'a [u8]) -> Option<Self> {
        let mut fields = Self::default();
        while !message.is_empty() {
            let tag = varint(&mut message)?;
            let field = usize::try_from(tag >> 3).ok()?;
            match tag & 7 {
                0 => {
                    let value = varint(&mut message)?;
                    if let Some(slot) = fields.numbers.get_mut(field) {
                        *slot = Some(u32::try_from(value).ok()?);
                    }
                }
                2 => {
                    let length = usize::try_from(varint(&mut message)?).ok()?;
                    let (value, rest) = message.split_at_checked(length)?;
                    message = rest;
                    if let Some(slot) = fields.bytes.get_mut(field) {
                        *slot = Some(value);
                    }
                }
                1 => message = message.get(8..)?,
                5 => message = message.get(4..)?,
                _ => return None,
            }
        }
        Some(fields)
    }

    pub(crate) fn number(&self, field: usize) -> Option<u32> {
        self.numbers.get(field).copied().flatten()
    }

    pub(crate) fn bytes(&self, field: usize) -> Option<&'a [u8]> {
        self.bytes.get(field).copied().flatten()
    }
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        let low = u64::from(byte & 0x7f);
        if low.leading_zeros() < shift {
            return None;
        }
        value |= low << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 128, 300, u32::MAX] {
            let written = Writer::default().number(1, number).bytes(4, b"abc").done();
            let fields = Fields::read(&written).unwrap();
            assert_eq!((fields.number(1), fields.bytes(4)), (Some(number), Some(&b"abc"[..])));
            assert_eq!((fields.number(2), fields.bytes(1)), (None, None));
            for end in 1..written.len() {
                let cut = Fields::read(&written[..end]);
                assert!(cut.is_none_or(|it| it.bytes(4).is_none()), "{end}");
            }
        }
    }

    #[test]
    fn numbers_that_are_too_large_are_refused() {
        assert_eq!(Fields::read(&[8, 255, 255, 255, 255, 31]), None);
        assert_eq!(Fields::read(&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]), None);
        assert_eq!(Fields::read(&[34, 255, 255, 255, 255, 15]), None);
        assert_eq!(Fields::read(&[11]), None);
    }

    #[test]
    fn of_a_field_that_comes_twice_the_last_holds_and_others_are_passed_over() {
        let written = Writer::default().number(1, 1).bytes(15, b"x").number(1, 2).done();
        assert_eq!(Fields::read(&written).unwrap().number(1), Some(2));
    }
}

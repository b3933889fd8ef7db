//! The little of Protocol Buffers that OMEMO needs, read strictly.

/// Not a message of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number.
    Number(u64),
    /// Bytes, or a message within.
    Bytes(&'a [u8]),
    /// Something of a fixed size, of which OMEMO has none.
    Fixed,
}

impl<'a> Value<'a> {
    /// As the number that it must be.
    pub(crate) fn number(self) -> Result<u32, Malformed> {
        let Self::Number(number) = self else { return Err(Malformed) };
        number.try_into().map_err(|_| Malformed)
    }

    /// As the bytes that they must be.
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        let Self::Bytes(bytes) = self else { return Err(Malformed) };
        Ok(bytes)
    }

    /// As bytes of a certain length.
    pub(crate) fn array<const N: usize>(self) -> Result<[u8; N], Malformed> {
        self.bytes()?.try_into().map_err(|_| Malformed)
    }
}

/// The fields of a message, one after the other as they came.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed),
        };
        match tag >> 3 {
            0 => Err(Malformed),
            number => Ok((number, value)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            let digits = u64::from(byte & 0x7f);
            if shift == 63 && digits > 1 {
                return Err(Malformed);
            }
            number |= digits << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// The values of those fields that have one of these numbers; the last where one comes twice, and
/// none of those that are not asked for.
pub(crate) fn pick<const N: usize>(
    bytes: &[u8],
    numbers: [u32; N],
) -> Result<[Option<Value<'_>>; N], Malformed> {
    let mut values = [None; N];
    for field in Fields(bytes) {
        let (number, value) = field?;
        let asked = numbers.iter().zip(&mut values).find(|(it, _)| **it == number);
        if let Some((_, place)) = asked {
            *place = Some(value);
        }
    }
    Ok(values)
}

/// Writes a field that holds a number.
pub(crate) fn put_number(out: &mut Vec<u8>, field: u8, number: u32) {
    out.push(field << 3);
    put_varint(out, number);
}

/// Writes a field that holds bytes, but for the bytes themselves.
#[expect(clippy::expect_used, reason = "no message of 4 GB is ever made")]
pub(crate) fn put_length(out: &mut Vec<u8>, field: u8, length: usize) {
    out.push(field << 3 | 2);
    put_varint(out, length.try_into().expect("a length within 4 GB"));
}

/// Writes a field that holds bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 128, 300, u32::MAX] {
            let mut written = Vec::new();
            put_number(&mut written, 1, number);
            put_bytes(&mut written, 4, b"text");
            let [one, four, five] = pick(&written, [1, 4, 5]).unwrap();
            assert_eq!(one.unwrap().number(), Ok(number));
            assert_eq!(four.unwrap().array(), Ok(*b"text"));
            assert_eq!(
                (four.unwrap().number(), one.unwrap().bytes()),
                (Err(Malformed), Err(Malformed))
            );
            assert_eq!(five, None);
        }
    }

    #[test]
    fn the_last_of_a_field_counts_and_others_are_passed_over() {
        let bytes = [8, 1, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4, 0x7a, 1, 9, 8, 2];
        assert_eq!(pick(&bytes, [1]), Ok([Some(Value::Number(2))]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            &[0][..],                                             // no field has the number 0
            &[8],                                                 // nothing after the tag
            &[8, 0x80],                                           // a number without an end
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], // more than 64 bits
            &[8, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0],
            &[10, 2, 1], // fewer bytes than it says
            &[10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            &[9, 1, 2, 3, 4, 5, 6, 7],
            &[13, 1, 2, 3],
            &[11, 12], // groups
            &[14],
        ] {
            assert_eq!(pick(bytes, [1]), Err(Malformed), "{bytes:?}");
        }
        let [large] = pick(&[8, 128, 128, 128, 128, 16], [1]).unwrap();
        assert_eq!(large.unwrap().number(), Err(Malformed), "more than 32 bits");
    }
}

//! Protocol buffers, as far as ONNX needs them: fields of a message, one after the other.

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// It ends within a field.
    #[error("it ends in the middle of something")]
    Truncated,
    /// A number has more than ten bytes.
    #[error("it has a number that does not end")]
    Number,
    /// A field is of a kind that is no longer in use, or never was.
    #[error("it has a field of kind {0}; the kinds are 0, 1, 2 and 5")]
    Kind(u8),
    /// It is too large.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// There is too much of something.
    #[error("it has more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it may have.
        most: usize,
    },
    /// A tensor does not have as many numbers as its shape says.
    #[error("the constant `{0}` has another length than its shape says")]
    Shape(String),
    /// A tensor is of something else.
    #[error(
        "the constant `{name}` is of type {kind}; read are 1 (f32), 6 (i32), 7 (i64), 11 (f64)"
    )]
    Element {
        /// Which.
        name: String,
        /// Of what.
        kind: i64,
    },
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held<'a> {
    /// A whole number.
    Number(u64),
    /// Four bytes.
    Four([u8; 4]),
    /// Eight bytes.
    Eight([u8; 8]),
    /// Bytes: a text, a message, or numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The number of the next field, and what it holds.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Held<'a>)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = number(&mut self.0)?;
        let held = match key & 7 {
            0 => Held::Number(number(&mut self.0)?),
            1 => Held::Eight(fixed(&mut self.0)?),
            2 => {
                let length = number(&mut self.0)?;
                let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
                Held::Bytes(take(&mut self.0, length)?)
            }
            5 => Held::Four(fixed(&mut self.0)?),
            kind => return Err(WireError::Kind(u8::try_from(kind).unwrap_or(u8::MAX))),
        };
        Ok(Some((key >> 3, held)))
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], WireError> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(*taken)
}

/// A whole number of seven bits a byte.
pub(super) fn number(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value: u64 = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Number)
}

/// A whole number with its sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

impl<'a> Held<'a> {
    /// The bytes, if it is some; of another kind nothing.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Four(_) | Self::Eight(_) => &[],
        }
    }

    /// The text; what is no UTF-8 in it is replaced.
    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// The whole number; of another kind 0.
    pub(super) fn int(self) -> i64 {
        match self {
            Self::Number(number) => signed(number),
            Self::Four(_) | Self::Eight(_) | Self::Bytes(_) => 0,
        }
    }

    /// Adds a number, or all of a packed field.
    pub(super) fn floats(self, all: &mut Vec<f32>) {
        match self {
            Self::Four(bytes) => all.push(f32::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (numbers, _) = bytes.as_chunks();
                all.extend(numbers.iter().map(|it| f32::from_le_bytes(*it)));
            }
            Self::Number(_) | Self::Eight(_) => {}
        }
    }

    /// Adds a number, or all of a packed field.
    pub(super) fn doubles(self, all: &mut Vec<f64>) {
        match self {
            Self::Eight(bytes) => all.push(f64::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (numbers, _) = bytes.as_chunks();
                all.extend(numbers.iter().map(|it| f64::from_le_bytes(*it)));
            }
            Self::Number(_) | Self::Four(_) => {}
        }
    }

    /// Adds a whole number, or all of a packed field.
    pub(super) fn ints(self, all: &mut Vec<i64>) -> Result<(), WireError> {
        match self {
            Self::Number(number) => all.push(signed(number)),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    all.push(signed(number(&mut bytes)?));
                }
            }
            Self::Four(_) | Self::Eight(_) => {}
        }
        Ok(())
    }
}

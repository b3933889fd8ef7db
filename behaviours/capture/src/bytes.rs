//! Numbers out of bytes that may not be there.

/// Reads from the front of a slice; every read says `None` where there is too little.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.array::<3>().map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// So many bytes, their count in one byte before them.
    pub(crate) fn short(&mut self) -> Option<Bytes<'a>> {
        let length = self.u8()?;
        self.take(length.into()).map(Bytes)
    }

    /// So many bytes, their count in two bytes before them.
    pub(crate) fn long(&mut self) -> Option<Bytes<'a>> {
        let length = self.u16()?;
        self.take(length.into()).map(Bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Bytes(bytes.get(at..)?).u16()
}

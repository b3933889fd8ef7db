//! Slices of DER as they were received, since what is signed must not be encoded again.

use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};

/// The tag `[number]`, constructed.
pub(crate) const fn context(number: u8) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber::new(number) }
}

/// The content of one element, which must have this tag and fill the slice.
pub(crate) fn content(element: &[u8], tag: Tag) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(element)?;
    let header = Header::decode(&mut reader)?;
    header.tag.assert_eq(tag)?;
    let value = reader.read_slice(header.length)?;
    reader.finish(value)
}

/// The elements that follow each other in `bytes`, each with its header.
pub(crate) fn elements(bytes: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut reader = SliceReader::new(bytes)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.tlv_bytes()?);
    }
    Ok(found)
}

/// Whether an element begins with this tag.
pub(crate) fn has_tag(element: &[u8], tag: Tag) -> bool {
    element.first() == Some(&tag.octet())
}

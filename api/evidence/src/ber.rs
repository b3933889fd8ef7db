//! Turns BER into DER, for authorities that send indefinite lengths or strings in pieces.
//!
//! Certificates, `TSTInfo` and signed attributes are DER already and come out as they went in;
//! were they not, their signatures would fail.

/// Elements inside each other that are followed at most.
const MAX_DEPTH: usize = 40;
const CONSTRUCTED: u8 = 0x20;
const OCTET_STRING: u8 = 0x04;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// The same element in DER, or nothing when it is not BER either.
pub(crate) fn to_der(ber: &[u8]) -> Option<Vec<u8>> {
    let (der, rest) = element(ber, MAX_DEPTH)?;
    rest.is_empty().then_some(der)
}

enum Length {
    Definite(usize),
    Indefinite,
}

/// One element in DER, and what follows it.
fn element(input: &[u8], depth: usize) -> Option<(Vec<u8>, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None; // tags of several bytes do not occur in CMS
    }
    let constructed = tag & CONSTRUCTED != 0;
    let (length, rest) = length(rest)?;
    let (children, rest) = match length {
        Length::Definite(length) => {
            let (body, rest) = rest.split_at_checked(length)?;
            if !constructed {
                return Some((encode(tag, body)?, rest));
            }
            (children_of(body, depth)?, rest)
        }
        Length::Indefinite if constructed => children_until_end(rest, depth)?,
        Length::Indefinite => return None,
    };
    if tag == OCTET_STRING | CONSTRUCTED {
        return Some((encode(OCTET_STRING, &joined(&children)?)?, rest));
    }
    Some((encode(tag, &children.concat())?, rest))
}

fn length(input: &[u8]) -> Option<(Length, &[u8])> {
    let (&first, rest) = input.split_first()?;
    match first {
        0x80 => Some((Length::Indefinite, rest)),
        0..0x80 => Some((Length::Definite(first.into()), rest)),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked((first & 0x7f).into())?;
            let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            Some((Length::Definite(length), rest))
        }
        0x85.. => None,
    }
}

fn children_of(mut body: &[u8], depth: usize) -> Option<Vec<Vec<u8>>> {
    let mut children = Vec::new();
    while !body.is_empty() {
        let (child, rest) = element(body, depth)?;
        children.push(child);
        body = rest;
    }
    Some(children)
}

fn children_until_end(mut body: &[u8], depth: usize) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let mut children = Vec::new();
    loop {
        if let Some(rest) = body.strip_prefix(&END_OF_CONTENTS) {
            return Some((children, rest));
        }
        let (child, rest) = element(body, depth)?;
        children.push(child);
        body = rest;
    }
}

/// The contents of the pieces of one octet string.
fn joined(pieces: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    for piece in pieces {
        let (Length::Definite(_), content) = length(piece.strip_prefix(&[OCTET_STRING])?)? else {
            return None;
        };
        whole.extend_from_slice(content);
    }
    Some(whole)
}

fn encode(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(content.len()).ok()?;
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let used = bytes.into_iter().skip_while(|byte| *byte == 0);
            out.push(0x80 | u8::try_from(used.clone().count()).ok()?);
            out.extend(used);
        }
    }
    out.extend_from_slice(content);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::to_der;

    #[test]
    fn indefinite_lengths_and_strings_in_pieces_become_der() {
        let ber = [0x30, 0x80, 0x24, 0x80, 4, 1, b'a', 4, 2, b'b', b'c', 0, 0, 2, 1, 5, 0, 0];
        assert_eq!(to_der(&ber).unwrap(), [0x30, 8, 4, 3, b'a', b'b', b'c', 2, 1, 5]);
    }

    #[test]
    fn der_stays_as_it_is() {
        let mut der = vec![0x30, 0x82, 0x01, 0x04, 4, 0x82, 0x01, 0x00];
        der.extend([7; 256]);
        assert_eq!(to_der(&der).unwrap(), der);
    }

    #[test]
    fn what_is_cut_off_or_too_deep_is_refused() {
        assert_eq!(to_der(&[0x30, 0x80, 2, 1, 5]), None);
        assert_eq!(to_der(&[0x30, 5, 2, 1, 5]), None);
        assert_eq!(to_der(&[0x30, 0x80].repeat(100_000)), None);
    }
}

//! Python literals: what SCANDALE's clients send as a time stamp, and what they are sent.

use std::fmt::Write;

use uuid::Uuid;

/// A time stamp as SCANDALE's clients send it: `{'tst': b'0\x82…', 'scan_uuid': '…'}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) token: Vec<u8>,
    pub(super) uuid: String,
}

/// Reads a dictionary with the two keys, in any order, and nothing else.
pub(super) fn read(text: &[u8]) -> Option<Stamp> {
    let mut reader = Reader { rest: text };
    let (mut token, mut uuid) = (None, None);
    reader.expect(b"{")?;
    while !reader.accept(b"}") {
        let key = reader.string()?;
        reader.expect(b":")?;
        match key.as_slice() {
            b"tst" if reader.accept(b"b") => token = Some(reader.quoted()?),
            b"scan_uuid" => uuid = Some(reader.uuid()?),
            _ => return None,
        }
        if !reader.accept(b",") {
            reader.expect(b"}")?;
            break;
        }
    }
    reader.skip_space();
    if !reader.rest.is_empty() {
        return None;
    }
    Some(Stamp { token: token?, uuid: String::from_utf8(uuid?).ok()? })
}

/// Writes a time stamp as Python shows the dictionary.
pub(super) fn show(token: &[u8], uuid: &Uuid) -> String {
    format!("{{'tst': {}, 'scan_uuid': UUID('{uuid}')}}", bytes(token))
}

/// Bytes as Python's `repr` shows them.
fn bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = String::with_capacity(bytes.len() * 3);
    text.push('b');
    text.push(quote);
    for byte in bytes {
        match *byte {
            b'\\' => text.push_str("\\\\"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            plain if char::from(plain) == quote => {
                text.push('\\');
                text.push(quote);
            }
            plain @ 0x20..=0x7e => text.push(char::from(plain)),
            // Writing to a string can not fail.
            other => _ = write!(text, "\\x{other:02x}"),
        }
    }
    text.push(quote);
    text
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn accept(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &[u8]) -> Option<()> {
        self.accept(token).then_some(())
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        self.skip_space();
        self.quoted()
    }

    /// `'…'`, or as newer clients write it, `UUID('…')`.
    fn uuid(&mut self) -> Option<Vec<u8>> {
        if !self.accept(b"UUID(") {
            return self.string();
        }
        let uuid = self.string()?;
        self.expect(b")")?;
        Some(uuid)
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// What stands between two quotes of a kind, with the escapes undone.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let quote = self.next().filter(|quote| matches!(quote, b'\'' | b'"'))?;
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                end if end == quote => return Some(bytes),
                b'\\' => bytes.push(self.escaped()?),
                b'\n' => return None,
                plain => bytes.push(plain),
            }
        }
    }

    fn escaped(&mut self) -> Option<u8> {
        Some(match self.next()? {
            same @ (b'\\' | b'\'' | b'"') => same,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => 0,
            b'x' => self.digit()? << 4 | self.digit()?,
            _ => return None,
        })
    }

    fn digit(&mut self) -> Option<u8> {
        let digit = char::from(self.next()?).to_digit(16)?;
        u8::try_from(digit).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Stamp, bytes, read, show};

    #[test]
    fn what_is_shown_is_read_again() {
        let all: Vec<u8> = (0..=255).collect();
        for token in [all.as_slice(), b"", b"it's", b"say \"it's\"", b"\\x41"] {
            let uuid = uuid::Uuid::from_u128(7);
            let stamp = Stamp { token: token.to_vec(), uuid: uuid.to_string() };
            assert_eq!(read(show(token, &uuid).as_bytes()), Some(stamp));
        }
    }

    #[test]
    fn bytes_are_shown_as_python_shows_them() {
        assert_eq!(bytes(b"0\x82\n'\"\\~\x7f"), r#"b'0\x82\n\'"\\~\x7f'"#);
        assert_eq!(bytes(b"it's"), r#"b"it's""#);
    }

    #[test]
    fn keys_come_in_any_order_and_quotes_of_either_kind() {
        let stamp = Stamp { token: b"A\"".to_vec(), uuid: "u".to_owned() };
        assert_eq!(read(br#"{"scan_uuid": "u", 'tst':b'\x41"',}"#), Some(stamp));
    }

    #[test]
    fn what_is_no_such_dictionary_is_refused() {
        let wrong: [&[u8]; 12] = [
            b"",
            b"{}",
            b"{'tst': b'A'}",
            b"{'tst': 'A', 'scan_uuid': 'u'}",
            b"{'tst': b'A', 'scan_uuid': 'u'} more",
            b"{'tst': b'A', 'scan_uuid': 'u', 'x': 1}",
            b"{'tst': b'\\x4', 'scan_uuid': 'u'}",
            b"{'tst': b'\\q', 'scan_uuid': 'u'}",
            b"{'tst': b'A, 'scan_uuid': 'u'}",
            b"{'tst': b'A' 'scan_uuid': 'u'}",
            b"{'tst': __import__('os'), 'scan_uuid': 'u'}",
            b"{'tst': b'A', 'scan_uuid': '\xff'}",
        ];
        for text in wrong {
            assert_eq!(read(text), None, "{}", text.escape_ascii());
        }
    }
}

//! Words and lines in bytes that anybody may have sent.

/// How long a word may be that is kept.
const LONGEST: usize = 256;

const METHODS: [&[u8]; 14] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
    b"QUERY ",
    b"SEARCH ",
    b"NOTIFY ",
    b"M-SEARCH ",
];

/// Whether it starts as a request of HTTP/1 does.
pub(crate) fn is_request(payload: &[u8]) -> bool {
    payload.first().is_some_and(u8::is_ascii_uppercase)
        && METHODS.iter().any(|method| payload.starts_with(method))
}

/// The lines of a payload, without their ends; at most 64.
pub(super) fn lines(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.split(|byte| *byte == b'\n').take(64).map(<[u8]>::trim_ascii_end)
}

/// What is to be kept of a word: signs that can be shown, at most 256 bytes.
pub(super) fn kept(word: &[u8]) -> String {
    let word = word.get(..LONGEST).unwrap_or(word);
    let text = String::from_utf8_lossy(word);
    text.chars().map(|sign| if sign.is_control() { '\u{fffd}' } else { sign }).collect()
}

/// What follows a header's name and its colon.
pub(super) fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let rest = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
}

/// A name with its middle blotted out: `ad***n`. Of a short one nothing is left but its length.
pub(super) fn blotted(name: &[u8]) -> String {
    let name = kept(name);
    let signs: Vec<char> = name.chars().take(64).collect();
    match signs.as_slice() {
        [first, second, .., last] if signs.len() > 4 => format!("{first}{second}***{last}"),
        _ => "*".repeat(signs.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_blotted_out() {
        assert_eq!(blotted(b"administrator"), "ad***r");
        assert_eq!(blotted(b"root"), "****");
        assert_eq!(blotted(b""), "");
        assert_eq!(blotted("žluťoučký".as_bytes()), "žl***ý");
    }

    #[test]
    fn a_header_is_found_whatever_its_letters() {
        assert_eq!(header(b"HOST: example.org", b"Host"), Some(&b"example.org"[..]));
        assert_eq!(header(b"Hostess: x", b"Host"), None);
        assert_eq!(header(b"Ho", b"Host"), None);
    }
}

//! What is blotted out of the payload that is kept: secrets, sign by sign, all else stays in its place.

use crate::Service;

/// Headers whose values are secret (RFC 9110, RFC 6265).
const HEADERS: [&[u8]; 4] = [b"Authorization", b"Proxy-Authorization", b"Cookie", b"Set-Cookie"];

/// What is to be blotted out of the lines that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Nothing,
    /// Lines that go on with a header's value.
    Folded,
    /// So many lines, where they are written in Base64: answers to a challenge.
    Answers(u8),
    /// So many lines: the literals of IMAP.
    Literals(u8),
}

/// Overwrites with `*` in the first bytes of one way (0 from the originator): values of
/// `Authorization`, `Proxy-Authorization`, `Cookie` and `Set-Cookie`; what follows `PASS`, `APOP` and
/// `AUTH`, and `LOGIN` and `AUTHENTICATE` of IMAP; queries in what HTTP asks for; all that is typed
/// over Telnet.
pub(crate) fn redact(service: Option<Service>, way: usize, bytes: &mut [u8]) {
    let typed = service == Some(Service::Telnet) && way == 0;
    let mut next = Next::default();
    for line in bytes.split_mut(|byte| *byte == b'\n') {
        let length = line.trim_ascii_end().len();
        let Some(line) = line.get_mut(..length) else { continue };
        if typed {
            line.fill(b'*');
        } else {
            next = one(line, next);
        }
    }
}

fn one(line: &mut [u8], before: Next) -> Next {
    let after = match before {
        Next::Folded if line.starts_with(b" ") || line.starts_with(b"\t") => Some(Next::Folded),
        Next::Answers(left @ 1..) if is_encoded(line) => Some(Next::Answers(left - 1)),
        Next::Literals(left @ 1..) => Some(Next::Literals(left - 1)),
        _ => None,
    };
    if let Some(after) = after {
        line.fill(b'*');
        return after;
    }
    query(line);
    let Some((place, next)) = secret(line) else { return Next::Nothing };
    blot(line, place);
    next
}

/// Where in a line a secret begins, and what comes of the lines after it.
fn secret(line: &[u8]) -> Option<(usize, Next)> {
    let is = |word: &[u8], wanted: &[u8]| word.trim_ascii().eq_ignore_ascii_case(wanted);
    let mut parts = line.splitn(2, |byte| *byte == b':');
    if let (Some(name), Some(_)) = (parts.next(), parts.next())
        && HEADERS.iter().any(|header| is(name, header))
    {
        return Some((name.len() + 1, Next::Folded));
    }
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (first, second) = (words.next()?, words.next()?);
    let place = first.len() + 1;
    if is(first, b"PASS") || is(first, b"APOP") {
        return Some((place, Next::Nothing));
    }
    if is(first, b"AUTH") {
        return Some((place, Next::Answers(2)));
    }
    let place = place + second.len() + 1;
    if is(second, b"LOGIN") {
        let literals = if line.ends_with(b"}") { Next::Literals(2) } else { Next::Nothing };
        return Some((place, literals));
    }
    is(second, b"AUTHENTICATE").then_some((place, Next::Answers(2)))
}

/// Overwrites the query of a request, also of one that starts within the line: after a body.
fn query(line: &mut [u8]) {
    const VERSION: &[u8] = b" HTTP/1.";
    let version = line.windows(VERSION.len()).rposition(|part| part == VERSION);
    let target = match version {
        Some(end) => {
            let before = line.get(..end).unwrap_or_default();
            let start = before.iter().rposition(|byte| *byte == b' ');
            start.unwrap_or(0)..end
        }
        None if crate::inspect::is_request(line) => 0..line.len(),
        None => return,
    };
    let Some(target) = line.get_mut(target) else { return };
    if let Some(mark) = target.iter().position(|byte| *byte == b'?') {
        blot(target, mark + 1);
    }
}

fn blot(line: &mut [u8], place: usize) {
    if let Some(rest) = line.get_mut(place..) {
        rest.fill(b'*');
    }
}

fn is_encoded(line: &[u8]) -> bool {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=*".contains(byte);
    !line.is_empty() && line.iter().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        redact(None, 0, &mut bytes);
        assert_eq!(bytes.len(), text.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn secret_headers_and_queries_are_blotted_out_and_all_else_stays() {
        let told = left(
            "GET /login?user=me&key=sesame HTTP/1.1\r\nHost: a.example\r\n\
             authorization: Basic c2VzYW1l\r\nCookie: a=sesame;\r\n b=sesame\r\nAccept: */*\r\n\r\n",
        );
        assert!(
            !told.contains("sesame") && !told.contains("c2Vz") && !told.contains("user"),
            "{told}"
        );
        assert!(told.starts_with("GET /login?**"), "{told}");
        assert!(told.contains("* HTTP/1.1\r\nHost: a.example\r\nauthorization:*"), "{told}");
        assert!(told.ends_with("Accept: */*\r\n\r\n"), "{told}");
        assert!(!left("HTTP/1.1 200 OK\r\nSet-Cookie: id=sesame\r\n").contains("sesame"));
    }

    #[test]
    fn a_request_after_a_body_or_cut_off_loses_its_query_too() {
        assert_eq!(left("a=bGET /x?y HTTP/1.1\r\n"), "a=bGET /x?* HTTP/1.1\r\n");
        assert_eq!(left("GET /x?key=sesa"), "GET /x?********");
        assert_eq!(left("GET http://a/x HTTP/1.0"), "GET http://a/x HTTP/1.0");
    }

    #[test]
    fn logins_lose_what_they_log_in_with() {
        assert_eq!(
            left("USER me\r\nPASS two words\r\nQUIT\r\n"),
            "USER me\r\nPASS *********\r\nQUIT\r\n"
        );
        assert_eq!(
            left("auth login\r\nbWU=\r\nc2U=\r\nMAIL FROM:<me>\r\n"),
            "auth *****\r\n****\r\n****\r\nMAIL FROM:<me>\r\n"
        );
        assert_eq!(left("a1 LOGIN me sesame\r\na2 NOOP"), "a1 LOGIN *********\r\na2 NOOP");
        assert_eq!(
            left("a1 login {2}\r\nme {6}\r\nsesame\r\na2 NOOP"),
            "a1 login ***\r\n******\r\n******\r\na2 NOOP"
        );
        assert_eq!(left("a AUTHENTICATE PLAIN\r\nc2VzYW1l"), "a AUTHENTICATE *****\r\n********");
    }

    #[test]
    fn what_is_typed_over_telnet_is_not_kept() {
        let mut typed = *b"root\r\nsesame\r\n";
        redact(Some(Service::Telnet), 0, &mut typed);
        assert_eq!(&typed, b"****\r\n******\r\n");
    }
}

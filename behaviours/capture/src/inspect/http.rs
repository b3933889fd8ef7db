//! HTTP/1: who asks for what, and what servers answer. Packet by packet: what starts in the middle
//! of a packet is not read.

use crate::{Credentials, Http, Metadata, Request, inspect::text};

/// How many requests of a conversation are kept.
const MOST: usize = 8;

pub(super) fn read(payload: &[u8], way: usize, metadata: &mut Option<Box<Metadata>>) {
    if way == 0 && text::is_request(payload) {
        let metadata = metadata.get_or_insert_default();
        let http = metadata.http.get_or_insert_default();
        http.count = http.count.saturating_add(1);
        let user = basic(payload);
        if http.requests.len() < MOST
            && let Some(request) = request(payload)
        {
            http.requests.push(request);
        }
        if let Some(user) = user {
            let scheme = "http-basic".to_owned();
            metadata.credentials.get_or_insert(Credentials { scheme, user });
        }
    } else if way == 1 && payload.starts_with(b"HTTP/1.") {
        answer(payload, metadata.get_or_insert_default());
    }
}

fn request(payload: &[u8]) -> Option<Request> {
    let mut lines = text::lines(payload);
    let mut first = lines.next()?.split(|byte| *byte == b' ');
    let (method, target) = (first.next()?, first.next()?);
    let path = target.split(|byte| *byte == b'?' || *byte == b'#').next()?;
    let mut request =
        Request { method: text::kept(method), path: text::kept(path), ..Request::default() };
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(host) = text::header(line, b"Host") {
            request.host = Some(text::kept(host).to_lowercase());
        } else if let Some(agent) = text::header(line, b"User-Agent") {
            request.user_agent = Some(text::kept(agent));
        }
    }
    Some(request)
}

/// The name in a `Basic` login; the secret is not even decoded into something that is kept.
fn basic(payload: &[u8]) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let value = text::lines(payload).find_map(|line| text::header(line, b"Authorization"))?;
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = STANDARD.decode(rest.trim_ascii()).ok()?;
    let name = decoded.split(|byte| *byte == b':').next()?;
    Some(text::blotted(name))
}

fn answer(payload: &[u8], metadata: &mut Metadata) {
    let digits = payload.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(status) = digits.and_then(|digits| digits.parse::<u16>().ok()) else { return };
    if status == 401 || status == 407 {
        metadata.refused = metadata.refused.saturating_add(1);
    }
    let http: &mut Http = metadata.http.get_or_insert_default();
    http.status.get_or_insert(status);
    if http.server.is_none() {
        let server = text::lines(payload).find_map(|line| text::header(line, b"Server"));
        http.server = server.map(text::kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_its_secret_is_not_kept() {
        let mut metadata = None;
        let payload =
            b"GET /private?token=secret HTTP/1.1\r\nHost: Example.org\r\nUser-Agent: curl/8\r\n\
            Authorization: Basic YWRtaW5pc3RyYXRvcjpzd29yZGZpc2g=\r\n\r\n";
        read(payload, 0, &mut metadata);
        read(b"HTTP/1.1 401 Unauthorized\r\nServer: nginx\r\n\r\n", 1, &mut metadata);
        read(b"HTTP/1.1 401 Unauthorized\r\n\r\n", 1, &mut metadata);
        let metadata = metadata.unwrap();
        let told = serde_json::to_string(&metadata).unwrap();
        assert!(!told.contains("swordfish") && !told.contains("secret"), "{told}");
        assert_eq!(metadata.refused, 2);
        let http = metadata.http.unwrap();
        assert_eq!(http.requests[0].host.as_deref(), Some("example.org"));
        assert_eq!(http.requests[0].path, "/private");
        assert_eq!(http.status, Some(401));
        assert_eq!(metadata.credentials.unwrap().user, "ad***r");
    }

    #[test]
    fn what_is_cut_off_is_read_as_far_as_it_goes() {
        for payload in [&b"GET "[..], b"GET /", b"HTTP/1.", b"HTTP/1.1 4", b"POST  HTTP"] {
            read(payload, 0, &mut None);
            read(payload, 1, &mut None);
        }
    }
}

//! Stanza content encryption (XEP-0420): what is sealed, with who says it to whom and when.

use minidom::Element;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::key::random;

const SCE: &str = "urn:xmpp:sce:1";

/// Elements within elements that are read.
pub(crate) const DEEPEST: usize = 32;

/// How far the writer's clock may be off, in seconds.
pub(crate) const MARGIN: i64 = 24 * 60 * 60;

/// Why the inside of a message is refused, though it was sealed by whom it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is no envelope.
    #[error("the content is no envelope (XEP-0420)")]
    Malformed,
    /// Elements nest too deeply in it.
    #[error("the content nests more than {DEEPEST} elements")]
    TooDeep,
    /// It says to be of somebody else, or of nobody.
    #[error("the content is of `{0}`, who did not send it")]
    From(String),
    /// It was meant for somebody else.
    #[error("the content is for `{0}`")]
    To(String),
    /// It was written long ago, or is to be written some day.
    #[error("the content was written at {0}, which is more than a day off")]
    Time(String),
}

/// Seals in the elements of a stanza, given as XML, with who writes to whom and when. What is
/// added at the end makes its length a poor hint.
pub(crate) fn write(content: &str, from: &str, to: &str, now: i64) -> String {
    let [length, filler @ ..] = random::<64>();
    let filler: String =
        filler.iter().take(usize::from(length) % 64).map(|it| char::from(b'a' + it % 26)).collect();
    let time = OffsetDateTime::from_unix_timestamp(now).ok();
    let time = time.and_then(|it| it.format(&Rfc3339).ok()).unwrap_or_default();
    let (from, to) = (escape(from), escape(to));
    format!(
        "<envelope xmlns='{SCE}'><content>{content}</content><rpad>{filler}</rpad>\
         <time stamp='{time}'/><to jid='{to}'/><from jid='{from}'/></envelope>"
    )
}

/// Takes out the elements of a stanza; the server's word for who wrote to whom must be the
/// writer's. `now` is when it was sent, as far as we know.
pub(crate) fn read(
    envelope: &[u8],
    from: &str,
    to: &str,
    now: i64,
) -> Result<Vec<Element>, EnvelopeError> {
    if depth(envelope) > DEEPEST {
        return Err(EnvelopeError::TooDeep);
    }
    let mut envelope = Element::from_reader(envelope).map_err(|_| EnvelopeError::Malformed)?;
    if !envelope.is("envelope", SCE) {
        return Err(EnvelopeError::Malformed);
    }
    let jid = |it: &Element| it.attr("jid").map_or("nobody", bare).to_owned();
    let [says_from, says_to] = ["from", "to"].map(|it| envelope.get_child(it, SCE).map(jid));
    match says_from {
        Some(it) if it == from => {}
        other => return Err(EnvelopeError::From(other.unwrap_or_else(|| "nobody".to_owned()))),
    }
    match says_to {
        Some(it) if it != to => return Err(EnvelopeError::To(it)),
        _ => {}
    }
    let stamp = envelope.get_child("time", SCE).and_then(|it| it.attr("stamp"));
    let stamp = stamp.ok_or(EnvelopeError::Malformed)?;
    let time = OffsetDateTime::parse(stamp, &Rfc3339).map_err(|_| EnvelopeError::Malformed)?;
    if (time.unix_timestamp() - now).abs() > MARGIN {
        return Err(EnvelopeError::Time(stamp.to_owned()));
    }
    let mut content = envelope.remove_child("content", SCE).ok_or(EnvelopeError::Malformed)?;
    Ok(content.take_contents_as_children().collect())
}

fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('\'', "&apos;").replace('<', "&lt;")
}

/// How deep elements nest, without reading them: a reader that calls itself must not be led too
/// deep. It may count too much, never too little: where an end tag might be text (`<![CDATA[`,
/// a comment; no stanza needs them) it does not count at all.
fn depth(xml: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = xml;
    while let Some(at) = rest.iter().position(|it| *it == b'<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        match rest.first() {
            Some(b'/') => {
                depth = depth.saturating_sub(1);
                continue;
            }
            Some(b'!' | b'?') => return usize::MAX,
            _ => {}
        }
        let mut quote = None;
        let mut before = b' ';
        let end = rest.iter().position(|byte| {
            match quote {
                Some(open) if open == *byte => quote = None,
                None if matches!(byte, b'"' | b'\'') => quote = Some(*byte),
                None if *byte == b'>' => return true,
                Some(_) | None => {}
            }
            before = *byte;
            false
        });
        if before != b'/' {
            depth += 1;
            deepest = deepest.max(depth);
        }
        rest = rest.get(end.unwrap_or(rest.len())..).unwrap_or_default();
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0420 section 4: what is said of sender and receiver is said in full.
    #[test]
    fn who_is_named_by_halves_is_nobody() {
        let whole = write("<body xmlns='jabber:client'>x</body>", "a@test", "b@test", 0);
        let read = |text: &str| read(text.as_bytes(), "a@test", "b@test", 0);
        assert!(read(&whole).is_ok());
        let nobody = "nobody".to_owned();
        let without = whole.replace("<to jid=", "<to who=");
        assert_eq!(read(&without), Err(EnvelopeError::To(nobody.clone())));
        let without = whole.replace("<from jid=", "<from who=");
        assert_eq!(read(&without), Err(EnvelopeError::From(nobody)));
    }
}

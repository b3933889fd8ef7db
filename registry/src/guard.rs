//! Keeps what a server passes on within bounds before it is parsed: how deep elements nest, and
//! how large a stanza is.
//!
//! What is nested too deeply is blanked out, since a peer can send it through an honest server,
//! and a connection that broke on it would break on it again. What is too large breaks the
//! connection, since no honest server passes it on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Elements within elements that are read; what is inside of that is blank.
const DEEPEST: usize = 32;

/// The largest stanza, in bytes; servers usually pass on 256 KiB.
const LARGEST: usize = 1 << 20;

const ROOT: &[u8] = b"stream:stream";

/// A stream whose incoming XML is bounded.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    stream: S,
    scanner: Scanner,
    /// A `<` was read, and it is not known yet what it begins.
    held: bool,
}

impl<S> Guard<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, scanner: Scanner::default(), held: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let start = buf.filled().len();
        loop {
            if guard.held {
                buf.put_slice(b"<");
            }
            let before = buf.filled().len();
            let read = Pin::new(&mut guard.stream).poll_read(cx, buf);
            if read.is_pending() || buf.filled().len() == before {
                // Nothing new, or the end: what is held is worth nothing by itself.
                buf.set_filled(start);
                return read;
            }
            ready!(read)?;
            let new = buf.filled_mut().get_mut(start..).unwrap_or_default();
            let (length, scanned) = (new.len(), guard.scanner.scan(new));
            buf.set_filled(start);
            guard.held = scanned?;
            let kept = length - usize::from(guard.held);
            buf.set_filled(start + kept);
            if kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where in the XML we are. XMPP has neither comments nor processing instructions but the
/// declaration (RFC 6120 section 11.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// In a start tag: in which quotes, whether a `/` came last, and how much of [`ROOT`] its name
    /// is so far.
    Start { quote: Option<u8>, slash: bool, root: Option<usize> },
    /// In an end tag.
    End,
    /// In the declaration.
    Declaration,
    /// In `<![CDATA[`; how many `]` came last.
    Verbatim(u8),
}

/// Follows XML byte by byte.
#[derive(Debug, Default)]
struct Scanner {
    place: Place,
    /// Open elements, the stream itself among them.
    depth: usize,
    /// Bytes of the stanza so far.
    size: usize,
}

impl Scanner {
    /// Blanks what is too deep. Says whether the last byte is a `<` that must wait.
    fn scan(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        let mut at = 0;
        while let Some((byte, rest)) = bytes.get_mut(at..).and_then(<[u8]>::split_first_mut) {
            let mut passed = 1;
            match (self.place, *byte) {
                (Place::Text, b'<') => {
                    let Some(next) = rest.first() else { return Ok(true) };
                    self.enter(*next);
                    self.blank(byte);
                }
                (Place::Text, _) => {
                    self.blank(byte);
                    let text = rest.iter().position(|it| *it == b'<').unwrap_or(rest.len());
                    rest.iter_mut().take(text).for_each(|it| self.blank(it));
                    passed += text;
                }
                (_, read) => {
                    // A tag is as deep as its element, to its last byte.
                    self.blank(byte);
                    self.step(read);
                }
            }
            at += passed;
            self.size += passed;
            if self.depth <= 1 && self.place == Place::Text {
                self.size = 0;
            }
            if self.size > LARGEST {
                let what = format!("the server sent a stanza of more than {LARGEST} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(false)
    }

    fn blank(&self, byte: &mut u8) {
        if self.depth > DEEPEST {
            *byte = b' ';
        }
    }

    /// A `<` was read, and this comes after it.
    fn enter(&mut self, next: u8) {
        self.place = match next {
            b'/' => Place::End,
            b'?' => Place::Declaration,
            b'!' => Place::Verbatim(0),
            _ => {
                self.depth += 1;
                Place::Start { quote: None, slash: false, root: Some(0) }
            }
        };
    }

    fn step(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::Start { quote: None, slash, root }, b'>') => {
                self.name_ends(root);
                self.depth -= usize::from(slash && self.depth > 0);
                Place::Text
            }
            (Place::Start { quote: None, root, .. }, _) => {
                let quote = matches!(byte, b'"' | b'\'').then_some(byte);
                let root = match root {
                    Some(so_far) if ROOT.get(so_far) == Some(&byte) => Some(so_far + 1),
                    Some(_) if byte.is_ascii_whitespace() => {
                        self.name_ends(root);
                        None
                    }
                    _ => None,
                };
                Place::Start { quote, slash: byte == b'/', root }
            }
            (Place::Start { quote: Some(quote), .. }, _) if byte == quote => {
                Place::Start { quote: None, slash: false, root: None }
            }
            (Place::End, b'>') => {
                self.depth = self.depth.saturating_sub(1);
                Place::Text
            }
            (Place::Verbatim(2) | Place::Declaration, b'>') => Place::Text,
            (Place::Verbatim(brackets), b']') => Place::Verbatim((brackets + 1).min(2)),
            (Place::Verbatim(_), _) => Place::Verbatim(0),
            (place, _) => place,
        };
    }

    /// After a login the stream begins anew without having ended.
    fn name_ends(&mut self, root: Option<usize>) {
        if root == Some(ROOT.len()) && self.depth == 2 {
            self.depth = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Reads a text that comes in pieces of so many bytes.
    async fn read(text: &str, piece: usize) -> io::Result<String> {
        let (mut near, far) = tokio::io::duplex(piece);
        let text = text.to_owned();
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.spawn(async move {
            use tokio::io::AsyncWriteExt;
            // The other end may hang up.
            drop(near.write_all(text.as_bytes()).await);
        });
        let mut read = String::new();
        Guard::new(far).read_to_string(&mut read).await?;
        Ok(read)
    }

    fn nested(depth: usize) -> String {
        format!("{}text{}", "<a b='/>'>".repeat(depth), "</a>".repeat(depth))
    }

    #[tokio::test]
    async fn what_is_usual_passes_untouched_in_pieces_of_any_size() {
        let text = format!(
            "<?xml version='1.0'?><stream:stream id='1'><features/><?xml version='1.0'?>\
             <stream:stream id='2'><message a=\"<'>\"><b/><![CDATA[<x>]]]></message>{} \
             <c></c></stream:stream>",
            nested(DEEPEST - 1)
        );
        for piece in [1, 2, 3, 7, 100_000] {
            assert_eq!(read(&text, piece).await.unwrap(), text);
        }
    }

    #[tokio::test]
    async fn what_is_too_deep_is_blank_and_the_rest_is_as_it_was() {
        let stream = |inner: &str| format!("<stream:stream>{inner}<after>text</after>");
        let text = stream(&nested(10_000));
        for piece in [1, 5, 100_000] {
            let read = read(&text, piece).await.unwrap();
            assert_eq!(read.len(), text.len());
            let dense: String = read.replace("<a b='/>'>", "+").replace(' ', "");
            let kept = DEEPEST - 1;
            let wanted = stream(&format!("{}{}", "+".repeat(kept), "</a>".repeat(kept)));
            assert_eq!(dense, wanted);
        }
    }

    #[tokio::test]
    async fn a_stanza_that_no_server_should_pass_on_breaks_the_connection() {
        let fits = format!("<stream:stream><m>{0}</m><m>{0}</m>", "x".repeat(LARGEST - 10));
        assert!(read(&fits, 100_000).await.is_ok());
        let error = read(&format!("<stream:stream><m>{}", "x".repeat(10 << 20)), 65_536).await;
        insta::assert_snapshot!(error.unwrap_err(), @"the server sent a stanza of more than 1048576 bytes");
    }
}

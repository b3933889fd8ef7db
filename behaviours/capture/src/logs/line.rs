//! Lines of a file, none longer than a bound.

use std::io::{self, BufRead};

/// The most bytes of one line that are held; of a longer one nothing is.
pub const LONGEST: usize = 1 << 20;

/// Reads lines, one at a time into the same place.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    held: Vec<u8>,
    number: u64,
}

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There: see [`Lines::held`].
    Line,
    /// Longer than is held.
    TooLong,
    /// There is none.
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, held: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The line that was read last, without its end.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Reads one line.
    pub(super) fn read(&mut self) -> io::Result<Next> {
        self.held.clear();
        let (mut any, mut too_long) = (false, false);
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            any = true;
            let end = piece.iter().position(|it| *it == b'\n');
            let (wanted, used) = match end {
                Some(end) => (piece.get(..end).unwrap_or_default(), end + 1),
                None => (piece, piece.len()),
            };
            if self.held.len() + wanted.len() > LONGEST {
                too_long = true;
                self.held.clear();
            }
            if !too_long {
                self.held.extend_from_slice(wanted);
            }
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(Next::End);
        }
        self.number += 1;
        if self.held.last() == Some(&b'\r') {
            self.held.pop();
        }
        Ok(if too_long { Next::TooLong } else { Next::Line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_passed_over_and_the_next_is_read() {
        let mut text = vec![b'x'; LONGEST * 2 + 1];
        text.extend(b"\nshort\r\nlast");
        let mut lines = Lines::new(io::BufReader::new(text.as_slice()));
        assert_eq!(lines.read().unwrap(), Next::TooLong);
        assert!(lines.held.capacity() <= 2 * LONGEST);
        assert_eq!((lines.read().unwrap(), lines.held()), (Next::Line, &b"short"[..]));
        assert_eq!((lines.read().unwrap(), lines.held()), (Next::Line, &b"last"[..]));
        assert_eq!((lines.read().unwrap(), lines.number()), (Next::End, 3));
    }
}

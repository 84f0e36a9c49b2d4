//! Where lines end, in bytes that come in pieces.

use alloc::vec::Vec;

use crate::jsonrpc::{Id, find_request_id};
use crate::session::ByteQueue;

/// Bytes on their way to being lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: ByteQueue,
    /// How many bytes at the front are known to hold no line feed.
    scanned: usize,
    /// Whether what comes belongs to a line that was too long.
    is_skipping: bool,
}

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(Vec<u8>),
    /// It is longer than the limit. The rest of it is thrown away as it comes.
    TooLong {
        /// Of the request that it is, if that shows in as much of it as the limit allows.
        id: Option<Id>,
    },
}

impl Lines {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if self.is_skipping {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return;
            };
            self.is_skipping = false;
            bytes = &bytes[end + 1..];
        }
        self.bytes.push(bytes);
    }

    /// Takes the next line, of `limit` bytes at most.
    pub(super) fn next(&mut self, limit: usize) -> Option<Line> {
        let bytes = self.bytes.as_slice();
        let Some(end) = memchr::memchr(b'\n', &bytes[self.scanned..]) else {
            self.scanned = bytes.len();
            // What may yet be the end of the line does not count.
            if without_return(bytes).len() <= limit {
                return None;
            }
            let id = find_request_id(&bytes[..limit]);
            self.clear();
            self.is_skipping = true;
            return Some(Line::TooLong { id });
        };
        let end = self.scanned + end;
        let length = without_return(&bytes[..end]).len();
        self.scanned = 0;
        if length > limit {
            let id = find_request_id(&bytes[..limit]);
            self.bytes.consume(end + 1);
            return Some(Line::TooLong { id });
        }
        let mut line = self.bytes.take(end + 1);
        line.truncate(length);
        Some(Line::Text(line))
    }

    /// Takes what there is of a line without an end. Nothing, if its beginning was thrown away.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = self.bytes.take(self.bytes.len());
        rest.truncate(without_return(&rest).len());
        self.scanned = 0;
        self.is_skipping = false;
        rest
    }

    /// How many bytes wait to be lines.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.scanned = 0;
    }
}

/// Windows ends lines with two characters.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOO_LONG: Line = Line::TooLong { id: None };

    /// The lines of `bytes`, which come in pieces of `size`, and what is left.
    fn lines(bytes: &[u8], size: usize, limit: usize) -> (Vec<Line>, Vec<u8>) {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in bytes.chunks(size) {
            lines.push(piece);
            found.extend(core::iter::from_fn(|| lines.next(limit)));
            assert!(lines.len() <= limit + 1, "no more is kept than a line");
        }
        (found, lines.take_rest())
    }

    #[test]
    fn lines_are_found_however_they_come() {
        let text = |line: &str| Line::Text(line.as_bytes().to_vec());
        for (bytes, expected, rest) in [
            ("", Vec::new(), ""),
            ("a\nbc\n", Vec::from([text("a"), text("bc")]), ""),
            ("a\r\n\n\r\nb", Vec::from([text("a"), text(""), text("")]), "b"),
            ("1234\n1234\r\n123\r4\n", Vec::from([text("1234"), text("1234"), TOO_LONG]), ""),
            ("12345\nok\n", Vec::from([TOO_LONG, text("ok")]), ""),
            ("1234567\r\nok\nab\r", Vec::from([TOO_LONG, text("ok")]), "ab"),
            ("1234\r", Vec::new(), "1234"),
            ("123456789", Vec::from([TOO_LONG]), ""),
        ] {
            for size in 1..=bytes.len().max(1) {
                let found = lines(bytes.as_bytes(), size, 4);
                assert_eq!(found, (expected.clone(), rest.into()), "{bytes:?} by {size}");
            }
        }
    }

    #[test]
    fn what_is_too_long_has_its_id_if_that_comes_in_time() {
        let request = br#"{"method":"m","id":7,"params":"...."}"#;
        for (limit, expected) in [(19, None), (20, None), (21, Some(Id::from(7)))] {
            for size in 1..=request.len() + 1 {
                let (found, _) = lines(&[request, &b"\n"[..]].concat(), size, limit);
                assert_eq!(found, [Line::TooLong { id: expected.clone() }], "{limit} by {size}");
            }
        }
    }
}

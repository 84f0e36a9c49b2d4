//! Finds the end of a request's head: strictly, and without looking at a byte twice.
//!
//! A bare LF is no line end and a line that begins with white space no field: other parsers on the
//! way take either, and such differences are how requests are smuggled. A head that is sent byte by
//! byte is looked at as often as one that comes whole; what its lines say is read once all is there.

use memchr::memchr;

use crate::error::Refusal;

/// How far a head has been scanned. Offsets count from its first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadScan {
    /// Everything before this has been looked at.
    at: usize,
    /// Where the current line starts.
    line: usize,
}

impl HeadScan {
    /// Whether no byte of a head has been looked at.
    pub(crate) const fn is_at_start(self) -> bool {
        self.at == 0
    }

    /// Looks for the empty line in `bytes`, which start with the head and hold at least what the
    /// last call was given. Returns the head's length once it is complete.
    pub(crate) fn advance(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
        // Tells a TLS handshake or other binary data from HTTP at once.
        if bytes.first().is_some_and(|&first| !is_tchar(first)) {
            return Err(Refusal::MalformedRequestLine);
        }
        let window = &bytes[..bytes.len().min(limit)];
        while let Some(found) = memchr(b'\n', &window[self.at..]) {
            let feed = self.at + found;
            let Some(line) = window[self.line..feed].strip_suffix(b"\r") else {
                return Err(Refusal::BareLineFeed);
            };
            match line.first() {
                None => return Ok(Some(feed + 1)),
                Some(b' ' | b'\t') => return Err(Refusal::FoldedField),
                Some(_) => {}
            }
            self.at = feed + 1;
            self.line = self.at;
        }
        self.at = window.len();
        if bytes.len() > limit {
            // RFC 9112 section 3 has an answer of its own for either part of the request line.
            return Err(match self.line {
                0 if !window.contains(&b' ') => Refusal::UnknownMethod,
                0 => Refusal::TargetTooLong { limit },
                _ => Refusal::HeadTooLarge { limit },
            });
        }
        Ok(None)
    }
}

/// RFC 9110 section 5.6.2: the characters of a method or field name.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    TCHARS[byte as usize]
}

const TCHARS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = matches!(byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
            | b'`' | b'|' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans `bytes` whole, byte by byte, and with more behind them; all three must agree.
    fn scan(bytes: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
        let whole = HeadScan::default().advance(bytes, limit);
        let mut scan = HeadScan::default();
        let mut piecewise = Ok(None);
        for end in 1..=bytes.len() {
            piecewise = scan.advance(&bytes[..end], limit);
            if piecewise != Ok(None) {
                break;
            }
        }
        assert_eq!(whole, piecewise);
        if let Ok(Some(_)) = whole {
            let followed = [bytes, b"GET / HTTP/1.1\n\n"].concat();
            assert_eq!(HeadScan::default().advance(&followed, limit), whole);
        }
        whole
    }

    #[test]
    fn finds_the_empty_line() {
        let head = b"POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(scan(head, 100), Ok(Some(head.len())));
        assert_eq!(scan(&head[..head.len() - 1], 100), Ok(None));
        assert_eq!(scan(b"GET / HTTP/1.0\r\n\r\n", 100), Ok(Some(18)));
    }

    #[test]
    fn refuses_what_other_parsers_read_differently() {
        for (head, refusal) in [
            (&b"POST / HTTP/1.1\nHost: a\r\n\r\n"[..], Refusal::BareLineFeed),
            (b"POST / HTTP/1.1\r\nHost: a\n\r\n", Refusal::BareLineFeed),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\n", Refusal::BareLineFeed),
            (b"POST / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Refusal::FoldedField),
            (b"POST / HTTP/1.1\r\n\tHost: a\r\n\r\n", Refusal::FoldedField),
            (b"\x16\x03\x01", Refusal::MalformedRequestLine),
            (b" GET", Refusal::MalformedRequestLine),
        ] {
            assert_eq!(scan(head, 100), Err(refusal));
        }
    }

    #[test]
    fn the_limit_is_inclusive() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
        let limit = head.len();
        assert_eq!(scan(head, limit), Ok(Some(limit)));
        assert_eq!(scan(head, limit - 1), Err(Refusal::HeadTooLarge { limit: limit - 1 }));
    }

    #[test]
    fn a_request_line_can_be_too_long_by_itself() {
        assert_eq!(scan(b"POST /1234", 10), Ok(None));
        assert_eq!(scan(b"POST /12345", 10), Err(Refusal::TargetTooLong { limit: 10 }));
        assert_eq!(scan(b"POSTPOSTPOST", 10), Err(Refusal::UnknownMethod));
        assert_eq!(scan(b"POST /\r\nabcd", 10), Err(Refusal::HeadTooLarge { limit: 10 }));
    }
}

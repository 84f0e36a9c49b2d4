//! Chunked bodies: RFC 9112 section 7.1, strictly, with bounded extensions and trailers.

use mcp_proto::Refusal;
use mcp_proto::internals::{Chunk, ChunkedDecoder};

use super::{is_token, ragged};

/// Checks what is made of a body. The first byte is how much there may be around the data, the
/// second how the rest is split.
pub fn check(input: &[u8]) {
    let [limit, seed, body @ ..] = input else {
        return;
    };
    let limit = usize::from(*limit);
    let mut expected = Reader { rest: body, limit, overhead: 0, read: Read::default() };
    let verdict = match expected.body() {
        Ok(()) => Verdict::Complete { unread: expected.rest.len() },
        Err(Stop::NeedMore) => Verdict::NeedMore,
        Err(Stop::Refused(refusal)) => Verdict::Refused(refusal),
    };
    let expected = (expected.read, verdict);
    assert_eq!(decode(limit, [body]), expected);
    assert_eq!(decode(limit, body.chunks(1)), expected, "byte by byte");
    let mut length = ragged(u64::from(*seed));
    let mut rest = body;
    let pieces = std::iter::from_fn(|| {
        let (piece, behind) = rest.split_at(length().min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(decode(limit, pieces), expected, "in pieces of {seed}");
    // What follows a body is not looked at.
    if let (read, Verdict::Complete { unread }) = expected {
        let more = [body, b"\r\nPOST"].concat();
        assert_eq!(decode(limit, [&more[..]]), (read, Verdict::Complete { unread: unread + 6 }));
    }
}

/// What a body holds, as far as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    data: Vec<u8>,
    /// The sizes of its chunks.
    announced: Vec<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Complete { unread: usize },
    NeedMore,
    Refused(Refusal),
}

fn decode<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Read, Verdict) {
    let mut decoder = ChunkedDecoder::new(limit);
    let mut read = Read::default();
    let mut unread = None;
    for mut piece in pieces {
        while unread.is_none() {
            match decoder.next(&mut piece) {
                Ok(Chunk::Data(data)) => {
                    assert!(!data.is_empty(), "no progress");
                    read.data.extend_from_slice(data);
                }
                Ok(Chunk::Announced(size)) => read.announced.push(size),
                Ok(Chunk::NeedMore) => {
                    assert_eq!(piece, b"", "there is more");
                    break;
                }
                Ok(Chunk::End) => unread = Some(0),
                Err(refusal) => return (read, Verdict::Refused(refusal)),
            }
        }
        unread = unread.map(|unread| unread + piece.len());
    }
    let verdict = unread.map_or(Verdict::NeedMore, |unread| Verdict::Complete { unread });
    (read, verdict)
}

/// Why reading ended early.
enum Stop {
    NeedMore,
    Refused(Refusal),
}

/// Descends through the grammar of a body that is there as a whole.
struct Reader<'a> {
    rest: &'a [u8],
    limit: usize,
    overhead: usize,
    read: Read,
}

impl Reader<'_> {
    fn body(&mut self) -> Result<(), Stop> {
        while self.chunk()? {}
        while self.peek()? != b'\r' {
            self.trailer()?;
        }
        self.expect(b"\r\n")
    }

    /// Whether it was not the last.
    fn chunk(&mut self) -> Result<bool, Stop> {
        let mut size = 0_u64;
        let mut digits = 0;
        while let Some(digit) = (self.peek()? as char).to_digit(16) {
            self.rest = &self.rest[1..];
            digits += 1;
            if digits > 16 {
                return Err(Stop::Refused(Refusal::MalformedChunk));
            }
            size = size * 16 + u64::from(digit);
        }
        if digits == 0 {
            return Err(Stop::Refused(Refusal::MalformedChunk));
        }
        if self.peek()? == b';' {
            self.text(Refusal::ChunkExtensionsTooLarge { limit: self.limit })?;
        }
        self.expect(b"\r\n")?;
        if size == 0 {
            return Ok(false);
        }
        self.read.announced.push(size);
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(self.rest.len());
        let (data, behind) = self.rest.split_at(there);
        self.read.data.extend_from_slice(data);
        self.rest = behind;
        if (there as u64) < size {
            return Err(Stop::NeedMore);
        }
        self.expect(b"\r\n")?;
        Ok(true)
    }

    /// `name: value`.
    fn trailer(&mut self) -> Result<(), Stop> {
        let mut has_name = false;
        while self.peek()? != b':' {
            if !is_token(&[self.peek()?]) {
                return Err(Stop::Refused(Refusal::MalformedChunk));
            }
            self.count(&Refusal::TrailersTooLarge { limit: self.limit })?;
            has_name = true;
        }
        if !has_name {
            return Err(Stop::Refused(Refusal::MalformedChunk));
        }
        self.text(Refusal::TrailersTooLarge { limit: self.limit })?;
        self.expect(b"\r\n")
    }

    /// Everything up to the end of the line, whose first byte has been looked at.
    fn text(&mut self, too_large: Refusal) -> Result<(), Stop> {
        loop {
            match self.peek()? {
                b'\r' => return Ok(()),
                byte if super::is_field_value(&[byte]) => self.count(&too_large)?,
                _ => return Err(Stop::Refused(Refusal::MalformedChunk)),
            }
        }
    }

    /// Skips a byte that is no data.
    fn count(&mut self, too_large: &Refusal) -> Result<(), Stop> {
        self.rest = &self.rest[1..];
        self.overhead += 1;
        if self.overhead > self.limit { Err(Stop::Refused(too_large.clone())) } else { Ok(()) }
    }

    fn expect(&mut self, what: &[u8]) -> Result<(), Stop> {
        for &byte in what {
            if self.peek()? != byte {
                return Err(Stop::Refused(Refusal::MalformedChunk));
            }
            self.rest = &self.rest[1..];
        }
        Ok(())
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.rest.first().copied().ok_or(Stop::NeedMore)
    }
}

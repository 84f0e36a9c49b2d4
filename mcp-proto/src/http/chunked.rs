//! Decodes `Transfer-Encoding: chunked` (RFC 9112 section 7.1).
//!
//! Stricter than httparse's helper, which takes a size line without digits for zero: a size needs
//! a digit, lines end in CR LF, extensions and trailers are bounded and thrown away.

use super::scan::is_tchar;
use crate::error::Refusal;

/// Where in a chunked body the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk's size; `digits` counts those read.
    Size {
        value: u64,
        digits: u8,
    },
    /// In the extensions behind a size.
    Extension {
        size: u64,
    },
    /// Behind the CR that ends a size line.
    SizeLf {
        size: u64,
    },
    /// In a chunk's data.
    Data {
        left: u64,
    },
    /// Behind a chunk's data.
    DataCr,
    DataLf,
    /// At the start of a line behind the last chunk.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// Behind the CR of the final empty line.
    EndLf,
    Done,
}

/// An incremental decoder for one chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// Bytes of extensions and trailers so far.
    overhead: usize,
    overhead_limit: usize,
}

/// What [`ChunkedDecoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk<'a> {
    /// The next piece of the body.
    Data(&'a [u8]),
    /// The size of a chunk that now begins. Announced so that a body over its limit is refused
    /// before its bytes arrive.
    Announced(u64),
    /// More input is needed.
    NeedMore,
    /// The body is complete.
    End,
}

impl ChunkedDecoder {
    pub(crate) const fn new(overhead_limit: usize) -> Self {
        Self { state: State::Size { value: 0, digits: 0 }, overhead: 0, overhead_limit }
    }

    /// Takes bytes from the front of `input` until it has something to tell.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Chunk<'a>, Refusal> {
        loop {
            if let State::Data { left } = self.state {
                if input.is_empty() {
                    return Ok(Chunk::NeedMore);
                }
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let (data, rest) = input.split_at(take);
                *input = rest;
                self.state = match left - take as u64 {
                    0 => State::DataCr,
                    left => State::Data { left },
                };
                return Ok(Chunk::Data(data));
            }
            if self.state == State::Done {
                return Ok(Chunk::End);
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(Chunk::NeedMore);
            };
            *input = rest;
            self.state = self.step(byte)?;
            if let State::Data { left } = self.state {
                return Ok(Chunk::Announced(left));
            }
        }
    }

    /// The state behind `byte`, which is no chunk data.
    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        Ok(match (self.state, byte) {
            // 16 hexadecimal digits fill 64 bits.
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() && digits < 16 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                State::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Size { value, digits: 1.. }, b'\r') => State::SizeLf { size: value },
            (State::Size { value, digits: 1.. }, b';') => {
                self.count_extension()?;
                State::Extension { size: value }
            }
            (State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Extension { size }, _) if is_field_byte(byte) => {
                self.count_extension()?;
                State::Extension { size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { value: 0, digits: 0 },
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::TrailerName, _) if is_tchar(byte) => {
                self.count_trailer()?;
                State::TrailerName
            }
            (State::TrailerName, b':') => {
                self.count_trailer()?;
                State::TrailerValue
            }
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if is_field_byte(byte) => {
                self.count_trailer()?;
                State::TrailerValue
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(Refusal::MalformedChunk),
        })
    }

    fn count_extension(&mut self) -> Result<(), Refusal> {
        let limit = self.overhead_limit;
        self.count().ok_or(Refusal::ChunkExtensionsTooLarge { limit })
    }

    fn count_trailer(&mut self) -> Result<(), Refusal> {
        let limit = self.overhead_limit;
        self.count().ok_or(Refusal::TrailersTooLarge { limit })
    }

    fn count(&mut self) -> Option<()> {
        self.overhead += 1;
        (self.overhead <= self.overhead_limit).then_some(())
    }
}

/// RFC 9110 section 5.5: what may stand in a field value, and so in a chunk extension.
const fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const LIMIT: usize = 40;

    /// Decodes pieces; returns the body and how many bytes followed it.
    fn decode<'a>(
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<(Vec<u8>, usize)>, Refusal> {
        let mut decoder = ChunkedDecoder::new(LIMIT);
        let (mut body, mut end, mut left_over) = (Vec::new(), false, 0);
        for mut piece in pieces {
            while !end {
                match decoder.next(&mut piece)? {
                    Chunk::Data(data) => body.extend_from_slice(data),
                    Chunk::Announced(_) => {}
                    Chunk::NeedMore => break,
                    Chunk::End => end = true,
                }
            }
            left_over += piece.len();
        }
        Ok(end.then_some((body, left_over)))
    }

    /// Whole, byte by byte, and with trailing bytes, which must stay.
    fn check(encoded: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let whole = decode([encoded].into_iter());
        let bytewise = decode(encoded.chunks(1));
        assert_eq!(whole, bytewise);
        if let Ok(Some((body, 0))) = &whole {
            let followed = [encoded, b"POST /"].concat();
            assert_eq!(decode([&followed[..]].into_iter()), Ok(Some((body.clone(), 6))));
        }
        whole.map(|done| done.map(|(body, _)| body))
    }

    #[test]
    fn decodes_bodies() {
        for (encoded, body) in [
            (&b"0\r\n\r\n"[..], &b""[..]),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"005\r\nhello\r\n1\r\n!\r\n000\r\n\r\n", b"hello!"),
            (b"A\r\n0123456789\r\na;x=\"y\"\r\n0123456789\r\n0;z\r\n\r\n", b"01234567890123456789"),
            (b"1\r\n\r\r\n1\r\n\n\r\n0\r\nA: b\r\nC:\r\n\r\n", b"\r\n"),
        ] {
            assert_eq!(check(encoded), Ok(Some(body.to_vec())));
            for cut in 0..encoded.len() {
                assert_eq!(decode([&encoded[..cut]].into_iter()), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn refuses_malformed_chunks() {
        for encoded in [
            &b"\r\n\r\n"[..],
            b";x\r\n\r\n",
            b"0\n\n",
            b"0\r\n\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello!\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"5;a\0\r\nhello\r\n0\r\n\r\n",
            b"00000000000000000\r\n\r\n",
            b"0\r\n A: b\r\n\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\nA\r\n\r\n",
            b"0\r\nA: b\n\r\n",
        ] {
            assert_eq!(check(encoded), Err(Refusal::MalformedChunk), "{encoded:?}");
        }
    }

    #[test]
    fn the_overhead_limit_is_inclusive() {
        let with = |extension: usize, trailer: usize| {
            let mut encoded = b"1;".to_vec();
            encoded.resize(1 + extension, b'x');
            encoded.extend_from_slice(b"\r\na\r\n0\r\n");
            if trailer > 0 {
                encoded.resize(encoded.len() + trailer - 1, b'T');
                encoded.extend_from_slice(b":\r\n");
            }
            encoded.extend_from_slice(b"\r\n");
            check(&encoded)
        };
        assert_eq!(with(LIMIT, 0), Ok(Some(b"a".to_vec())));
        assert_eq!(with(LIMIT + 1, 0), Err(Refusal::ChunkExtensionsTooLarge { limit: LIMIT }));
        assert_eq!(with(10, LIMIT - 10), Ok(Some(b"a".to_vec())));
        assert_eq!(with(10, LIMIT - 9), Err(Refusal::TrailersTooLarge { limit: LIMIT }));
    }

    #[test]
    fn a_chunk_is_announced_before_its_data() {
        let mut decoder = ChunkedDecoder::new(LIMIT);
        let mut input = &b"ffffffffffffffff\r\n"[..];
        assert_eq!(decoder.next(&mut input), Ok(Chunk::Announced(u64::MAX)));
        assert_eq!(decoder.next(&mut input), Ok(Chunk::NeedMore));
    }
}

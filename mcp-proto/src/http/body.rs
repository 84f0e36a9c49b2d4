//! Reads a request's body off the connection, in either framing.

use super::chunked::{Chunk, ChunkedDecoder};
use super::head::Framing;
use crate::error::Refusal;
use crate::limits::Limits;

/// Splits the bytes behind a head into those of the body and those of the next request.
#[derive(Debug)]
pub(crate) enum BodyDecoder {
    Length { left: u64 },
    Chunked(ChunkedDecoder),
}

/// What [`BodyDecoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// The next piece of the body.
    Data(&'a [u8]),
    /// More input is needed.
    NeedMore,
    /// The body is complete; what is left of the input belongs to the next request.
    End,
}

impl BodyDecoder {
    pub(crate) fn new(framing: Framing, limits: &Limits) -> Self {
        match framing {
            Framing::Empty => Self::Length { left: 0 },
            Framing::Length(length) => Self::Length { left: length },
            Framing::Chunked => Self::Chunked(ChunkedDecoder::new(limits.chunk_overhead)),
        }
    }

    /// Takes bytes from the front of `input`. `room` is how much more the body may hold, of `limit`
    /// in all.
    pub(crate) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        room: usize,
        limit: usize,
    ) -> Result<Progress<'a>, Refusal> {
        match self {
            Self::Length { left: 0 } => Ok(Progress::End),
            Self::Length { .. } if input.is_empty() => Ok(Progress::NeedMore),
            Self::Length { left } => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                let (data, rest) = input.split_at(take);
                *input = rest;
                *left -= take as u64;
                Ok(Progress::Data(data))
            }
            Self::Chunked(decoder) => loop {
                return Ok(match decoder.next(input)? {
                    Chunk::Announced(size) => {
                        if size > room as u64 {
                            return Err(Refusal::BodyTooLarge { limit });
                        }
                        continue;
                    }
                    Chunk::Data(data) => Progress::Data(data),
                    Chunk::NeedMore => Progress::NeedMore,
                    Chunk::End => Progress::End,
                });
            },
        }
    }
}

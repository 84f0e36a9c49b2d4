//! HTTP/1.1 as a server reads and writes it (RFC 9110, RFC 9112).
//!
//! In the order in which a request passes through: `scan` finds the end of the head, `fields` takes
//! it apart, `head` keeps what decides anything and settles where the body ends, `body` and `chunked`
//! decode that body, `response` writes the answer, `date` its `Date` field.

mod body;
mod chunked;
mod date;
mod fields;
mod head;
mod response;
mod scan;

pub use head::{Head, Method};

pub(crate) use body::{BodyDecoder, Progress};
#[cfg(feature = "internals")]
pub(crate) use chunked::{Chunk, ChunkedDecoder};
pub(crate) use date::DateLine;
pub(crate) use head::{Framing, list_members};
pub(crate) use response::{BodyEncoding, ResponseHead, ResponseWriter};
pub(crate) use scan::{HeadScan, is_tchar};

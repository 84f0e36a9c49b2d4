//! Reads a response of HTTP/1.1: whether it is a good one, where it ends, and what its body is.

use memchr::memmem;

/// One response, as far as it has come.
#[derive(Default)]
pub(crate) struct Response {
    raw: Vec<u8>,
    /// How much of `raw` has been looked at.
    at: usize,
    body: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body are to come.
    Length(usize),
    ChunkSize,
    /// So many bytes of the chunk are to come, and then a line end.
    Chunk(usize),
    Trailer,
    Complete,
}

impl Response {
    /// Takes what has come. Returns whether that is all of the response.
    ///
    /// # Errors
    ///
    /// If it is none, its status is not 200, nothing says where it ends, or there is more behind it.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.raw.extend_from_slice(bytes);
        while let Some(next) = self.step()? {
            self.state = next;
        }
        if self.state == State::Complete && self.at < self.raw.len() {
            return Err("there is more behind the response".into());
        }
        Ok(self.state == State::Complete)
    }

    /// The state that follows, if enough is there for it.
    fn step(&mut self) -> Result<Option<State>, String> {
        let rest = &self.raw[self.at..];
        match self.state {
            State::Head => {
                let Some(end) = memmem::find(rest, b"\r\n\r\n") else { return Ok(None) };
                let framing = framing(&rest[..end + 4])?;
                self.at += end + 4;
                Ok(Some(framing))
            }
            State::Length(0) => Ok(Some(State::Complete)),
            State::Length(left) => {
                let taken = self.take(left);
                Ok((taken > 0).then_some(State::Length(left - taken)))
            }
            State::ChunkSize => {
                let Some(end) = memmem::find(rest, b"\r\n") else { return Ok(None) };
                let size = chunk_size(&rest[..end]).ok_or("a chunk has no size")?;
                self.at += end + 2;
                Ok(Some(if size == 0 { State::Trailer } else { State::Chunk(size) }))
            }
            State::Chunk(0) => match rest {
                [b'\r', b'\n', ..] => {
                    self.at += 2;
                    Ok(Some(State::ChunkSize))
                }
                [] | [b'\r'] => Ok(None),
                _ => Err("a chunk is longer than its size".into()),
            },
            State::Chunk(left) => {
                let taken = self.take(left);
                Ok((taken > 0).then_some(State::Chunk(left - taken)))
            }
            State::Trailer => {
                let Some(end) = memmem::find(rest, b"\r\n") else { return Ok(None) };
                self.at += end + 2;
                Ok(Some(if end == 0 { State::Complete } else { State::Trailer }))
            }
            State::Complete => Ok(None),
        }
    }

    /// Moves so many bytes to the body, or as many as there are.
    fn take(&mut self, most: usize) -> usize {
        let rest = &self.raw[self.at..];
        let taken = &rest[..most.min(rest.len())];
        self.body.extend_from_slice(taken);
        self.at += taken.len();
        taken.len()
    }

    /// Everything that has come, as it came.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Forgets what has come, and awaits the rest of the same response.
    pub(crate) fn forget(&mut self) {
        self.raw.drain(..self.at);
        self.at = 0;
        self.body.clear();
    }

    /// Forgets everything, for another response.
    pub(crate) fn clear(&mut self) {
        self.raw.clear();
        self.at = 0;
        self.body.clear();
        self.state = State::Head;
    }
}

/// The size in a chunk's first line, which may have extensions.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = str::from_utf8(line).ok()?.split(';').next()?;
    usize::from_str_radix(digits.trim_end(), 16).ok()
}

fn framing(head: &[u8]) -> Result<State, String> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).map_err(|error| format!("the head is malformed: {error}"))?;
    match response.code {
        Some(200) => {}
        other => return Err(format!("the status is {other:?}")),
    }
    let field = |name: &str| {
        let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.and_then(|field| str::from_utf8(field.value).ok())
    };
    if field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(State::ChunkSize);
    }
    let length = field("content-length").and_then(|length| length.parse().ok());
    length.map(State::Length).ok_or_else(|| "nothing says where the body ends".into())
}

#[cfg(test)]
mod tests {
    use super::Response;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                             5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
    const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world";

    fn body(bytes: &[u8]) -> Result<String, String> {
        let mut response = Response::default();
        if !response.receive(bytes)? {
            return Err("incomplete".into());
        }
        Ok(String::from_utf8(response.body().to_vec()).expect("UTF-8"))
    }

    #[test]
    fn both_framings_are_read_whole() {
        assert_eq!(body(CHUNKED).as_deref(), Ok("hello world"));
        assert_eq!(body(LENGTH).as_deref(), Ok("hello world"));
    }

    #[test]
    fn both_framings_are_read_byte_by_byte() {
        for bytes in [CHUNKED, LENGTH] {
            let mut response = Response::default();
            for (at, byte) in bytes.iter().enumerate() {
                let is_complete = response.receive(&[*byte]).expect("well-formed");
                assert_eq!(is_complete, at + 1 == bytes.len(), "at {at}");
            }
            assert_eq!(response.body(), b"hello world");
        }
    }

    #[test]
    fn more_behind_it_is_an_error() {
        for bytes in [CHUNKED, LENGTH] {
            assert!(body(&[bytes, b"H"].concat()).is_err());
        }
    }

    #[test]
    fn what_is_no_good_answer_is_an_error() {
        for bytes in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxyz",
            "hello\r\n\r\n",
        ] {
            let error = body(bytes.as_bytes()).expect_err(bytes);
            assert_ne!(error, "incomplete", "{bytes}");
        }
    }

    #[test]
    fn an_empty_body_is_complete() {
        let nothing = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(body(nothing.as_bytes()).as_deref(), Ok(""));
    }

    #[test]
    fn a_stream_goes_on_after_what_was_forgotten() {
        for at in 0..CHUNKED.len() {
            let (first, second) = CHUNKED.split_at(at);
            let mut response = Response::default();
            assert_eq!(response.receive(first), Ok(false));
            let mut body = response.body().to_vec();
            response.forget();
            assert_eq!(response.receive(second), Ok(true));
            body.extend_from_slice(response.body());
            assert_eq!(body, b"hello world", "split at {at}");
        }
    }
}

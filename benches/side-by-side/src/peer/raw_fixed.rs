//! What the sockets alone cost: reads each request as far as to know its end, and writes bytes that
//! were there before it came.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::BoxError;

/// More than any request of the load.
const LARGEST_REQUEST: usize = 64 * 1024;

pub(crate) struct Answers {
    /// The whole response to most requests.
    pub(crate) response: Vec<u8>,
    /// How the response to `subscriptions/listen` begins.
    pub(crate) stream: Vec<u8>,
    /// How it goes on when the tool `change` is called.
    pub(crate) event: Vec<u8>,
}

struct Shared {
    answers: Answers,
    listeners: RefCell<Vec<TcpStream>>,
}

pub(crate) async fn serve(
    listener: TcpListener,
    nodelay: bool,
    answers: Answers,
) -> Result<(), BoxError> {
    let shared = Rc::new(Shared { answers, listeners: RefCell::default() });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(nodelay)?;
        let shared = Rc::clone(&shared);
        // A client that leaves is not of interest.
        tokio::task::spawn_local(async move { drop(shared.answer(stream).await) });
    }
}

impl Shared {
    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut request = Vec::new();
        loop {
            request.clear();
            while !is_complete(&request) {
                if request.len() > LARGEST_REQUEST || stream.read_buf(&mut request).await? == 0 {
                    return Ok(());
                }
            }
            if names(&request, r#""method":"subscriptions/listen""#) {
                stream.write_all(&self.answers.stream).await?;
                self.listeners.borrow_mut().push(stream);
                return Ok(());
            }
            if names(&request, r#""name":"change""#) {
                self.tell_all();
            }
            stream.write_all(&self.answers.response).await?;
        }
    }

    /// Writes the event to all who listen, and forgets who cannot take it at once.
    fn tell_all(&self) {
        let event = &self.answers.event;
        let has_taken =
            |stream: &TcpStream| stream.try_write(event).is_ok_and(|n| n == event.len());
        self.listeners.borrow_mut().retain(has_taken);
    }
}

fn names(request: &[u8], what: &str) -> bool {
    memmem::find(request, what.as_bytes()).is_some()
}

/// Whether the request is there with all of its body, whose length comes last in the head, as the load
/// writes it.
fn is_complete(request: &[u8]) -> bool {
    const LENGTH: &[u8] = b"Content-Length: ";

    let Some(head) = memmem::find(request, b"\r\n\r\n") else { return false };
    let length = memmem::find(&request[..head], LENGTH)
        .and_then(|at| str::from_utf8(&request[at + LENGTH.len()..head]).ok()?.parse().ok());
    let length: usize = length.unwrap_or(0);
    request.len() >= head + 4 + length
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_request_is_complete_with_its_last_byte() {
        let request = mcp_benches::requests::call_echo("hello", false);
        for end in 0..request.len() {
            assert!(!is_complete(&request[..end]), "{end}");
        }
        assert!(is_complete(&request));
    }
}

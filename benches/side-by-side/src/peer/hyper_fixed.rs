//! What HTTP alone costs with hyper: no JSON, no protocol, the same answer to everybody.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::VecDeque;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::BoxError;

pub(crate) async fn serve(
    listener: TcpListener,
    nodelay: bool,
    body: Vec<u8>,
    are_events: bool,
) -> Result<(), BoxError> {
    let answer = Answer::new(body, are_events);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(nodelay)?;
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer.clone();
            async move {
                request.into_body().collect().await?;
                Ok::<_, hyper::Error>(answer.response())
            }
        });
        // A client that leaves is not of interest.
        tokio::task::spawn_local(async move {
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

#[derive(Clone)]
struct Answer {
    content_type: &'static str,
    body: Pieces,
}

impl Answer {
    fn new(body: Vec<u8>, are_events: bool) -> Self {
        let body = Bytes::from(body);
        if !are_events {
            let pieces = VecDeque::from([body.clone()]);
            let length = Some(body.len() as u64);
            return Self { content_type: "application/json", body: Pieces { pieces, length } };
        }
        let mut pieces = VecDeque::new();
        let mut rest = body;
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\n\n") {
            pieces.push_back(rest.split_to(at + 2));
        }
        Self { content_type: "text/event-stream", body: Pieces { pieces, length: None } }
    }

    fn response(&self) -> Response<Pieces> {
        let response = Response::builder().header(CONTENT_TYPE, self.content_type);
        response.body(self.body.clone()).expect("a valid head")
    }
}

/// A body that is there already: a chunk for each piece, unless its length is said.
#[derive(Clone)]
struct Pieces {
    pieces: VecDeque<Bytes>,
    length: Option<u64>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

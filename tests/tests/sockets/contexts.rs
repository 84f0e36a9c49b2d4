//! What a handler holds outlives nothing: contexts in threads, reports that nobody reads, streams
//! that buffer.

use std::io::{BufReader, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::{On, wait_until};
use mcp_smol::async_io::Async;
use mcp_smol::{Context, Endpoints, Server};
use serde_json::json;

/// Reports progress from another thread until the call has ended; counts those at it.
fn report_on(thread_count: Arc<AtomicUsize>, ctx: Context) {
    thread_count.fetch_add(1, Ordering::SeqCst);
    std::thread::spawn(move || {
        let mut progress = 0.0;
        while !ctx.has_ended() {
            progress += 1.0;
            mcp_smol::block_on(ctx.progress(progress));
        }
        thread_count.fetch_sub(1, Ordering::SeqCst);
    });
}

#[test]
fn threads_learn_that_their_call_has_ended() {
    for &on in On::AND_INSIDE {
        let threads = Arc::new(AtomicUsize::new(0));
        let [at_once, later, panicking] = [(); 3].map(|()| threads.clone());
        let server = Server::new("contexts", "1.0.0")
            .tool("at_once", "Ends at once", move |ctx: Context| report_on(at_once.clone(), ctx))
            .tool("later", "Ends later", move |ctx: Context| {
                report_on(later.clone(), ctx);
                async move { on.sleep(Duration::from_millis(50)).await }
            })
            .tool("panics", "Does not even begin", move |ctx: Context| -> String {
                report_on(panicking.clone(), ctx);
                panic!("a bug")
            });
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        for tool in ["at_once", "later", "panics"] {
            ToolCall::new(Wire::Modern, tool, json!({})).send(running.address);
            wait_until("the thread's end", || threads.load(Ordering::SeqCst) == 0);
        }
        running.stop().unwrap();
    }
}

#[test]
fn reports_that_nobody_waits_for_do_not_pile_up() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let server = Server::new("contexts", "1.0.0").tool("flood", "Reports and does not wait", {
        move |ctx: Context| {
            let counted = counted.clone();
            async move {
                for n in 1..=100_000 {
                    let report = ctx.progress(f64::from(n)).message("x".repeat(1024));
                    let mut report = std::pin::pin!(report.into_future());
                    std::future::poll_fn(|cx| {
                        if report.as_mut().poll(cx).is_ready() {
                            counted.fetch_add(1, Ordering::SeqCst);
                        }
                        Poll::Ready(())
                    })
                    .await;
                }
                "flooded"
            }
        }
    });
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    let response = ToolCall::new(Wire::Modern, "flood", json!({})).send(running.address);
    assert_eq!(response.text(), "flooded");
    // All in one turn of the handler: there was room for a few.
    assert!(response.messages().len() < 20, "{}", response.messages().len());
    running.stop().unwrap();
}

/// A stream that sends nothing until it is flushed, and counts what it is given to write.
struct Buffering {
    inner: Async<std::net::TcpStream>,
    held: Vec<u8>,
    writes: usize,
}

impl futures_io::AsyncRead for Buffering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl futures_io::AsyncWrite for Buffering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        self.writes += 1;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        let this = &mut *self;
        while !this.held.is_empty() {
            match Pin::new(&mut this.inner).poll_write(cx, &this.held) {
                Poll::Ready(Ok(count)) => drop(this.held.drain(..count)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// Calls a tool over a stream that buffers. Returns what comes back, and in how many writes.
fn call_buffered(server: Server, tool: &'static str) -> (Response, usize) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = connect(address);
        let call = ToolCall::new(Wire::Modern, tool, json!({}));
        stream.write_all(&call.sized()).unwrap();
        Response::read(&mut BufReader::new(stream), &call.request())
    });
    let mut writes = 0;
    mcp_smol::block_on(async {
        let service = Endpoints::new().mount("/mcp", server).start().await.unwrap();
        let inner = Async::new(listener.accept().unwrap().0).unwrap();
        let timer = mcp_smol::runtime::Runtime::timer(&mcp_smol::Smol::new());
        let mut stream = Buffering { inner, held: Vec::new(), writes: 0 };
        service.connection(&mut stream, timer, None).await;
        writes = stream.writes;
        service.stop(Duration::ZERO).await;
    });
    (client.join().unwrap(), writes)
}

#[test]
fn streams_that_buffer_are_flushed() {
    let server = Server::new("contexts", "1.0.0").tool("hello", "Says hello", || "hello");
    let (response, writes) = call_buffered(server, "hello");
    assert_eq!(response.text(), "hello");
    assert_eq!(writes, 1, "head and body leave together");
}

#[test]
fn what_a_handler_says_in_one_go_leaves_in_one_write() {
    let tool = |pauses: bool| {
        move |ctx: Context| async move {
            ctx.progress(1.0).await;
            ctx.progress(2.0).await;
            if pauses {
                mcp_smol::async_io::Timer::after(Duration::from_millis(1)).await;
            }
            "done"
        }
    };
    let server =
        || {
            Server::new("contexts", "1.0.0")
                .tool("at_once", "Reports and is done", tool(false))
                .tool("later", "Reports, waits, and is done", tool(true))
        };
    let (response, writes) = call_buffered(server(), "at_once");
    assert_eq!(response.messages().len(), 3);
    assert_eq!(writes, 1);
    // What it has said does not wait for what it says after a pause.
    let (response, writes) = call_buffered(server(), "later");
    assert_eq!(response.messages().len(), 3);
    assert_eq!(writes, 2);
}

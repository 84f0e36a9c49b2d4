//! Accepting connections: how many, from whom, and what happens when the system has no more.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::session::Client;
use crate::common::{On, wait_until};
use mcp_smol::runtime::{Address, Listener};
use mcp_smol::{Endpoints, Hosts, Serve, Server, Smol};
use serde_json::json;

fn server() -> Server {
    Server::new("listening", "1.0.0").tool("hello", "Says hello", || "hello")
}

fn call() -> ToolCall {
    ToolCall::new(Wire::Modern, "hello", json!({}))
}

/// Fails as often as it is told to before it works.
struct FailingListener {
    inner: mcp_smol::Listener,
    failures: Arc<AtomicUsize>,
}

impl Listener for FailingListener {
    type Stream = <mcp_smol::Listener as Listener>::Stream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let left =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match left {
            // EMFILE: too many open files.
            Ok(_) => Poll::Ready(Err(io::Error::from_raw_os_error(24))),
            Err(_) => self.inner.poll_accept(cx),
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.inner.local_addr().map(Address::Ip)
    }
}

#[test]
fn out_of_descriptors_is_a_pause_and_not_the_end() {
    let inner = mcp_smol::bind("127.0.0.1:0").unwrap();
    let address = inner.local_addr().unwrap();
    let failures = Arc::new(AtomicUsize::new(3));
    let listener = FailingListener { inner, failures: failures.clone() };
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let endpoints = Endpoints::new().mount("/mcp", server());
    let serve = Serve::new(Smol::new(), listener, endpoints).until(async move {
        let _ = stopped.recv().await;
    });
    let begun = std::time::Instant::now();
    let thread = std::thread::spawn(|| mcp_smol::block_on(serve));
    assert_eq!(call().send(address).text(), "hello");
    // 10, 20 and 40 ms.
    assert!(begun.elapsed() >= Duration::from_millis(70), "{:?}", begun.elapsed());
    assert_eq!(failures.load(Ordering::SeqCst), 0);
    stop.close();
    thread.join().unwrap().unwrap();
}

#[test]
fn connections_past_the_cap_wait_their_turn() {
    let listener = mcp_smol::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = server();
    let counters = server.counters();
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let serve = mcp_smol::serve(listener, Endpoints::new().mount("/mcp", server))
        .max_connections(2)
        .until(async move {
            let _ = stopped.recv().await;
        });
    let thread = std::thread::spawn(|| mcp_smol::block_on(serve));
    let first = connect(address);
    let _second = connect(address);
    wait_until("two connections", || counters.open_connections() == 2);
    let mut third = connect(address);
    third.write_all(&call().sized()).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(third.read(&mut [0]).is_err(), "the third has to wait");
    assert_eq!(counters.open_connections(), 2);
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let response = Response::read(&mut BufReader::new(third), &call().request());
    assert_eq!(response.text(), "hello");
    stop.close();
    thread.join().unwrap().unwrap();
}

#[test]
fn the_address_listened_at_is_a_host_that_is_served() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoints = Endpoints::new().mount("/mcp", server()).hosts(Hosts::loopback());
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let serve = mcp_smol::serve(listener.try_into().unwrap(), endpoints).until(async move {
        let _ = stopped.recv().await;
    });
    let thread = std::thread::spawn(|| mcp_smol::block_on(serve));
    for (host, status) in [(address.to_string(), 200), ("127.0.0.3".into(), 403)] {
        let request = String::from_utf8(call().sized()).unwrap().replace("localhost", &host);
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).unwrap();
        let response = Response::read(&mut BufReader::new(stream), &call().request());
        assert_eq!(response.status, status, "{host}");
    }
    stop.close();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_server_that_is_dropped_closes_its_connections() {
    for &on in On::ALL {
        let server = server();
        let counters = server.counters();
        let endpoints = Endpoints::new().mount("/mcp", server);
        let (address, drop_it) = match on {
            On::Smol => serve_and_drop_on_smol(endpoints),
            #[cfg(feature = "tokio")]
            _ => serve_and_drop_on_tokio(endpoints),
        };
        let _client = Client::new(address).begin();
        let mut idle = connect(address);
        // What has been answered has been accepted.
        idle.write_all(&call().sized()).unwrap();
        let response = Response::read(&mut BufReader::new(&idle), &call().request());
        assert_eq!(response.status, 200);
        assert_eq!((counters.open_sessions(), counters.open_connections() > 0), (1, true));
        drop_it.close();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "{on:?}");
        wait_until("no connections", || counters.open_connections() == 0);
        wait_until("no sessions", || counters.open_sessions() == 0);
    }
}

fn serve_and_drop_on_smol(endpoints: Endpoints) -> (SocketAddr, async_channel::Sender<()>) {
    let listener = mcp_smol::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (drop_it, dropped) = async_channel::bounded::<()>(1);
    std::thread::spawn(move || {
        let mut serve = mcp_smol::serve(listener, endpoints).into_future();
        let mut dropped = std::pin::pin!(dropped.recv());
        mcp_smol::block_on(std::future::poll_fn(|cx| match dropped.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => serve.as_mut().poll(cx).map(|_| ()),
        }));
    });
    (address, drop_it)
}

#[cfg(feature = "tokio")]
fn serve_and_drop_on_tokio(endpoints: Endpoints) -> (SocketAddr, async_channel::Sender<()>) {
    use mcp_tokio::tokio;

    let (addresses, address) = std::sync::mpsc::channel();
    let (drop_it, dropped) = async_channel::bounded::<()>(1);
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = mcp_tokio::bind("127.0.0.1:0").await.unwrap();
            addresses.send(listener.local_addr().unwrap()).unwrap();
            let serving = tokio::spawn(mcp_tokio::serve(listener, endpoints).into_future());
            let _ = dropped.recv().await;
            serving.abort();
            // The runtime lives on: it is the drop that ends the connections.
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
    });
    (address.recv().unwrap(), drop_it)
}

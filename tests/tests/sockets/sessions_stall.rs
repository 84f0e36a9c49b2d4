//! A session whose client does not read, and one whose beginning takes long, hold up no other.
//!
//! In one SDK, sending to a session whose queue was full kept the lock of the table of sessions for as
//! long as its client did not read, and so did beginning one: everybody waited.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::client::read_head;
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Client, Underway, request, tool_call};
use crate::common::{On, Running, wait_until};
use mcp_smol::{Context, Deadlines, Endpoints, Server, ServerHandle};
use serde_json::json;
use socket2::{Domain, Socket, Type};

const SESSIONS: usize = 100;
/// The threads that they share, and how often each calls.
const THREADS: usize = 4;
const CALLS: usize = 20;

/// How much longer a call may take while somebody stalls.
const FACTOR: u32 = 5;
const NOISE: Duration = Duration::from_millis(20);

/// A URI of which a few notifications are more than all buffers on the way hold.
fn long_uri() -> String {
    format!("n:{}", "x".repeat(20_000))
}

fn server(reports: &Arc<AtomicUsize>) -> Server {
    let reports = reports.clone();
    Server::new("stall", "1.0.0").tool("hello", "Says hello", || "hello").tool(
        "chatter",
        "Reports progress without end",
        move |ctx: Context| {
            let reports = reports.clone();
            async move {
                for step in 1.. {
                    ctx.progress(f64::from(step)).message("x".repeat(1_000)).await;
                    reports.fetch_add(1, Ordering::SeqCst);
                }
            }
        },
    )
}

/// A listener whose connections buffer little: the system would take in all that is sent.
fn listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(1024).unwrap();
    socket.into()
}

fn serve(on: On, server: Server) -> Running {
    // They are to stall for as long as it takes.
    let deadlines = Deadlines {
        write_stall: Duration::from_secs(600),
        drain: Duration::from_millis(100),
        ..Deadlines::default()
    };
    let endpoints = Endpoints::new().mount("/mcp", server).deadlines(deadlines);
    on.serve_at(listener(), endpoints, Duration::from_secs(1))
}

/// A request on a connection that takes in next to nothing unless somebody reads.
fn send_narrowly(client: &Client, bytes: &[u8]) -> Underway {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&client.address.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.send_bytes_on(socket.into(), bytes)
}

/// Waits until the handler that reports progress without end has to wait.
fn has_stalled(reports: &AtomicUsize) {
    let (mut seen, mut since) = (0, Instant::now());
    wait_until("a handler that cannot go on", || {
        let now = reports.load(Ordering::SeqCst);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        seen > 0 && since.elapsed() > Duration::from_millis(300)
    });
}

/// A session that makes one call after the other on one connection.
struct Caller {
    request: Vec<u8>,
    stream: BufReader<TcpStream>,
}

impl Caller {
    fn new(client: &Client) -> Self {
        let request = client.post_bytes(&tool_call(json!(1), "hello", json!({})));
        Self { request, stream: BufReader::new(crate::common::client::connect(client.address)) }
    }

    /// How long a call takes.
    fn call(&mut self) -> Duration {
        let begun = Instant::now();
        self.stream.get_mut().write_all(&self.request).unwrap();
        let head = read_head(&mut self.stream);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = crate::common::client::field(&head, "content-length").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        std::io::Read::read_exact(&mut self.stream, &mut body).unwrap();
        let elapsed = begun.elapsed();
        assert!(body.windows(7).any(|text| text == b"\"hello\""), "{}", body.escape_ascii());
        elapsed
    }
}

/// The median, and what all but one in a hundred keep below.
fn median_and_p99(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Has all sessions call at the same time, while `companion` calls as well, new sessions begin and
/// end, and much changes. Returns how long calls take.
fn measure(
    callers: &mut [Caller],
    companion: &mut Caller,
    stranger: &Client,
    handle: &ServerHandle,
) -> (Duration, Duration) {
    let is_over = AtomicBool::new(false);
    let until_over = |act: &mut (dyn FnMut() -> Duration + Send)| -> Vec<Duration> {
        let not_over = std::iter::repeat_with(|| is_over.load(Ordering::SeqCst));
        not_over
            .take_while(|is_over| !is_over)
            .map(|_| {
                std::thread::sleep(Duration::from_millis(1));
                act()
            })
            .collect()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until_over(&mut || {
                handle.notify_resource_updated(&long_uri());
                Duration::ZERO
            })
        });
        let others = [
            scope.spawn(|| until_over(&mut || companion.call())),
            scope.spawn(|| {
                until_over(&mut || {
                    let begun = Instant::now();
                    let client = stranger.clone().introduced();
                    let elapsed = begun.elapsed();
                    assert_eq!(client.delete().status, 204);
                    elapsed
                })
            }),
        ];
        let per_thread = callers.len() / THREADS;
        let threads: Vec<_> = callers
            .chunks_mut(per_thread)
            .map(|callers| {
                scope.spawn(move || {
                    let rounds = std::iter::repeat_n((), CALLS);
                    rounds
                        .flat_map(|()| callers.iter_mut().map(Caller::call).collect::<Vec<_>>())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut times: Vec<_> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        is_over.store(true, Ordering::SeqCst);
        for other in others {
            times.extend(other.join().unwrap());
        }
        median_and_p99(times)
    })
}

#[test]
fn who_does_not_read_holds_up_nobody_else() {
    for &on in On::AND_INSIDE {
        let reports = Arc::new(AtomicUsize::new(0));
        let mut server = server(&reports);
        let (handle, counters) = (server.handle(), server.counters());
        let running = serve(on, server);
        let stranger = Client::new(running.address);
        let mut callers: Vec<_> =
            (0..SESSIONS).map(|_| Caller::new(&stranger.clone().begin())).collect();
        let stalled = stranger.clone().begin();
        let mut companion = Caller::new(&stalled);
        stalled.request("resources/subscribe", json!({"uri": long_uri()})).result();
        // What is only done once must not count.
        measure(&mut callers, &mut companion, &stranger, &handle);
        let (median, p99) = measure(&mut callers, &mut companion, &stranger, &handle);

        let call = tool_call(json!("chatter"), "chatter", json!({}));
        let chatter = send_narrowly(&stalled, &stalled.post_bytes(&call));
        let silent = send_narrowly(&stalled, &stalled.get_bytes());
        has_stalled(&reports);
        assert_eq!(counters.open_streams(), 1);

        let with = measure(&mut callers, &mut companion, &stranger, &handle);
        eprintln!("{on:?}: {median:?} and {p99:?} without, {:?} and {:?} with", with.0, with.1);
        assert_eq!(counters.calls_in_flight(), 1, "{on:?}: it has not stalled");
        assert!(with.0 <= FACTOR * median + NOISE, "{on:?}: median {:?}, not {median:?}", with.0);
        assert!(with.1 <= FACTOR * p99 + NOISE, "{on:?}: p99 {:?}, not {p99:?}", with.1);

        // Nor does it hold up its own end.
        stalled.notify("notifications/cancelled", json!({"requestId": "chatter"}));
        wait_until("the end of the call", || counters.calls_in_flight() == 0);
        assert_eq!(stalled.delete().status, 204);
        drop((chatter, silent));
        wait_until("the end of the stream", || counters.open_streams() == 0);
        running.stop().unwrap();
    }
}

/// The connection is dead, and nobody has told the server yet.
#[test]
fn who_has_stalled_can_come_back() {
    for &on in On::AND_INSIDE {
        let reports = Arc::new(AtomicUsize::new(0));
        let server = server(&reports);
        let counters = server.counters();
        let running = serve(on, server);
        let client = Client::new(running.address).begin();
        let call = tool_call(json!("chatter"), "chatter", json!({}));
        let mut stalled = send_narrowly(&client, &client.post_bytes(&call)).answer();
        stalled.primed();
        has_stalled(&reports);
        let mut back = client.resume(stalled.last_id());
        // More than it had when it stalled: the handler goes on.
        for step in 1..reports.load(Ordering::SeqCst) + 100 {
            assert_eq!(back.message()["params"]["progress"], json!(step as f64), "{on:?}");
        }
        client.notify("notifications/cancelled", json!({"requestId": "chatter"}));
        wait_until("the end of the call", || counters.calls_in_flight() == 0);
        while back.event().is_some() {}
        drop(stalled);
        running.stop().unwrap();
    }
}

#[test]
fn a_session_that_takes_long_to_begin_holds_up_nobody_else() {
    const LONG: Duration = Duration::from_secs(2);
    const SHORT: Duration = Duration::from_millis(500);
    for &on in On::AND_INSIDE {
        let begun = Arc::new(AtomicUsize::new(0));
        let hook = {
            let begun = begun.clone();
            move |ctx: Context| {
                let begun = begun.clone();
                async move {
                    if ctx.header("x-slow").is_some() {
                        begun.fetch_add(1, Ordering::SeqCst);
                        on.sleep(LONG).await;
                    }
                    Ok::<_, String>(())
                }
            }
        };
        let reports = Arc::new(AtomicUsize::new(0));
        let fixture = Fixture::start(on, |_: &Gate| server(&reports).on_initialize(hook));
        let old = fixture.client();
        let slow = Client { fields: "X-Slow: yes\r\n".into(), ..fixture.stranger() };
        let underway = slow.send(&slow.introduction());
        wait_until("the hook", || begun.load(Ordering::SeqCst) == 1);
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let begun = Instant::now();
            let client = fixture.client();
            assert_eq!(client.call("hello", json!({})).text(), "hello");
            assert_eq!(old.post(&request(json!(1), "ping", json!({}))).result(), json!({}));
            longest = longest.max(begun.elapsed());
        }
        assert!(longest < SHORT, "{on:?}: {longest:?}");
        assert!(underway.is_silent(), "{on:?}: that was too slow to show anything");
        let answer = underway.answer();
        let session = answer.field("mcp-session-id").map(str::to_owned);
        assert_eq!(answer.status, 200);
        assert!(Client { session, ..slow }.lives());
        fixture.stop();
    }
}

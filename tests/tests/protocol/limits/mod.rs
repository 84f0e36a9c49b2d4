//! Each limit at the limit, one past it, and reached in pieces.
//!
//! | limit | where |
//! |---|---|
//! | the fields of `Limits` | `connection`, a test for each, by its name |
//! | the fields of `HubLimits` | `hub`, likewise |
//! | what is not configured | `constants` |
//! | what of it the parsers do at their limits | unit tests in `mcp-proto`: `http/scan.rs`, `http/head.rs`, `http/chunked.rs`, `json/scan.rs`, `hub/subscriptions.rs`, `hub/replay.rs`, `hub/tests` |
//! | how they are configured, connections, what the driver keeps | `tests/tests/sockets/limits.rs` |
//! | `StateKeys::size_limit` | unit tests in `mcp-server/src/request_state.rs` |
//! | mistakes told of arguments | `tests/tests/logged/validation.rs` |
//! | memory that all of them leave | `law_5_memory_is_bounded.rs` |

mod connection;
mod constants;
mod hub;

use std::sync::Arc;

use mcp_proto::{Config, HubLimits, Instant, Limits};
use mcp_tests::peer::{PING, Peer, config, post};

/// The sizes of the pieces that everything is sent in.
const PIECES: [usize; 3] = [1, 7, usize::MAX];

fn limited(limits: &Limits) -> Arc<Config> {
    let mut config = config(false);
    config.limits = limits.clone();
    Arc::new(config)
}

fn peer(limits: &Limits) -> Peer {
    Peer::new(&limited(limits), Instant::from_micros(0))
}

/// A connection serves requests as usual.
#[track_caller]
fn serves(peer: &mut Peer) {
    peer.send(&post("", PING));
    assert_eq!(peer.statuses("ping"), [200]);
}

/// A request with a ping is answered however it comes, and so is the next.
#[track_caller]
fn is_served(limits: &Limits, request: &[u8]) {
    for size in PIECES {
        let mut peer = peer(limits);
        peer.send_in(size, request);
        assert_eq!(peer.statuses("ping"), [200], "in pieces of {size}");
        serves(&mut peer);
        assert!(peer.refusals().is_empty() && !peer.has_fin);
    }
}

/// A request is refused however it comes, for a reason that names the limit. Whether the connection
/// goes on is as expected, and another one does not notice.
#[track_caller]
fn is_refused(limits: &Limits, request: &[u8], status: u16, reason: &str, goes_on: bool) {
    for size in PIECES {
        let mut other = peer(limits);
        let mut peer = peer(limits);
        peer.send_in(size, request);
        let responses = peer.responses("ping").finals;
        let [response] = &responses[..] else { panic!("one answer, not {responses:?}") };
        assert_eq!(response.status, status, "in pieces of {size}");
        let message = response.messages()[0];
        assert!(message.contains(r#""code":-32600"#) && message.contains(reason), "{message}");
        assert!(peer.refusals()[0].to_string().contains(reason), "{:?}", peer.events);
        assert_eq!((peer.has_fin, response.closes()), (!goes_on, !goes_on));
        if goes_on {
            serves(&mut peer);
        } else {
            peer.close();
            assert!(peer.is_closed);
        }
        serves(&mut other);
    }
}

/// The names of the fields that `{:#?}` shows.
pub(crate) fn fields_of(value: &impl std::fmt::Debug) -> Vec<String> {
    let text = format!("{value:#?}");
    let fields = text.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':'));
    fields.map(|(name, _)| name.to_owned()).collect()
}

/// A limit without a test does not pass.
#[test]
fn no_limit_is_forgotten() {
    for (fields, tests) in [
        (fields_of(&Limits::default()), include_str!("connection.rs")),
        (fields_of(&HubLimits::default()), include_str!("hub.rs")),
    ] {
        assert!(fields.len() > 5, "{fields:?}");
        for field in fields {
            assert!(tests.contains(&format!("#[test]\nfn {field}()")), "no test of {field}");
        }
    }
}

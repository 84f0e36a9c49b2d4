//! Each deadline in virtual time: not a microsecond before, what comes out, and what extends it.
//!
//! | deadline | where |
//! |---|---|
//! | the fields of `Deadlines` | `connection`, a test for each, by its name |
//! | the fields of `HubDeadlines` | `hub`, likewise |
//! | of a shutdown, clocks that jump, false alarms | `connection`, `hub` |
//! | how much longer a question may take with progress | unit tests in `mcp-proto/src/hub/tests/questions.rs` |
//! | how they are configured | `tests/tests/sockets/limits.rs` |
//! | `StateKeys::lifetime` | unit tests in `mcp-server/src/request_state.rs` |

mod connection;
mod hub;

use std::time::Duration;

use mcp_proto::{Deadlines, HubDeadlines};

use crate::limits::fields_of;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The least time that there is.
const TICK: Duration = Duration::from_micros(1);

/// Some years.
const AGES: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A deadline without a test does not pass.
#[test]
fn no_deadline_is_forgotten() {
    for (fields, tests) in [
        (fields_of(&Deadlines::default()), include_str!("connection.rs")),
        (fields_of(&HubDeadlines::default()), include_str!("hub.rs")),
    ] {
        assert!(fields.len() > 3, "{fields:?}");
        for field in fields {
            assert!(tests.contains(&format!("#[test]\nfn {field}()")), "no test of {field}");
        }
    }
}

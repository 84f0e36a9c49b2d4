//! Tools that take their time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_smol::{Context, Server};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Sleep;

/// Longer than any client here waits: who gets that answer has not been cancelled.
const LONG: Duration = Duration::from_secs(300);

#[derive(Deserialize, JsonSchema)]
struct Labelled {
    /// What to know the call by.
    label: String,
}

/// The labels of all calls that are waiting.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<BTreeSet<String>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, for as long as its handler lives.
struct Waiter {
    label: String,
    waiting: Waiting,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.label);
    }
}

pub(crate) fn add_to(server: Server, sleep: fn(Duration) -> Sleep) -> Server {
    let waiting = Waiting::default();
    let waiters = waiting.clone();
    server
        .tool(
            "test_reconnection",
            "Lets go of its connection, and answers when its client is back",
            move |ctx: Context| async move {
                ctx.release_connection();
                sleep(Duration::from_millis(100)).await;
                "Reconnected."
            },
        )
        .tool("test_wait", "Waits to be cancelled", move |args: Labelled| {
            let waiting = waiters.clone();
            async move {
                waiting.lock().insert(args.label.clone());
                let _waiter = Waiter { label: args.label, waiting };
                sleep(LONG).await;
                "not cancelled"
            }
        })
        .tool("test_waiting", "Tells whether a call still waits", move |args: Labelled| {
            if waiting.lock().contains(&args.label) { "yes" } else { "no" }
        })
}

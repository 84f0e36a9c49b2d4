//! An MCP client in memory, to test your servers with: no sockets, no runtime, and time that passes
//! when the test says so.
//!
//! ```
//! # use mcp_server::Server;
//! # use schemars::JsonSchema;
//! # use serde::Deserialize;
//! # use serde_json::json;
//! use mcp_testing::Client;
//!
//! # #[derive(Deserialize, JsonSchema)]
//! # struct Add { a: f64, b: f64 }
//! # fn server() -> Server {
//! #     Server::new("math", "1.0.0").tool("add", "Adds", |args: Add| args.a + args.b)
//! # }
//! # fn main() -> Result<(), mcp_testing::Error> {
//! let client = Client::new(server())?;
//! let sum = client.call("add", json!({"a": 1, "b": 2}))?;
//! assert_eq!(sum.text(), "3");
//! # Ok(())
//! # }
//! ```
//!
//! The client speaks HTTP and JSON-RPC to the driver that serves real connections, so what is tested
//! is all of it: schemas, headers, refusals, streams. Everything runs on the thread of the test, and
//! only while the test waits for something.
//!
//! # What happens on the way to a result
//!
//! ```
//! # use mcp_server::{BoxError, Context, Server};
//! # use schemars::JsonSchema;
//! # use serde::Deserialize;
//! # use serde_json::json;
//! use mcp_testing::{Client, accept};
//!
//! # #[derive(Deserialize, JsonSchema)]
//! # struct Confirmation { sure: bool }
//! # async fn wipe(ctx: Context) -> Result<&'static str, BoxError> {
//! #     ctx.progress(1.0).total(2.0).await;
//! #     let answer = ctx.elicit::<Confirmation>("sure", "Really?").await?.accepted();
//! #     Ok(if answer.is_some_and(|answer| answer.sure) { "wiped" } else { "kept" })
//! # }
//! # fn main() -> Result<(), mcp_testing::Error> {
//! # let server = Server::new("disk", "1.0.0").tool("wipe", "Wipes", wipe);
//! let client = Client::new(server)?;
//! let mut call = client.begin_call("wipe", json!({}))?;
//! assert_eq!(call.next_progress()?.total, Some(2.0));
//! assert_eq!(call.next_question()?.message(), "Really?");
//! call.answer_elicitation(accept(json!({"sure": true})))?;
//! assert_eq!(call.finish()?.text(), "wiped");
//!
//! // A user who hangs up in the middle: the future of the handler is dropped.
//! client.begin_call("wipe", json!({}))?.hang_up();
//! # Ok(())
//! # }
//! ```
//!
//! # Revisions
//!
//! A client speaks 2026-07-28. [`Client::revision`] makes one of the same server that speaks another,
//! in a session of its own:
//!
//! ```
//! # use mcp_server::Server;
//! # use mcp_testing::{Client, Revision};
//! # fn main() -> Result<(), mcp_testing::Error> {
//! # let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
//! let client = Client::new(server)?;
//! for revision in Revision::ALL {
//!     let client = client.revision(revision)?;
//!     assert_eq!(client.call("hello", ())?.text(), "Hello!");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! Deadlines, keep-alives and sessions go by a clock that stands still until [`Client::advance`] moves
//! it. What a handler waits for itself goes by whatever clock that has: a timer of a runtime takes its
//! time, and [`Client::patience`] says how long the client waits for it, 5 s if nothing is said. A
//! handler that waits for what never comes fails the test, with an error that says what for.
//!
//! A handler that needs a runtime around it, as those with timers and sockets of tokio do, finds it
//! where the test has entered one: `let runtime = Runtime::new()?; let _inside = runtime.enter();`. It has
//! to have threads of its own: that of a plain `#[tokio::test]` stands still while the test waits, so say
//! `#[tokio::test(flavor = "multi_thread")]`.
#![forbid(unsafe_code)]

mod call;
pub use call::Call;

mod client;
pub use client::Client;

mod error;
pub use error::Error;

mod exchange;

mod listening;
pub use listening::Listening;

mod pipe;

mod response;

mod results;
pub use results::{Listed, Log, Progress, PromptResult, Question, ResourceResult, ToolResult};

mod world;

pub use mcp_proto::{Change, Revision};

use serde::Serialize;
use serde_json::{Value, json};

/// The answer of a user who fills in a form with that, or with `()` visits the page that an
/// elicitation names.
///
/// # Panics
///
/// If `content` is no JSON.
#[must_use]
pub fn accept(content: impl Serialize) -> Value {
    let content = serde_json::to_value(content).expect("the content of a form is JSON");
    if content.is_null() {
        return json!({"action": "accept"});
    }
    json!({"action": "accept", "content": content})
}

/// The answer of a user who says no.
#[must_use]
pub fn decline() -> Value {
    json!({"action": "decline"})
}

/// The answer of a user who puts a question away without a choice.
#[must_use]
pub fn cancel() -> Value {
    json!({"action": "cancel"})
}

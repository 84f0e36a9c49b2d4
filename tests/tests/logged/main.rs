//! Servers on sockets, and what they say in their log: that is one for the whole process.

#[path = "../common/mod.rs"]
mod common;

mod authorization;
mod changes;
mod hang_up;
mod metrics;
mod sessions_chaos;
mod spans;
mod startup;
mod subscriptions;
mod validation;

use mcp_tests::meter::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

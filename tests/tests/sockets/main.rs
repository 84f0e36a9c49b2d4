//! Servers on sockets, on every runtime.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/blocking.rs"]
mod blocking;

mod authorization;
mod calls;
mod contexts;
mod hang_up_blocking;
mod last_response;
mod limits;
mod listening;
mod mounts;
mod offers;
mod questions;
mod sessions_batches;
mod sessions_cancel;
mod sessions_life;
mod sessions_questions;
mod sessions_replay;
mod sessions_stall;
mod sessions_streams;
mod shutdown;
mod tls;
#[cfg(feature = "axum")]
mod tower;
#[cfg(unix)]
mod unix;

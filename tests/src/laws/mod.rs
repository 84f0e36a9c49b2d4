//! The laws of the protocol core, each as a function that panics when a script breaks it.
//!
//! 1. [`silence`]: nothing is sent behind the end of a connection.
//! 2. [`chunking`]: how bytes are split over inputs makes no difference.
//! 3. [`calls`]: every call ends exactly once.
//! 4. [`progress`]: no panic, no livelock, and every connection ends.
//! 5. [`memory`]: what is kept for a peer is bounded by the limits.
//! 6. [`wellformed`]: every response is valid HTTP and valid JSON-RPC of its revision.
//! 7. [`order`]: each request gets its own answer, in order.
//! 8. [`leftovers`]: a driver is told of all that ends with a connection.
//! 9. [`disconnect`]: a disconnect is reported once, with what was lost.

pub mod calls;
pub mod chunking;
pub mod disconnect;
pub mod exchanges;
pub mod leftovers;
pub mod memory;
pub mod order;
pub mod progress;
pub mod silence;
pub mod wellformed;

use crate::script::Script;

/// Checks all laws but the fifth, which needs the [`meter`](crate::meter) as global allocator.
pub fn check_all(script: &Script) {
    silence::check(script);
    chunking::check(script);
    calls::check(script);
    progress::check(script);
    wellformed::check(script);
    order::check(script);
    leftovers::check(script);
    disconnect::check(script);
}

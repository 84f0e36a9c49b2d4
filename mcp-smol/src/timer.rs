//! Waits on async-io.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// A timer.
#[derive(Debug)]
pub struct Timer {
    inner: async_io::Timer,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self { inner: async_io::Timer::never() }
    }
}

impl mcp_server::runtime::Timer for Timer {
    fn reset(&mut self, deadline: Instant) {
        self.inner.set_at(deadline);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.inner).poll(cx).map(|_| ())
    }
}

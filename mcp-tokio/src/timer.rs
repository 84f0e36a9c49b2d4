//! Waits on tokio.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// A timer. Holds nothing until it is first set.
#[derive(Debug)]
pub struct Timer {
    inner: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) const fn new() -> Self {
        Self { inner: None }
    }
}

impl mcp_server::runtime::Timer for Timer {
    fn reset(&mut self, deadline: Instant) {
        let deadline = deadline.into();
        match &mut self.inner {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.inner = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.inner {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

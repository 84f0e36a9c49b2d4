//! Who may come in: what the application says of each request before anything is done for it.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{self, Poll};

use mcp_proto::{Authorization, AuthorizationKey, Denial, Head, Now, Principal};

use crate::runtime::BoxFuture;

/// Finds out who sends a request, and whether it may be let in. Set by
/// [`Server::authorizer`](crate::Server::authorizer).
///
/// It sees the head of each request, also of those that open a stream or end a session. By then its
/// body has not been read, and nothing is kept for it but the head. It has
/// [10 seconds by default](crate::Deadlines::authorization); its future is dropped if the client
/// leaves. If it panics, that request is answered with 500.
///
/// A function of the head that returns a future is one:
///
/// ```
/// use mcp_server::{Denial, Head, Principal, Server};
///
/// async fn look_up(token: &str) -> Option<String> {
///     (token == "secret").then(|| "alice".into())
/// }
///
/// let server = Server::new("files", "1.0.0").authorizer(|head: Head| async move {
///     let user = look_up(head.bearer_token()?).await;
///     user.map(Principal::new).ok_or_else(|| Denial::invalid_token("nobody has this token"))
/// });
/// ```
pub trait Authorizer: Send + Sync + 'static {
    /// Says who sends a request with this head, at `now` by the clock of the driver.
    fn authorize(
        &self,
        head: Head,
        now: Now,
    ) -> impl Future<Output = Result<Principal, Denial>> + Send;
}

impl<F, Fut> Authorizer for F
where
    F: Fn(Head) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Principal, Denial>> + Send + 'static,
{
    fn authorize(
        &self,
        head: Head,
        _now: Now,
    ) -> impl Future<Output = Result<Principal, Denial>> + Send {
        self(head)
    }
}

type Authorized = Result<Principal, Denial>;

/// An [`Authorizer`] of any type.
pub(crate) type AuthorizeFn =
    Box<dyn Fn(Head, Now) -> BoxFuture<'static, Authorized> + Send + Sync>;

pub(crate) fn authorize_fn(authorizer: impl Authorizer) -> AuthorizeFn {
    let authorizer = Arc::new(authorizer);
    Box::new(move |head, now| {
        let authorizer = authorizer.clone();
        Box::pin(async move { authorizer.authorize(head, now).await })
    })
}

/// A request that waits to be let in.
pub(crate) struct Authorizing {
    pub(crate) key: AuthorizationKey,
    /// None if its function has panicked before there was one.
    future: Option<BoxFuture<'static, Authorized>>,
}

impl Authorizing {
    pub(crate) fn start(authorize: &AuthorizeFn, authorization: Authorization, now: Now) -> Self {
        let key = authorization.key();
        let start = AssertUnwindSafe(|| authorize(authorization.into_head(), now));
        Self { key, future: catch_unwind(start).ok() }
    }

    /// Goes on finding out. A panic ends this request and nothing else.
    pub(crate) fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Authorized> {
        let polled = match &mut self.future {
            Some(future) => catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).ok(),
            None => None,
        };
        polled.unwrap_or_else(|| {
            tracing::warn!("not let in: the authorizer panicked");
            Poll::Ready(Err(Denial::failed()))
        })
    }
}

impl Drop for Authorizing {
    fn drop(&mut self) {
        // What it owns may panic when it is dropped, and must not take others along.
        let future = self.future.take();
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            tracing::warn!("the authorizer panicked when it was dropped");
        }
    }
}

impl fmt::Debug for Authorizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizing").field("key", &self.key).finish_non_exhaustive()
    }
}

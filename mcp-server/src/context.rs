//! What a handler can know of its call, and tell its client before it is done.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll, Waker};

use mcp_proto::{Call, LogLevel, LogMessage, Notification, Principal, Progress, Request, Revision};
use serde::Serialize;

use crate::ask::{Answered, Asking};
use crate::handler::Begin;

/// The call that a handler serves. Cheap to clone, and may be sent to other threads.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

/// What an application knows of a connection.
pub(crate) type Attachment = Arc<dyn Any + Send + Sync>;

struct Inner {
    call: Call,
    attachment: Option<Attachment>,
    outbox: Mutex<Outbox>,
    asking: Mutex<Asking>,
}

/// How many notifications of a call wait to be taken: for as many a handler need not wait, so that
/// what it says in one go leaves in one write.
const MOST_WAITING: usize = 8;

/// Notifications on their way from the handler to the session.
#[derive(Default)]
struct Outbox {
    waiting: VecDeque<Notification>,
    /// Those who wait for room, or for the end of the call.
    handlers: Vec<Waker>,
    driver: Option<Waker>,
    /// Whether the driver is about to look by itself.
    is_watched: bool,
    is_closed: bool,
}

impl Outbox {
    fn driver_to_wake(&mut self) -> Option<Waker> {
        self.driver.take_if(|_| !self.is_watched)
    }

    fn wait(&mut self, handler: &Waker) {
        if !self.handlers.iter().any(|known| known.will_wake(handler)) {
            self.handlers.push(handler.clone());
        }
    }
}

impl Context {
    pub(crate) fn new(begin: Begin) -> Self {
        let Begin { call, is_in_session, remembered, attachment } = begin;
        let asking = Mutex::new(Asking::new(remembered, is_in_session));
        let outbox = Mutex::default();
        Self { inner: Arc::new(Inner { call, attachment, outbox, asking }) }
    }

    /// Reports how much is done. Add what more there is to tell, and await it:
    ///
    /// ```
    /// # async fn example(ctx: mcp_server::Context) {
    /// ctx.progress(3.0).total(10.0).message("reading page 3").await;
    /// # }
    /// ```
    ///
    /// Each report must be greater than the last; others are left out. Where the client did not
    /// ask for progress, nothing happens. Where it reads slower than progress is made, this waits
    /// for it.
    ///
    /// What is reported leaves when the handler next waits for something, or is done. One that
    /// computes for long should let others have their turn anyway.
    ///
    /// Cancel-safe: a report that is dropped while it waits may or may not be sent.
    #[must_use = "a report is sent when it is awaited"]
    pub fn progress(&self, progress: f64) -> ReportProgress<'_> {
        ReportProgress { context: self, progress: Progress::new(progress) }
    }

    /// Sends a log message to the client, if it asked for messages of that level and the server
    /// [has logging](crate::Server::logging). `data` can be anything that is JSON.
    ///
    /// For the operator's log, which is another, take `tracing`.
    ///
    /// Cancel-safe: a message that is dropped while it waits may or may not be sent.
    #[must_use = "a message is sent when it is awaited"]
    pub fn log(&self, level: LogLevel, data: impl Serialize) -> Sent<'_> {
        // In a session the level may change meanwhile, and the hub knows it.
        let request = self.request();
        let is_wanted =
            request.is_of_session() || request.log_level().is_some_and(|least| level >= least);
        let data = is_wanted.then(|| serde_json::value::to_raw_value(&data));
        // What is no JSON cannot be sent.
        let message = data.and_then(Result::ok).map(|data| LogMessage::new(level, data));
        Sent { context: self, notification: message.map(Notification::Log) }
    }

    /// Whether the client asked for progress.
    #[must_use]
    pub fn wants_progress(&self) -> bool {
        self.request().progress_token().is_some()
    }

    /// Whether the call has ended: it was answered or cancelled, or its client left. The handler's
    /// future is gone by then; this is for what it has started on other threads.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.outbox().is_closed
    }

    /// The request as it came: [`Request::name`] is the URI of a resource or the name of a tool or prompt,
    /// [`Request::id`] what its client knows it by.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.inner.call.request()
    }

    /// A header field of the HTTP request, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.request().head().field(name)?;
        std::str::from_utf8(value).ok()
    }

    /// What the client says of itself, as JSON: name and version. Nobody has verified it. In the 2025
    /// revisions, only sessions know it.
    #[must_use]
    pub fn client_info(&self) -> Option<&str> {
        self.request().client_info()
    }

    /// The `_meta` of the request as JSON, an object; a trace context, for one, comes in it. Read it
    /// with `serde_json::from_str`.
    #[must_use]
    pub fn meta(&self) -> Option<&str> {
        self.request().meta()
    }

    /// Who was let in, if the server has an [authorizer](crate::Server::authorizer).
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.request().principal()
    }

    /// The revision of the protocol that the client speaks.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.request().revision()
    }

    /// The session of the 2025 revisions that the call belongs to. Whoever has its id can speak for
    /// the client: keep it secret.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.request().session_id()
    }

    /// What the application [has attached](crate::Connection::attach) to the connection that the call
    /// came by, if it is of this type. Inside an axum or tower application, the extensions of the HTTP
    /// request, an `http::Extensions`.
    #[must_use]
    pub fn attachment<T: Any>(&self) -> Option<&T> {
        self.inner.attachment.as_ref()?.downcast_ref()
    }

    /// Nobody has to be woken up to [`register`](Self::register): the driver looks after that.
    pub(crate) fn watch(&self) {
        self.outbox().is_watched = true;
    }

    /// Has `driver` woken when there is something to take, from now on.
    pub(crate) fn register(&self, driver: &Waker) {
        let mut outbox = self.outbox();
        outbox.is_watched = false;
        if !outbox.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            outbox.driver = Some(driver.clone());
        }
    }

    /// Whether there is a notification to take.
    pub(crate) fn has_said(&self) -> bool {
        !self.outbox().waiting.is_empty()
    }

    /// Takes the oldest notification.
    pub(crate) fn take(&self) -> Option<Notification> {
        let mut outbox = self.outbox();
        let notification = outbox.waiting.pop_front()?;
        let handlers = std::mem::take(&mut outbox.handlers);
        drop(outbox);
        handlers.into_iter().for_each(Waker::wake);
        Some(notification)
    }

    /// The call has ended: nothing is taken any more.
    pub(crate) fn close(&self) {
        let mut outbox = self.outbox();
        outbox.is_closed = true;
        outbox.waiting = VecDeque::new();
        outbox.driver = None;
        let handlers = std::mem::take(&mut outbox.handlers);
        drop(outbox);
        handlers.into_iter().for_each(Waker::wake);
    }

    /// Has the driver see what was asked: another thread may have done so.
    pub(crate) fn wake_driver(&self) {
        let driver = self.outbox().driver_to_wake();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Ready when the call has ended.
    pub(crate) fn poll_ended(&self, cx: &task::Context<'_>) -> Poll<()> {
        let mut outbox = self.outbox();
        if outbox.is_closed {
            return Poll::Ready(());
        }
        outbox.wait(cx.waker());
        Poll::Pending
    }

    /// Takes in answers of the client, for those who wait for them.
    pub(crate) fn answer(&self, answers: Vec<(String, Answered)>) {
        self.asking(|asking| asking.answer(answers));
        let handlers = std::mem::take(&mut self.outbox().handlers);
        handlers.into_iter().for_each(Waker::wake);
    }

    /// Whether there is something to be carried to the session of the call.
    pub(crate) fn has_for_session(&self) -> bool {
        self.asking(|asking| {
            !asking.asked.is_empty() || !asking.withdrawn.is_empty() || asking.is_released
        })
    }

    /// Lends out what is asked and known.
    pub(crate) fn asking<R>(&self, with: impl FnOnce(&mut Asking) -> R) -> R {
        with(&mut self.inner.asking.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // No code that could panic runs under the lock.
        self.inner.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("request", self.request()).finish_non_exhaustive()
    }
}

/// A report of progress, sent when it is awaited. Made by [`Context::progress`].
#[derive(Debug)]
pub struct ReportProgress<'a> {
    context: &'a Context,
    progress: Progress,
}

impl ReportProgress<'_> {
    /// How much there is to do, in the same unit.
    #[must_use]
    pub const fn total(mut self, total: f64) -> Self {
        self.progress.total = Some(total);
        self
    }

    /// What is being done, for people.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.progress.message = Some(message.into());
        self
    }
}

impl<'a> IntoFuture for ReportProgress<'a> {
    type Output = ();
    type IntoFuture = Sent<'a>;

    fn into_future(self) -> Sent<'a> {
        let wanted = self.context.wants_progress();
        Sent {
            context: self.context,
            notification: wanted.then_some(Notification::Progress(self.progress)),
        }
    }
}

/// Resolves when there was room for a notification, or nobody wants it.
#[derive(Debug)]
pub struct Sent<'a> {
    context: &'a Context,
    notification: Option<Notification>,
}

impl Future for Sent<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let Some(notification) = self.notification.take() else {
            return Poll::Ready(());
        };
        let mut outbox = self.context.outbox();
        if outbox.is_closed {
            return Poll::Ready(());
        }
        if outbox.waiting.len() >= MOST_WAITING {
            outbox.wait(cx.waker());
            drop(outbox);
            self.notification = Some(notification);
            return Poll::Pending;
        }
        outbox.waiting.push_back(notification);
        let driver = outbox.driver_to_wake();
        drop(outbox);
        if let Some(driver) = driver {
            driver.wake();
        }
        Poll::Ready(())
    }
}

/// Closes a context unless it is told that the call has begun.
pub(crate) struct ClosesUnlessBegun(Option<Context>);

impl ClosesUnlessBegun {
    pub(crate) fn new(context: Context) -> Self {
        Self(Some(context))
    }

    pub(crate) fn begun(mut self) -> Option<Context> {
        self.0.take()
    }
}

impl Drop for ClosesUnlessBegun {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.close();
        }
    }
}

//! Functions as handlers, whatever they are for.
//!
//! The shape of a function (async or not, with or without arguments and context) and the kind of
//! what it offers (tool, prompt, resource, completion) vary independently: this file knows the
//! shapes, and `tools.rs`, `prompts.rs`, `resources.rs`, `completions.rs` and `methods.rs` the kinds.

use std::future::{Future, ready};

use mcp_proto::{Call, Reply};

use crate::context::{Attachment, ClosesUnlessBegun, Context};
use crate::request_state::Remembered;
use crate::runtime::BoxFuture;

/// A function that can serve as a tool, prompt, resource, completion or method of an extension: a
/// `Kind`.
///
/// Takes up to two arguments, in this order: one that says what the client sends, and a
/// [`Context`]. Either can be left out. Returns what its kind allows, or a future of it: see
/// [`IntoToolResult`](crate::IntoToolResult), [`IntoPromptResult`](crate::IntoPromptResult),
/// [`IntoResourceResult`](crate::IntoResourceResult).
///
/// A function that is not async runs to its end at once and keeps its thread busy that long; that
/// is right for a computation, and wrong for waiting: whoever else is served by the thread waits,
/// too, and on tokio that may be everybody. What blocks belongs on a thread of its own
/// (`unblock` of the crate `blocking`, `tokio::task::spawn_blocking`).
///
/// `Form` tells the shapes apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this function cannot serve here",
    note = "it takes arguments that implement `Deserialize` and, for tools and prompts, \
            `JsonSchema`, then a `Context`; either can be left out",
    note = "a tool returns text, a number, `()`, `Content`, `Vec<Content>`, `Structured<T>` or \
            `CallToolResult`",
    note = "a prompt returns text, `PromptMessage`, `Vec<PromptMessage>` or `GetPromptResult`",
    note = "a resource returns text, bytes, `ResourceContents`, `Vec<ResourceContents>` or \
            `ReadResourceResult`",
    note = "completion returns a `Vec` of text, and a method of an extension `ExtensionResult`",
    note = "each can be in a `Result` whose error implements `Display`, and in a `Send` future"
)]
pub trait Handler<K: Kind, Form>: Send + Sync + 'static {
    /// What the client sends.
    #[doc(hidden)]
    type Arguments;
    /// What comes back.
    #[doc(hidden)]
    type Output;

    /// Begins a call. The work itself is done by the future.
    #[doc(hidden)]
    fn call(&self, begin: Begin, info: &K::Info) -> Started;
}

/// What a handler is for.
#[doc(hidden)]
pub trait Kind: 'static {
    /// What is known of the handler since it was added.
    type Info: Send + Sync + 'static;
    /// What is needed to make a reply of its output.
    type Subject: Send + 'static;

    fn subject(call: &Call, info: &Self::Info) -> Self::Subject;
}

/// What a client may send to a kind of handler.
#[doc(hidden)]
pub trait Arguments<K: Kind>: Sized {
    fn parse(call: &Call, info: &K::Info) -> Result<Self, Reply>;
}

/// What a kind of handler may return.
#[doc(hidden)]
pub trait IntoReply<K: Kind> {
    fn into_reply(self, subject: K::Subject) -> Reply;
}

/// A call that is about to begin, and what earlier rounds of it have left.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "what is remembered is secret")]
pub struct Begin {
    pub(crate) call: Call,
    /// Whether it is of a session.
    pub(crate) is_in_session: bool,
    pub(crate) remembered: Remembered,
    /// What the application knows of the connection that it came by.
    pub(crate) attachment: Option<Attachment>,
}

/// A call that has begun.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "a future in a box")]
pub struct Started {
    pub(crate) future: BoxFuture<'static, Reply>,
    /// What the handler reports through, if it asked for it.
    pub(crate) context: Option<Context>,
}

impl Started {
    pub(crate) fn refused(reply: Reply) -> Self {
        Self { future: Box::pin(ready(reply)), context: None }
    }

    /// Has its reply changed.
    #[cfg(feature = "validation")]
    pub(crate) fn then(self, change: impl FnOnce(Reply) -> Reply + Send + 'static) -> Self {
        let Self { future, context } = self;
        Self { future: Box::pin(async move { change(future.await) }), context }
    }

    fn without_context<K, Fut>(subject: K::Subject, future: Fut) -> Self
    where
        K: Kind,
        Fut: Future<Output: IntoReply<K>> + Send + 'static,
    {
        let future = async move { future.await.into_reply(subject) };
        Self { future: Box::pin(future), context: None }
    }

    /// Begins with `run`, which is handed the context. If it panics, whoever else has got hold of
    /// the context learns that the call has ended.
    fn with_context<K, Fut>(begin: Begin, info: &K::Info, run: impl FnOnce(Context) -> Fut) -> Self
    where
        K: Kind,
        Fut: Future<Output: IntoReply<K>> + Send + 'static,
    {
        let subject = K::subject(&begin.call, info);
        Self::with_reply(begin, |context| {
            let output = run(context);
            async move { output.await.into_reply(subject) }
        })
    }

    /// Begins with `run`, which makes the reply itself.
    pub(crate) fn with_reply<Fut>(begin: Begin, run: impl FnOnce(Context) -> Fut) -> Self
    where
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let context = Context::new(begin);
        let guard = ClosesUnlessBegun::new(context.clone());
        let future = Box::pin(run(context));
        Self { future, context: guard.begun() }
    }
}

/// The forms a [`Handler`] can have.
#[doc(hidden)]
pub mod form {
    use std::marker::PhantomData;

    /// Returns a future.
    #[derive(Debug)]
    pub struct Async<Arguments>(PhantomData<Arguments>);
    /// Returns at once.
    #[derive(Debug)]
    pub struct Sync<Arguments>(PhantomData<Arguments>);
}

/// The arguments of a function that takes none.
#[doc(hidden)]
#[derive(Debug)]
pub enum NoArguments {}

impl<K, F, Fut> Handler<K, form::Async<()>> for F
where
    K: Kind,
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<K>> + Send + 'static,
{
    type Arguments = NoArguments;
    type Output = Fut::Output;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        Started::without_context(K::subject(&begin.call, info), self())
    }
}

impl<K, F, R> Handler<K, form::Sync<()>> for F
where
    K: Kind,
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoReply<K> + Send + 'static,
{
    type Arguments = NoArguments;
    type Output = R;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        Started::without_context(K::subject(&begin.call, info), ready(self()))
    }
}

impl<K, F, Fut> Handler<K, form::Async<Context>> for F
where
    K: Kind,
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply<K>> + Send + 'static,
{
    type Arguments = NoArguments;
    type Output = Fut::Output;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        Started::with_context(begin, info, self)
    }
}

impl<K, F, R> Handler<K, form::Sync<Context>> for F
where
    K: Kind,
    F: Fn(Context) -> R + Send + Sync + 'static,
    R: IntoReply<K> + Send + 'static,
{
    type Arguments = NoArguments;
    type Output = R;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        Started::with_context(begin, info, |context| ready(self(context)))
    }
}

impl<K, F, A, Fut> Handler<K, form::Async<(A,)>> for F
where
    K: Kind,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    A: Arguments<K>,
    Fut: Future<Output: IntoReply<K>> + Send + 'static,
{
    type Arguments = A;
    type Output = Fut::Output;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        match A::parse(&begin.call, info) {
            Ok(arguments) => {
                Started::without_context(K::subject(&begin.call, info), self(arguments))
            }
            Err(reply) => Started::refused(reply),
        }
    }
}

impl<K, F, A, R> Handler<K, form::Sync<(A,)>> for F
where
    K: Kind,
    F: Fn(A) -> R + Send + Sync + 'static,
    A: Arguments<K>,
    R: IntoReply<K> + Send + 'static,
{
    type Arguments = A;
    type Output = R;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        match A::parse(&begin.call, info) {
            Ok(arguments) => {
                Started::without_context(K::subject(&begin.call, info), ready(self(arguments)))
            }
            Err(reply) => Started::refused(reply),
        }
    }
}

impl<K, F, A, Fut> Handler<K, form::Async<(A, Context)>> for F
where
    K: Kind,
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    A: Arguments<K>,
    Fut: Future<Output: IntoReply<K>> + Send + 'static,
{
    type Arguments = A;
    type Output = Fut::Output;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        match A::parse(&begin.call, info) {
            Ok(arguments) => Started::with_context(begin, info, |context| self(arguments, context)),
            Err(reply) => Started::refused(reply),
        }
    }
}

impl<K, F, A, R> Handler<K, form::Sync<(A, Context)>> for F
where
    K: Kind,
    F: Fn(A, Context) -> R + Send + Sync + 'static,
    A: Arguments<K>,
    R: IntoReply<K> + Send + 'static,
{
    type Arguments = A;
    type Output = R;

    fn call(&self, begin: Begin, info: &K::Info) -> Started {
        match A::parse(&begin.call, info) {
            Ok(arguments) => {
                Started::with_context(begin, info, |context| ready(self(arguments, context)))
            }
            Err(reply) => Started::refused(reply),
        }
    }
}

//! Functions as tools.

use std::future::{Future, ready};

use mcp_proto::{Call, CallToolResult, Tool};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::context::{ClosesUnlessBegun, Context};
use crate::result::IntoToolResult;
use crate::runtime::BoxFuture;

/// A function that can serve as a tool.
///
/// Takes up to two arguments, in this order: one of a type that says what the client sends
/// (`Deserialize` and `JsonSchema`, an object), and a [`Context`]. Returns what [`IntoToolResult`] allows, or a
/// future of it. `Form` tells these cases apart and is always inferred.
///
/// A function that is not async runs to its end at once and keeps its thread busy that long; that
/// is right for a computation, and wrong for waiting.
#[diagnostic::on_unimplemented(
    message = "this function cannot be a tool",
    note = "a tool takes arguments that implement `Deserialize` and `JsonSchema`, then a \
            `Context`; either can be left out; it returns a `Send` future of, or right away, \
            what `IntoToolResult` allows"
)]
pub trait ToolHandler<Form>: Send + Sync + 'static {
    /// Describes the tool as its types do.
    #[doc(hidden)]
    fn describe(name: String, description: String) -> Tool;

    /// Begins a call. The work itself is done by the future.
    #[doc(hidden)]
    fn call(&self, call: Call) -> Started;
}

/// A call that has begun.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "a future in a box")]
pub struct Started {
    pub(crate) future: BoxFuture<'static, CallToolResult>,
    /// What the handler reports through, if it asked for it.
    pub(crate) context: Option<Context>,
}

impl Started {
    fn without_context(future: impl Future<Output = impl IntoToolResult> + Send + 'static) -> Self {
        Self { future: Box::pin(async { future.await.into_tool_result() }), context: None }
    }

    /// Begins with `begin`, which is handed the context. If it panics, whoever else has got hold of
    /// the context learns that the call has ended.
    fn with_context<Fut>(call: Call, begin: impl FnOnce(Context) -> Fut) -> Self
    where
        Fut: Future<Output: IntoToolResult> + Send + 'static,
    {
        let context = Context::new(call);
        let guard = ClosesUnlessBegun::new(context.clone());
        let started = Self::without_context(begin(context));
        Self { context: guard.begun(), ..started }
    }
}

/// The arguments of a call, or the answer to one that has the wrong ones.
fn parse_arguments<A: DeserializeOwned>(call: &Call) -> Result<A, Started> {
    let json = call.request().arguments();
    serde_json::from_str(json).map_err(|error| {
        // Only now is it worth to keep track of where in the arguments one is.
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let place = match serde_path_to_error::deserialize::<_, A>(&mut deserializer) {
            Err(error) if error.path().iter().next().is_some() => format!("`{}`: ", error.path()),
            _ => String::new(),
        };
        // Not an error of the protocol: the model has to see it to mend its call.
        let message = format!("invalid arguments: {place}{error}");
        Started::without_context(ready(CallToolResult::error(message)))
    })
}

/// The forms a [`ToolHandler`] can have.
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

fn describe<R: IntoToolResult>(name: String, description: String, input: Schema) -> Tool {
    let tool = Tool::new(name, description, input.as_value());
    match R::output_schema() {
        Some(output) => tool.with_output_schema(output.as_value()),
        None => tool,
    }
}

/// The JSON Schema (2020-12) of a type.
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        // The dialect is the default one, and clients need not read it in every tool.
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>()
}

fn schema_of_nothing() -> Schema {
    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    struct Nothing {}
    schema_of::<Nothing>()
}

impl<F, Fut> ToolHandler<form::Async<()>> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoToolResult> + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<Fut::Output>(name, description, schema_of_nothing())
    }

    fn call(&self, _: Call) -> Started {
        Started::without_context(self())
    }
}

impl<F, R> ToolHandler<form::Sync<()>> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoToolResult + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<R>(name, description, schema_of_nothing())
    }

    fn call(&self, _: Call) -> Started {
        Started::without_context(ready(self()))
    }
}

impl<F, Fut> ToolHandler<form::Async<Context>> for F
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoToolResult> + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<Fut::Output>(name, description, schema_of_nothing())
    }

    fn call(&self, call: Call) -> Started {
        Started::with_context(call, self)
    }
}

impl<F, R> ToolHandler<form::Sync<Context>> for F
where
    F: Fn(Context) -> R + Send + Sync + 'static,
    R: IntoToolResult + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<R>(name, description, schema_of_nothing())
    }

    fn call(&self, call: Call) -> Started {
        Started::with_context(call, |context| ready(self(context)))
    }
}

impl<F, A, Fut> ToolHandler<form::Async<(A,)>> for F
where
    F: Fn(A) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    Fut: Future<Output: IntoToolResult> + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<Fut::Output>(name, description, schema_of::<A>())
    }

    fn call(&self, call: Call) -> Started {
        match parse_arguments(&call) {
            Ok(arguments) => Started::without_context(self(arguments)),
            Err(refused) => refused,
        }
    }
}

impl<F, A, R> ToolHandler<form::Sync<(A,)>> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: IntoToolResult + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<R>(name, description, schema_of::<A>())
    }

    fn call(&self, call: Call) -> Started {
        match parse_arguments(&call) {
            Ok(arguments) => Started::without_context(ready(self(arguments))),
            Err(refused) => refused,
        }
    }
}

impl<F, A, Fut> ToolHandler<form::Async<(A, Context)>> for F
where
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    Fut: Future<Output: IntoToolResult> + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<Fut::Output>(name, description, schema_of::<A>())
    }

    fn call(&self, call: Call) -> Started {
        match parse_arguments(&call) {
            Ok(arguments) => Started::with_context(call, |context| self(arguments, context)),
            Err(refused) => refused,
        }
    }
}

impl<F, A, R> ToolHandler<form::Sync<(A, Context)>> for F
where
    F: Fn(A, Context) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: IntoToolResult + Send + 'static,
{
    fn describe(name: String, description: String) -> Tool {
        describe::<R>(name, description, schema_of::<A>())
    }

    fn call(&self, call: Call) -> Started {
        match parse_arguments(&call) {
            Ok(arguments) => Started::with_context(call, |context| ready(self(arguments, context))),
            Err(refused) => refused,
        }
    }
}

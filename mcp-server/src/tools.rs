//! Functions as tools: what they take, and what they may return.

use mcp_proto::{Call, CallToolResult, Content, Reply, RpcError, Tool};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::{self, Described, output_schema_of};
use crate::failure::rpc_error;
use crate::handler::{Arguments, IntoReply, Kind};

/// The kind of handler that is a tool.
#[derive(Debug)]
pub enum Tools {}

impl Kind for Tools {
    type Info = ();
    type Subject = ();

    fn subject(_: &Call, (): &()) {}
}

impl<A: DeserializeOwned + JsonSchema> Arguments<Tools> for A {
    fn parse(call: &Call, (): &()) -> Result<Self, Reply> {
        // Not an error of the protocol: the model has to see it to mend its call.
        arguments::parse(call.request().arguments())
            .map_err(|message| Reply::Tool(CallToolResult::error(message)))
    }
}

impl<R: IntoToolResult> IntoReply<Tools> for R {
    fn into_reply(self, (): ()) -> Reply {
        self.into_tool_result().map_or_else(Reply::Error, Reply::Tool)
    }
}

/// Describes a tool as the types of its function do.
pub(crate) fn describe<A: Described, R: IntoToolResult>(name: String, description: String) -> Tool {
    let tool = Tool::new(name, description, A::schema().as_value());
    match R::output_schema() {
        Some(output) => tool.with_output_schema(output.as_value()),
        None => tool,
    }
}

/// A value that a tool may return.
///
/// Text and numbers become one piece of text, [`Structured`] a structured result with a schema. An
/// `Err` becomes a failure of the tool (`isError`), whose text the model gets to read: say what it
/// could do better, and keep secrets out of it. An [`RpcError`] or [`AskError`](crate::AskError), also
/// in a [`BoxError`](crate::BoxError) or, with the feature `anyhow`, an `anyhow::Error`, is none of the
/// tool and is answered as what it is.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    note = "return text, a number, `Content`, `Vec<Content>`, `Structured<T>`, `CallToolResult`, \
            or a `Result` of these"
)]
pub trait IntoToolResult {
    /// Makes the result of the call.
    ///
    /// # Errors
    ///
    /// If the call fails before the tool could.
    fn into_tool_result(self) -> Result<CallToolResult, RpcError>;

    /// The JSON Schema of the structured result, if there always is one.
    #[must_use]
    fn output_schema() -> Option<Schema> {
        None
    }
}

/// A structured result: `value` as JSON, with the schema of its type.
///
/// ```
/// use mcp_server::{Server, Structured};
/// use schemars::JsonSchema;
/// use serde::Serialize;
///
/// #[derive(Serialize, JsonSchema)]
/// struct Weather { celsius: f64 }
///
/// let server = Server::new("weather", "1.0.0")
///     .tool("now", "The weather", || async { Structured(Weather { celsius: 21.5 }) });
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper, and nothing but one")]
pub struct Structured<T>(
    /// The value.
    pub T,
);

impl<T: Serialize + JsonSchema> IntoToolResult for Structured<T> {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(match serde_json::value::to_raw_value(&self.0) {
            Ok(value) => CallToolResult::structured(value),
            Err(error) => CallToolResult::error(format!("the result is not JSON: {error}")),
        })
    }

    fn output_schema() -> Option<Schema> {
        Some(output_schema_of::<T>())
    }
}

impl<T: IntoToolResult, E: std::fmt::Display + 'static> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        match self {
            Ok(value) => value.into_tool_result(),
            Err(error) => match rpc_error(&error) {
                Some(error) => Err(error),
                None => Ok(CallToolResult::error(error.to_string())),
            },
        }
    }

    fn output_schema() -> Option<Schema> {
        T::output_schema()
    }
}

impl IntoToolResult for CallToolResult {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(self)
    }
}

impl IntoToolResult for Content {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(CallToolResult::new(vec![self]))
    }
}

impl IntoToolResult for Vec<Content> {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(CallToolResult::new(self))
    }
}

/// No content: it worked, and there is nothing to say.
impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(CallToolResult::default())
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl IntoToolResult for $type {
            fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
                Ok(CallToolResult::text(self.to_string()))
            }
        }
    )*};
}

as_text!(&'static str, bool, char, u8, u16, u32, u64, u128, usize);
as_text!(i8, i16, i32, i64, i128, isize, f32, f64);

impl IntoToolResult for String {
    fn into_tool_result(self) -> Result<CallToolResult, RpcError> {
        Ok(CallToolResult::text(self))
    }
}

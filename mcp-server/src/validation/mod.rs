//! Arguments and results held to their JSON Schemas (feature `validation`).
//!
//! The dialects are 2020-12, which is that of a schema that names none, and draft-07. A `$ref` to
//! another document is never followed (2026-07-28, basic, "JSON Schema Usage"). Patterns are matched
//! in linear time, and how deep a value can be is bounded by
//! [`Limits::json_depth`](mcp_proto::Limits::json_depth).

mod effort;

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use mcp_proto::{CallToolResult, Reply, RpcError, Tool};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::handler::Started;
use crate::offered::{HandlerFn, OfferError};

/// How many mistakes a model is told of at once.
const MOST_MISTAKES: usize = 5;

/// How many bytes it may take to collect all mistakes: some 8,000 of them.
const MOST_BYTES: usize = 4 * 1024 * 1024;

const DIALECTS: [&str; 2] =
    ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];

/// Holds a tool's calls to its schemas.
pub(crate) fn validated(tool: &Tool, handler: HandlerFn) -> Result<HandlerFn, OfferError> {
    let compile = |which, schema: &RawValue| {
        Schema::compile(schema).map_err(|reason| OfferError::Schema {
            tool: tool.name.clone(),
            which,
            reason,
        })
    };
    let input = compile("input", tool.input_schema())?;
    let output = tool.output_schema().map(|schema| compile("output", schema)).transpose()?;
    let output = output.map(Arc::new);
    Ok(Arc::new(move |begin| {
        if let Err(mistakes) = input.check(begin.call.request().arguments(), for_its_sender) {
            // Not an error of the protocol: the model has to see it to mend its call.
            let result = CallToolResult::error(format!("invalid arguments: {mistakes}"));
            return Started::refused(Reply::Tool(result));
        }
        let started = handler(begin);
        match output.clone() {
            None => started,
            Some(output) => started.then(move |reply| output.check_result(reply)),
        }
    }))
}

/// A schema, and what it was compiled to.
struct Schema {
    value: Value,
    validator: Validator,
}

impl Schema {
    fn compile(schema: &RawValue) -> Result<Self, String> {
        let value: Value = serde_json::from_str(schema.get()).map_err(|error| error.to_string())?;
        let dialect = value.get("$schema").and_then(Value::as_str);
        if let Some(dialect) = dialect
            && !DIALECTS.contains(&dialect.trim_end_matches('#'))
        {
            return Err(format!(
                "its dialect {dialect:?} is neither {} nor {}",
                DIALECTS[0], DIALECTS[1]
            ));
        }
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(&value)
            .map_err(|error| error.to_string())?;
        Ok(Self { value, validator })
    }

    /// Checks JSON text, or says what is wrong with it and where.
    fn check(&self, json: &str, say: fn(&ValidationError<'_>) -> String) -> Result<(), String> {
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        if !effort::is_affordable(&self.value, &value, MOST_BYTES) {
            return Err("they do not fit the schema, and are too large to say where".to_owned());
        }
        let mistakes = self.validator.iter_errors(&value).take(MOST_MISTAKES);
        Err(mistakes.map(|mistake| say(&mistake)).collect::<Vec<_>>().join("; "))
    }

    /// A result that is not what was promised is a failure of the server.
    fn check_result(&self, reply: Reply) -> Reply {
        let structured = match &reply {
            // What an extension says in place of a result has no schema here.
            Reply::Tool(result) if !result.is_error && !result.is_extension() => {
                result.structured.as_deref()
            }
            _ => return reply,
        };
        let checked = match structured {
            Some(structured) => self.check(structured.get(), for_the_log),
            None => Err("there is no structured result".to_owned()),
        };
        match checked {
            Ok(()) => reply,
            Err(mistakes) => {
                tracing::warn!("a tool's result does not fit its output schema: {mistakes}");
                Reply::Error(RpcError::internal(
                    "internal error: the result does not fit the output schema of the tool",
                ))
            }
        }
    }
}

const NOTHING: &str = "nothing is allowed here";

/// Says what is wrong to whoever sent it, and so without the value: it may be long, and is known.
fn for_its_sender(mistake: &ValidationError<'_>) -> String {
    // A JSON Pointer. Argument names seldom hold slashes, and models know dots.
    let place = mistake.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let what = match mistake.kind() {
        ValidationErrorKind::FalseSchema => NOTHING.to_owned(),
        // The same, as it is told to clients.
        ValidationErrorKind::Not { schema } if *schema == json!({}) => NOTHING.to_owned(),
        _ => mistake.masked().to_string(),
    };
    if place.is_empty() { what } else { format!("`{place}`: {what}") }
}

/// Says which rule is broken, and nothing of the result: not even names in it, which may be anybody's
/// words.
fn for_the_log(mistake: &ValidationError<'_>) -> String {
    format!("`{}`", mistake.schema_path())
}

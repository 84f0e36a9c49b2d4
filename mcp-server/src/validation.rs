//! Arguments and results held to their JSON Schemas (feature `validation`).
//!
//! The dialects are 2020-12, which is that of a schema that names none, and draft-07. A `$ref` to
//! another document is never followed (2026-07-28, basic, "JSON Schema Usage"). Patterns are matched
//! in linear time, and how deep a value can be is bounded by
//! [`Limits::json_depth`](mcp_proto::Limits::json_depth).

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use mcp_proto::{CallToolResult, Reply, RpcError, Tool};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::handler::Started;
use crate::offered::{HandlerFn, OfferError};

/// How many mistakes a model is told of at once.
const MOST_MISTAKES: usize = 5;

/// How many bytes it may take to say of each value that it is wrong: all mistakes are collected
/// before the first is told. 8,000 values with short names.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What a mistake takes besides its place.
const BYTES_PER_MISTAKE: usize = 512;

const DIALECTS: [&str; 2] =
    ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];

/// Holds a tool's calls to its schemas.
pub(crate) fn validated(tool: &Tool, handler: HandlerFn) -> Result<HandlerFn, OfferError> {
    let compile = |which, schema: &RawValue| {
        compile(schema).map_err(|reason| OfferError::Schema {
            tool: tool.name.clone(),
            which,
            reason,
        })
    };
    let input = compile("input", tool.input_schema())?;
    let output = tool.output_schema().map(|schema| compile("output", schema)).transpose()?;
    let output = output.map(Arc::new);
    Ok(Arc::new(move |begin| {
        if let Err(mistakes) = check(&input, begin.call.request().arguments()) {
            // Not an error of the protocol: the model has to see it to mend its call.
            let result = CallToolResult::error(format!("invalid arguments: {mistakes}"));
            return Started::refused(Reply::Tool(result));
        }
        let started = handler(begin);
        match output.clone() {
            None => started,
            Some(output) => started.then(move |reply| check_result(&output, reply)),
        }
    }))
}

fn compile(schema: &RawValue) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(schema.get()).map_err(|error| error.to_string())?;
    let dialect = schema.get("$schema").and_then(Value::as_str);
    if let Some(dialect) = dialect
        && !DIALECTS.contains(&dialect.trim_end_matches('#'))
    {
        return Err(format!(
            "its dialect {dialect:?} is neither {} nor {}",
            DIALECTS[0], DIALECTS[1]
        ));
    }
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(&schema)
        .map_err(|error| error.to_string())
}

/// Checks JSON text, or says what is wrong with it and where.
fn check(validator: &Validator, json: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if validator.is_valid(&value) {
        return Ok(());
    }
    if bytes_of_mistakes(&value, 0) > MOST_BYTES {
        return Err("they do not fit the schema, and are too large to say where".to_owned());
    }
    let mistakes = validator.iter_errors(&value).take(MOST_MISTAKES).map(|mistake| {
        // A JSON Pointer. Argument names seldom hold slashes, and models know dots.
        let place = mistake.instance_path().as_str().trim_start_matches('/').replace('/', ".");
        // Without the value: it may be long, and who sent it has it.
        let what = match mistake.kind() {
            ValidationErrorKind::FalseSchema => "nothing is allowed here".to_owned(),
            _ => mistake.masked().to_string(),
        };
        if place.is_empty() { what } else { format!("`{place}`: {what}") }
    });
    Err(mistakes.collect::<Vec<_>>().join("; "))
}

/// What it takes to say that a value is wrong, at a place of that many bytes, and all in it.
fn bytes_of_mistakes(value: &Value, place: usize) -> usize {
    let within: usize = match value {
        Value::Array(items) => {
            // A slash and a number.
            items.iter().map(|item| bytes_of_mistakes(item, place + 8)).sum()
        }
        Value::Object(members) => {
            let members = members.iter();
            members.map(|(name, value)| bytes_of_mistakes(value, place + 1 + name.len())).sum()
        }
        _ => 0,
    };
    within + place + BYTES_PER_MISTAKE
}

/// A result that is not what was promised is a failure of the server.
fn check_result(output: &Validator, reply: Reply) -> Reply {
    let structured = match &reply {
        Reply::Tool(result) if !result.is_error => result.structured.as_deref(),
        _ => return reply,
    };
    let checked = match structured {
        Some(structured) => check(output, structured.get()),
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

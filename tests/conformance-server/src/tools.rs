//! Tools that ask nothing.

use std::time::Duration;

use mcp_smol::{
    AskError, CallToolResult, ClientCapability, Content, Context, LogLevel, ResourceContents,
    Server, ServerHandle, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Sleep;
use crate::media::{PNG, WAV};

#[derive(Deserialize, JsonSchema)]
struct Greet {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Mirrored {
    /// Also sent as `Mcp-Param-Value`.
    #[schemars(extend("x-mcp-header" = "Value"))]
    value: String,
}

#[derive(Deserialize, JsonSchema)]
struct Updated {
    /// The URI of the resource.
    uri: String,
}

pub(crate) fn add_to(
    server: Server,
    handle: &ServerHandle,
    sleep: fn(Duration) -> Sleep,
) -> Server {
    let (tools, prompts, resources) = (handle.clone(), handle.clone(), handle.clone());
    server
        .tool("test_simple_text", "Returns a text", || async {
            "This is a simple text response for testing."
        })
        .tool("test_image_content", "Returns a picture", || Content::image(PNG, "image/png"))
        .tool("test_audio_content", "Returns a sound", || Content::audio(WAV, "audio/wav"))
        .tool("test_embedded_resource", "Returns a resource", || {
            Content::resource(
                ResourceContents::text(
                    "test://embedded-resource",
                    "This is an embedded resource content.",
                )
                .mime_type("text/plain"),
            )
        })
        .tool("test_multiple_content_types", "Returns text, picture and resource", || {
            let data = json!({"test": "data", "value": 123}).to_string();
            vec![
                Content::text("Multiple content types test:"),
                Content::image(PNG, "image/png"),
                Content::resource(
                    ResourceContents::text("test://mixed-content-resource", data)
                        .mime_type("application/json"),
                ),
            ]
        })
        .tool("test_error_handling", "Fails", || async {
            Err::<(), _>("This tool intentionally returns an error for testing")
        })
        .tool("test_tool_with_progress", "Reports progress", move |ctx: Context| async move {
            for progress in [0.0, 50.0, 100.0] {
                ctx.progress(progress).total(100.0).await;
                sleep(Duration::from_millis(50)).await;
            }
            CallToolResult::text("done")
        })
        .tool(
            "test_tool_with_logging",
            "Sends log messages as it goes",
            move |ctx: Context| async move {
                ctx.log(LogLevel::Info, "Tool execution started").await;
                sleep(Duration::from_millis(50)).await;
                ctx.log(LogLevel::Info, "Tool processing data").await;
                sleep(Duration::from_millis(50)).await;
                ctx.log(LogLevel::Info, "Tool execution completed").await;
                "logged"
            },
        )
        .tool("test_logging_tool", "Sends log messages", |ctx: Context| async move {
            ctx.log(LogLevel::Info, "Tool execution started").await;
            ctx.log(LogLevel::Error, json!({"reason": "none", "test": true})).await;
            "logged"
        })
        .tool(
            "test_custom_header",
            "Mirrors its argument",
            |args: Mirrored| async move { args.value },
        )
        .tool("test_missing_capability", "Needs sampling", |ctx: Context| {
            ctx.require(ClientCapability::Sampling)?;
            Ok::<_, AskError>("The client has it.")
        })
        .tool("test_trigger_tool_change", "Says that the tools have changed", move || {
            tools.notify_tools_list_changed();
            "told"
        })
        .tool("test_trigger_prompt_change", "Says that the prompts have changed", move || {
            prompts.notify_prompts_list_changed();
            "told"
        })
        .tool(
            "test_trigger_resource_update",
            "Says that a resource has changed",
            move |args: Updated| {
                resources.notify_resource_updated(&args.uri);
                "told"
            },
        )
        .add(
            tool("json_schema_2020_12_tool", "Has a schema of many keywords", |address: Value| {
                address.to_string()
            })
            .input_schema(contact()),
        )
        .tool("greet", "Greets", |args: Greet| async move { format!("Hello, {}!", args.name) })
}

/// A schema by hand.
fn contact() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

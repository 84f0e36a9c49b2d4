//! The server that the official conformance suite and the official clients are let loose on.
//!
//! `conformance-server --runtime smol|tokio --port P` serves the suite's fixture at `/mcp`, as far
//! as it needs tools, prompts, resources, completion and log messages.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use mcp_smol::{
    BoxError, CallToolResult, Completion, Content, Context, Endpoints, LogLevel, PromptMessage,
    Resource, ResourceContents, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// One red pixel.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 12, b'I', b'D', b'A', b'T', 8,
    0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E',
    b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// No sound at all.
const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\0\0\0\0";

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
struct TwoArguments {
    /// The first.
    arg1: String,
    /// The second.
    arg2: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OneResource {
    /// The URI of the resource.
    resource_uri: String,
}

#[derive(Deserialize)]
struct Templated {
    id: u32,
}

fn server(sleep: fn(Duration) -> Sleep) -> Server {
    let server = Server::new("conformance", "1.0.0").logging();
    with_resources(with_prompts(with_tools(server, sleep)))
}

fn with_prompts(server: Server) -> Server {
    server
        .prompt(
            "test_simple_prompt",
            "A prompt without arguments",
            || "This is a simple prompt for testing.",
        )
        .prompt(
            "test_prompt_with_arguments",
            "A prompt with two arguments",
            |args: TwoArguments| {
                format!("Prompt with arguments: arg1='{}', arg2='{}'", args.arg1, args.arg2)
            },
        )
        .complete_prompt("test_prompt_with_arguments", "arg1", |typed: Completion| {
            let mut values = vec!["test", "testing", "tests", "other"];
            values.retain(|value| value.starts_with(&typed.value));
            values
        })
        .prompt(
            "test_prompt_with_embedded_resource",
            "A prompt that quotes a resource",
            |args: OneResource| {
                let resource = ResourceContents::text(
                    args.resource_uri,
                    "Embedded resource content for testing.",
                );
                vec![
                    PromptMessage::user(Content::resource(resource.mime_type("text/plain"))),
                    PromptMessage::user(Content::text(
                        "Please process the embedded resource above.",
                    )),
                ]
            },
        )
        .prompt("test_prompt_with_image", "A prompt with a picture", || {
            vec![
                PromptMessage::user(Content::image(PNG, "image/png")),
                PromptMessage::user(Content::text("Please analyze the image above.")),
            ]
        })
}

fn with_resources(server: Server) -> Server {
    let text = Resource::new("test://static-text", "static-text").mime_type("text/plain");
    let binary = Resource::new("test://static-binary", "static-binary").mime_type("image/png");
    server
        .resource(text, || "This is the content of the static text resource.")
        .resource(binary, || PNG)
        .resource_template(
            "test://template/{id}/data",
            "template",
            |template| template.mime_type("application/json"),
            |Templated { id }: Templated| {
                json!({
                    "id": id.to_string(),
                    "templateTest": true,
                    "data": format!("Data for ID: {id}"),
                })
                .to_string()
            },
        )
}

fn with_tools(server: Server, sleep: fn(Duration) -> Sleep) -> Server {
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
        .tool("greet", "Greets", |args: Greet| async move { format!("Hello, {}!", args.name) })
}

/// Each runtime has a way to wait of its own.
type Sleep = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let options = Options::parse()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    match options.runtime.as_str() {
        "smol" => on_smol(listener),
        #[cfg(feature = "tokio")]
        "tokio" => on_tokio(listener),
        other => Err(format!("unknown runtime {other:?}").into()),
    }
}

fn on_smol(listener: TcpListener) -> Result<(), BoxError> {
    let server = server(|duration| {
        Box::pin(async move {
            mcp_smol::async_io::Timer::after(duration).await;
        })
    });
    let serve = mcp_smol::serve(listener.try_into()?, Endpoints::new().mount("/mcp", server))
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}

#[cfg(feature = "tokio")]
fn on_tokio(listener: TcpListener) -> Result<(), BoxError> {
    use mcp_tokio::tokio;

    tokio::runtime::Runtime::new()?.block_on(async {
        let server = server(|duration| Box::pin(tokio::time::sleep(duration)));
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        mcp_tokio::serve(listener.into(), Endpoints::new().mount("/mcp", server))
            .until(mcp_tokio::shutdown_signal())
            .await?;
        Ok(())
    })
}

struct Options {
    runtime: String,
    port: u16,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self { runtime: "smol".into(), port: 8000 };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("runtime") => options.runtime = arguments.value()?.string()?,
                Long("port") => options.port = arguments.value()?.parse()?,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}

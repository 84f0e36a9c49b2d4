//! Prompts.

use mcp_smol::{
    AskError, Completion, Content, Context, PromptMessage, ResourceContents, Server, prompt,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::media::PNG;

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

#[derive(Deserialize, JsonSchema)]
struct UserContext {
    context: String,
}

pub(crate) fn add_to(server: Server) -> Server {
    server
        .prompt(
            "test_simple_prompt",
            "A prompt without arguments",
            || "This is a simple prompt for testing.",
        )
        .add(
            prompt(
                "test_prompt_with_arguments",
                "A prompt with two arguments",
                |args: TwoArguments| {
                    format!("Prompt with arguments: arg1='{}', arg2='{}'", args.arg1, args.arg2)
                },
            )
            .complete("arg1", |typed: Completion| {
                let mut values = vec!["test", "testing", "tests", "other"];
                values.retain(|value| value.starts_with(&typed.value));
                values
            }),
        )
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
        .prompt(
            "test_input_required_result_prompt",
            "A prompt that asks first",
            |ctx: Context| async move {
                let message = "What context should the prompt use?";
                let asked = ctx.elicit::<UserContext>("user_context", message).await?;
                let context = asked.accepted().map_or_else(|| "none".into(), |given| given.context);
                Ok::<_, AskError>(format!("Use this context: {context}"))
            },
        )
}

//! Tools that ask their client before they answer.

use futures_lite::future::try_zip;
use mcp_smol::{
    AskError, ClientCapability, Context, CreateMessageRequest, ElicitProperty, ElicitSchema,
    Elicited, SamplingMessage, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    ok: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Contact {
    /// The user's name.
    username: String,
    /// The user's email address.
    email: String,
}

#[derive(Deserialize, JsonSchema)]
struct Message {
    message: String,
}

#[derive(Deserialize, JsonSchema)]
struct Prompt {
    prompt: String,
}

pub(crate) fn add_to(server: Server) -> Server {
    with_rounds(with_forms(server))
}

/// Tools that end in one round of questions or none.
fn with_forms(server: Server) -> Server {
    server
        .tool("test_sampling", "Asks the model", |args: Prompt, ctx: Context| async move {
            let answer = ctx.sample("sampling", ask_model(&args.prompt)).await?;
            Ok::<_, AskError>(format!("LLM response: {}", answer.text().unwrap_or_default()))
        })
        .tool("test_elicitation", "Asks the user", |args: Message, ctx: Context| async move {
            let contact = ctx.elicit::<Contact>("contact", args.message).await?;
            Ok::<_, AskError>(match contact {
                Elicited::Accepted(contact) => {
                    format!("User response: {} {}", contact.username, contact.email)
                }
                Elicited::Declined => "User response: declined".into(),
                Elicited::Cancelled => "User response: cancelled".into(),
            })
        })
        .tool(
            "test_elicitation_sep1034_defaults",
            "Asks with a default for each field",
            |ctx: Context| show("defaults", "Please check these values.", defaults(), ctx),
        )
        .tool("test_elicitation_sep1330_enums", "Asks to choose", |ctx: Context| {
            show("enums", "Please choose.", choices(), ctx)
        })
        .tool("test_elicitation_url", "Sends the user to a page", |ctx: Context| async move {
            let page = "https://example.com/sign-in";
            let visited = ctx.elicit_url("page", "Please sign in.", page).await?;
            Ok::<_, AskError>(match visited {
                Elicited::Accepted(()) => "The user goes there.",
                Elicited::Declined | Elicited::Cancelled => "The user does not go there.",
            })
        })
        .tool("test_ping", "Asks the client whether it is there", |ctx: Context| async move {
            ctx.ping().await?;
            Ok::<_, AskError>("The client is there.")
        })
        .tool("test_streaming_elicitation", "Asks to confirm", |ctx: Context| async move {
            let asked = ctx.elicit::<Confirmation>("confirm", "Go on?").await?;
            let confirmed = asked.accepted().is_some_and(|answer| answer.ok);
            Ok::<_, AskError>(if confirmed { "confirmed" } else { "not confirmed" })
        })
}

/// Asks with a form and tells what was filled in.
async fn show(
    key: &str,
    message: &str,
    schema: ElicitSchema,
    ctx: Context,
) -> Result<String, AskError> {
    let answer = ctx.elicit_form::<Value>(key, message, schema).await?;
    Ok(format!("Elicitation completed: {answer:?}"))
}

fn defaults() -> ElicitSchema {
    ElicitSchema::new()
        .property("name", ElicitProperty::string().default("John Doe"))
        .property("age", ElicitProperty::integer().default(30))
        .property("score", ElicitProperty::number().default(95.5))
        .property(
            "status",
            ElicitProperty::one_of(["active", "inactive", "pending"]).default("active"),
        )
        .property("verified", ElicitProperty::boolean().default(true))
}

fn choices() -> ElicitSchema {
    let untitled = ["option1", "option2", "option3"];
    let titled = [("value1", "First"), ("value2", "Second"), ("value3", "Third")];
    ElicitSchema::new()
        .property("untitledSingle", ElicitProperty::one_of(untitled))
        .property("titledSingle", ElicitProperty::one_of_titled(titled))
        .property(
            "legacyEnum",
            ElicitProperty::one_of_enum_names([
                ("option1", "One"),
                ("option2", "Two"),
                ("option3", "Three"),
            ]),
        )
        .property("untitledMulti", ElicitProperty::any_of(untitled))
        .property("titledMulti", ElicitProperty::any_of_titled(titled))
}

/// Tools of several rounds, or of state that they take along.
fn with_rounds(server: Server) -> Server {
    server
        .tool(
            "test_input_required_result_elicitation",
            "Asks for a name",
            |ctx: Context| async move {
                let name = ctx.elicit::<Name>("user_name", "What is your name?").await?;
                let name =
                    name.accepted().map_or_else(|| "whoever you are".into(), |given| given.name);
                Ok::<_, AskError>(format!("Hello, {name}!"))
            },
        )
        .tool("test_input_required_result_sampling", "Asks the model", |ctx: Context| async move {
            let request = ask_model("What is the capital of France?");
            let answer = ctx.sample("capital_question", request).await?;
            Ok::<_, AskError>(answer.text().unwrap_or_default().to_owned())
        })
        .tool(
            "test_input_required_result_list_roots",
            "Asks for roots",
            |ctx: Context| async move {
                let roots = ctx.list_roots("client_roots").await?;
                let uris: Vec<_> = roots.into_iter().map(|root| root.uri).collect();
                Ok::<_, AskError>(format!("Roots: {}", uris.join(", ")))
            },
        )
        .tool("test_input_required_result_request_state", "Takes state along", confirm)
        .tool("test_input_required_result_tampered_state", "Takes state along", confirm)
        .tool(
            "test_input_required_result_multiple_inputs",
            "Asks thrice",
            |ctx: Context| async move {
                ctx.once("greeted", || async { true }).await?;
                let request = ask_model("Write a greeting.");
                let name = ctx.elicit::<Name>("user_name", "What is your name?");
                let others =
                    try_zip(ctx.sample("greeting", request), ctx.list_roots("client_roots"));
                let (name, (greeting, roots)) = try_zip(name, others).await?;
                let name =
                    name.accepted().map_or_else(|| "whoever you are".into(), |given| given.name);
                let greeting = greeting.text().unwrap_or_default();
                Ok::<_, AskError>(format!("{greeting} {name}, with {} roots", roots.len()))
            },
        )
        .tool("test_input_required_result_multi_round", "Asks twice", |ctx: Context| async move {
            ctx.once("begun", || async { true }).await?;
            let name = ctx.elicit::<Name>("step1", "Step 1: What is your name?").await?;
            let color = ctx.elicit::<Color>("step2", "Step 2: Which color do you like?").await?;
            let name = name.accepted().map(|given| given.name);
            let color = color.accepted().map(|given| given.color);
            Ok::<_, AskError>(format!("{name:?} likes {color:?}"))
        })
        .tool(
            "test_input_required_result_capabilities",
            "Asks what it can",
            |ctx: Context| async move {
                if ctx.require(ClientCapability::Sampling).is_ok() {
                    let answer = ctx.sample("question", ask_model("What is 6 times 7?")).await?;
                    return Ok(answer.text().unwrap_or_default().to_owned());
                }
                let asked = ctx.elicit::<Confirmation>("question", "Is it 42?").await?;
                Ok::<_, AskError>(format!("{}", asked.accepted().is_some_and(|answer| answer.ok)))
            },
        )
}

/// Asks for a confirmation, with something to remember meanwhile.
async fn confirm(ctx: Context) -> Result<String, AskError> {
    let state: String = ctx.once("state", || async { "state-ok".into() }).await?;
    let asked = ctx.elicit::<Confirmation>("confirm", "Please confirm").await?;
    Ok(match asked {
        Elicited::Accepted(_) => state,
        Elicited::Declined | Elicited::Cancelled => "not confirmed".into(),
    })
}

fn ask_model(prompt: &str) -> CreateMessageRequest {
    CreateMessageRequest::new(100, [SamplingMessage::user(prompt)])
}

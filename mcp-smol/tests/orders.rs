//! How a server is tested: a tool that reports progress and asks its user, on every revision.

use mcp_smol::{BoxError, Context, Revision, Server};
use mcp_testing::{Client, accept, decline};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Order {
    book: String,
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    wrap: bool,
}

async fn order(order: Order, ctx: Context) -> Result<String, BoxError> {
    ctx.progress(1.0).total(2.0).await;
    let form = ctx.elicit::<Confirmation>("confirmation", "Shall we order it?").await?;
    Ok(match form.accepted() {
        Some(form) => format!("{} is on its way, wrapped: {}", order.book, form.wrap),
        None => "nothing ordered".into(),
    })
}

#[test]
fn orders_are_confirmed() -> Result<(), mcp_testing::Error> {
    let client = Client::new(Server::new("shop", "1.0.0").tool("order", "Orders", order))?;
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let client = client.revision(revision)?; // with a session, where the revision has those
        let mut call = client.begin_call("order", json!({"book": "emma"}))?;
        assert_eq!(call.next_progress()?.total, Some(2.0));
        call.answer_elicitation(accept(json!({"wrap": true})))?;
        assert_eq!(call.finish()?.text(), "emma is on its way, wrapped: true");

        let client = client.answering(|_| Some(decline()));
        assert_eq!(client.call("order", json!({"book": "emma"}))?.text(), "nothing ordered");
    }
    client.begin_call("order", json!({"book": "emma"}))?.hang_up(); // drops the handler's future
    Ok(())
}

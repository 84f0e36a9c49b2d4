//! A bookshop: a tool that asks its user and reports progress, a prompt, and a resource for each
//! book, whose names are completed.
//!
//! `cargo run -p mcp-smol --example bookshop` serves <http://127.0.0.1:8000/mcp>.

use std::time::Duration;

use mcp_smol::async_io::Timer;
use mcp_smol::{
    BoxError, Completion, Context, Elicited, Endpoints, RpcError, Server, Structured,
    resource_template,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const BOOKS: [(&str, &str); 3] = [
    ("dracula", "Diaries, letters and a count who casts no shadow."),
    ("emma", "A matchmaker who is mistaken about everybody, herself included."),
    ("ulysses", "One day in Dublin."),
];

fn find(book: &str) -> Option<&'static str> {
    BOOKS.iter().find(|(name, _)| *name == book).map(|(_, about)| *about)
}

/// What the model has to send to order books. The comments tell it what is meant.
#[derive(Deserialize, JsonSchema)]
struct Order {
    /// The name of the book.
    book: String,
    /// How many copies, 1 to 10.
    copies: u32,
}

/// The fields of the form that the user gets to see.
#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    /// Wrap it up as a present?
    wrap: bool,
}

/// What the model gets back, and its schema.
#[derive(Serialize, JsonSchema)]
struct Receipt {
    book: String,
    copies: u32,
    wrapped: bool,
}

async fn order(order: Order, ctx: Context) -> Result<Structured<Receipt>, BoxError> {
    let Order { book, copies } = order;
    if find(&book).is_none() || !(1..=10).contains(&copies) {
        return Err(format!("cannot order {copies} of {book:?}: see the resources").into());
    }
    // The client asks its user, and calls again with the answer.
    let question = format!("Order {copies} of {book:?}?");
    let wrapped = match ctx.elicit::<Confirmation>("confirmation", question).await? {
        Elicited::Accepted(confirmation) => confirmation.wrap,
        Elicited::Declined | Elicited::Cancelled => return Err("the user does not want it".into()),
    };
    for copy in 1..=copies {
        ctx.progress(copy.into()).total(copies.into()).message("printing").await;
        Timer::after(Duration::from_millis(300)).await;
    }
    Ok(Structured(Receipt { book, copies, wrapped }))
}

/// What fills in the variable of `bookshop://books/{name}`.
#[derive(Deserialize)]
struct Book {
    name: String,
}

fn about(book: Book) -> Result<&'static str, RpcError> {
    let uri = format!("bookshop://books/{}", book.name);
    find(&book.name).ok_or_else(|| RpcError::resource_not_found(&uri))
}

#[derive(Deserialize, JsonSchema)]
struct Taste {
    /// A book that the reader likes.
    likes: String,
}

fn server() -> Result<Server, BoxError> {
    let books = resource_template(
        "bookshop://books/{name}".parse()?,
        "book",
        |template| template.description("What a book is about").mime_type("text/plain"),
        about,
    )
    .complete("name", |typed: Completion| {
        let names = BOOKS.iter().map(|(name, _)| *name);
        names.filter(|name| name.starts_with(&typed.value)).collect::<Vec<_>>()
    });
    Ok(Server::new("bookshop", "1.0.0")
        .tool("order", "Orders copies of a book", order)
        .prompt("recommend", "Finds something to read", |taste: Taste| {
            format!("I like {}. Which of bookshop://books should I read next?", taste.likes)
        })
        .add(books))
}

fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = mcp_smol::bind("127.0.0.1:8000")?;
    let serve = mcp_smol::serve(listener, Endpoints::new().mount("/mcp", server()?))
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}

//! An MCP server that lets in only who has a token (2026-07-28, basic/authorization).
//!
//! `cargo run -p mcp-smol --example protected` serves <http://127.0.0.1:8000/mcp>; another port can
//! be given as an argument. Its tokens are two words, as a test has them: `reader` and `writer`. For
//! those of an authorization server, take `JwtAuthorizer` (feature `jwt`).
//!
//! ```sh
//! curl -i http://127.0.0.1:8000/mcp -d '{}' -H 'Content-Type: application/json'
//! curl http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp
//! curl http://127.0.0.1:8000/mcp -H 'Authorization: Bearer reader' \
//!   -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2025-11-25' \
//!   -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
//! ```

use mcp_smol::{Context, Denial, Endpoints, Head, Principal, ProtectedResource, Server};

/// Finds out who sends a request; this could as well ask somebody, and await the answer.
async fn authorize(head: Head) -> Result<Principal, Denial> {
    let needed = ["notes:read"];
    match head.bearer_token().map_err(|denial| denial.scopes(needed))? {
        "reader" => Ok(Principal::new("rita").scopes(needed)),
        "writer" => Ok(Principal::new("walter").scopes(needed).scopes(["notes:write"])),
        _ => Err(Denial::invalid_token("nobody has this token").scopes(needed)),
    }
}

fn main() -> Result<(), mcp_smol::BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".into());
    let listener = mcp_smol::bind(format!("127.0.0.1:{port}"))?;
    let url = format!("http://{}/mcp", listener.local_addr()?);

    let resource = ProtectedResource::new(&url, ["https://auth.example.com"])?
        .scopes(["notes:read"])
        .name("Notes");
    let server = Server::new("protected", "1.0.0")
        .tool("whoami", "Tells who asks", |ctx: Context| {
            ctx.principal().map(|principal| principal.subject().to_owned()).unwrap_or_default()
        })
        .tool("erase", "Erases all notes", |ctx: Context| {
            match ctx.principal().is_some_and(|principal| principal.has_scope("notes:write")) {
                true => Ok("They are gone."),
                // 403, by which the client learns what token it needs.
                false => Err(Denial::insufficient_scope(["notes:write"])),
            }
        })
        .authorizer(authorize)
        .protected_resource(resource);

    println!("listening on {url}");
    let serve = mcp_smol::serve(listener, Endpoints::new().mount("/mcp", server))
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}

//! What the log says of who is let in: who was not, and never the token.

use std::io;
use std::sync::{Arc, Mutex};

use crate::common::client::{Request, ToolCall, Wire};
use crate::common::log::Log;
use crate::common::tokens::{AUDIENCE, ISSUER, authorizer, keys, token, tokens};
use crate::common::{On, listen};
use mcp_smol::{Context, Denial, Endpoints, Head, JwtAuthorizer, Principal, Server};
use mcp_testing::Client;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

fn send(address: std::net::SocketAddr, token: &'static str) -> u16 {
    let request = ToolCall::new(Wire::Modern, "who", json!({})).request();
    Request { bearer: Some(token), ..request }.send(address).status
}

#[test]
fn an_authorizer_that_panics_is_one_warning() {
    let log = Log::capture();
    for &on in On::ALL {
        let server = Server::new("protected", "1.0.0").authorizer(|head: Head| {
            assert_ne!(head.bearer_token(), Ok("secret-1"), "told to panic");
            async move {
                assert_ne!(head.bearer_token(), Ok("secret-2"), "told to panic");
                Err::<Principal, _>(Denial::invalid_token("nobody knows it"))
            }
        });
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        for (token, status, warnings) in
            [("secret-1", 500, 1), ("secret-2", 500, 1), ("secret-3", 401, 0)]
        {
            log.clear();
            assert_eq!(send(running.address, token), status);
            let lines = log.excerpt();
            assert_eq!((log.warnings(), log.errors()), (warnings, 0), "{lines:?}");
            assert!(!lines.concat().contains("secret"), "{lines:?}");
        }
        running.stop().unwrap();
    }
}

/// Everything that one thread says.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl io::Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_token_is_logged_at_any_level() {
    let _log = Log::capture();
    let everything = Everything::default();
    let writer = everything.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let server = Server::new("protected", "1.0.0")
        .tool("who", "Tells who asks", |ctx: Context| {
            shows_no_token(&ctx);
            "somebody"
        })
        .authorizer(authorizer(keys()));
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let client = std::thread::spawn(move || {
        for token in tokens() {
            assert_eq!(send(address, token.text), token.status, "{}", token.name);
        }
        stop.close();
    });
    // On this thread alone, whose log it is.
    let _guard = subscriber.set_default();
    let serve = mcp_smol::Smol::new()
        .serve(listener.try_into().unwrap(), Endpoints::new().mount("/mcp", server))
        .until(async move {
            let _ = stopped.recv().await;
        });
    mcp_smol::block_on(serve).unwrap();
    client.join().unwrap();
    let text = String::from_utf8(everything.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("refused: invalid token: the token has expired"), "{text}");
    assert!(text.contains("has another issuer than \"https://auth.example.com\""), "{text}");
    assert!(text.contains("has another audience than \"https://mcp.example.com/mcp\""), "{text}");
    for token in tokens() {
        // Nor a part of it: the signature is what nobody can guess.
        let signature = token.text.rsplit('.').next().unwrap();
        let is_there =
            text.contains(token.text) || (signature.len() > 8 && text.contains(signature));
        assert!(!is_there, "{} is logged", token.name);
    }
}

#[test]
fn broader_scopes_include_narrower_ones() {
    // The good token has `files:read` and `files:write`.
    let statuses = |authorizer: JwtAuthorizer| {
        let server = Server::new("scopes", "1.0.0").tool("any", "", || ()).authorizer(authorizer);
        let client = Client::new(server).unwrap();
        let client = client.header("Authorization", format!("Bearer {}", token("good")));
        client.list_tools().err().and_then(|error| error.status())
    };
    let requires = |scope| JwtAuthorizer::new(ISSUER, AUDIENCE, keys()).require_scopes([scope]);
    assert_eq!(statuses(requires("files:read")), None);
    assert_eq!(statuses(requires("names:read")), Some(403));
    let chain = requires("names:read").implies("files:write", ["names", "files:write"]);
    assert_eq!(statuses(chain.clone()), Some(403));
    assert_eq!(statuses(chain.implies("names", ["names:read", "files:write"])), None);
}

/// What a handler may print.
fn shows_no_token(ctx: &Context) {
    let shown = format!("{ctx:?} {:?}", ctx.principal());
    assert!(shown.contains("alice") || shown.contains("bob"), "{shown}");
    assert!(tokens().all(|token| token.text.len() < 20 || !shown.contains(token.text)), "{shown}");
}

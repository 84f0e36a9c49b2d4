//! The last response on a connection is followed by the end of what the server sends, at once: a
//! client that reads up to there must not be kept waiting (RFC 9112 section 9.6).

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::common::On;
use crate::common::client::{ToolCall, Wire, connect};
use mcp_smol::{Endpoints, Server};
use serde_json::json;

#[test]
fn the_last_response_is_followed_by_the_end() {
    for &on in On::ALL {
        let server = Server::new("last", "1.0.0").tool("hello", "Says hello", || "hello");
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let call = ToolCall::new(Wire::Modern, "hello", json!({})).sized();
        let call = String::from_utf8(call).unwrap();
        for (request, what) in [
            (call.replace("Host: ", "Connection: close\r\nHost: "), "asked for"),
            (call.replace("HTTP/1.1", "HTTP/1.0"), "HTTP/1.0"),
            (call.replace("/mcp", "/other"), "refused by its head"),
            (call.replace("HTTP/1.1", "HTTP 1.1"), "malformed"),
        ] {
            let mut stream = connect(running.address);
            stream.write_all(request.as_bytes()).unwrap();
            let begun = Instant::now();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            let elapsed = begun.elapsed();
            assert!(response.starts_with("HTTP/1.1 "), "{what}: {response}");
            assert!(elapsed < Duration::from_secs(1), "{on:?}, {what}: after {elapsed:?}");
        }
        running.stop().unwrap();
    }
}

//! The requests that servers are measured with, in the core alone and from outside.

/// A request of 2026-07-28 that has what it must, and nothing else.
#[must_use]
pub fn post(host: &str, method: &str, fields: &str, params: &str) -> Vec<u8> {
    let meta = concat!(
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}}}"#,
    );
    let params = match params {
        "{}" => format!("{{{meta}"),
        params => format!("{},{meta}", params.strip_suffix('}').expect("an object")),
    };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: {method}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The call of `echo` as the official TypeScript client sends it from Node.
#[must_use]
pub fn call_echo_from_node(message: &str) -> Vec<u8> {
    let request = String::from_utf8(call_echo(message, false)).expect("UTF-8");
    let client =
        r#""_meta":{"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#;
    let request = with_body(&request, |body| body.replace(r#""_meta":{"#, client));
    let fields = "connection: keep-alive\r\naccept-language: *\r\nsec-fetch-mode: cors\r\n\
                  user-agent: node\r\naccept-encoding: gzip, deflate\r\nContent-Type";
    request.replace("Content-Type", fields).into_bytes()
}

/// The request with another body.
fn with_body(request: &str, change: impl FnOnce(&str) -> String) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let body = change(body);
    let fields = head.rsplit_once(' ').expect("the length comes last").0;
    format!("{fields} {}\r\n\r\n{body}", body.len())
}

/// A call of the tool `echo`, which may ask for progress.
#[must_use]
pub fn call_echo(message: &str, asks_for_progress: bool) -> Vec<u8> {
    call_tool("echo", message, asks_for_progress)
}

/// A call of any tool that takes a message, which may ask for progress.
#[must_use]
pub fn call_tool(name: &str, message: &str, asks_for_progress: bool) -> Vec<u8> {
    let params = format!(r#"{{"name":"{name}","arguments":{{"message":"{message}"}}}}"#);
    let fields = format!("mcp-name: {name}\r\n");
    let request = post("127.0.0.1:8000", "tools/call", &fields, &params);
    if !asks_for_progress {
        return request;
    }
    let request = String::from_utf8(request).expect("UTF-8");
    with_body(&request, |body| body.replace(r#""_meta":{"#, r#""_meta":{"progressToken":1,"#))
        .into_bytes()
}

/// Asks for the tools that there are.
#[must_use]
pub fn list_tools() -> Vec<u8> {
    post("127.0.0.1:8000", "tools/list", "", "{}")
}

/// Asks what the server is.
#[must_use]
pub fn discover() -> Vec<u8> {
    post("127.0.0.1:8000", "server/discover", "", "{}")
}

/// Subscribes to changes of the tools.
#[must_use]
pub fn listen() -> Vec<u8> {
    let params = r#"{"notifications":{"toolsListChanged":true}}"#;
    post("127.0.0.1:8000", "subscriptions/listen", "", params)
}

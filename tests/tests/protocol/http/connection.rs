//! What becomes of the connection: `Connection`, `Expect`, `Upgrade` (RFC 9112 section 9, RFC 9110
//! sections 7.8 and 10.1.1).

use super::{
    JSON, PING, Rows, answered, bare, closed, given, in_chunks, ping, refused, served, waiting,
};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    persistence(&mut rows);
    expectations(&mut rows);
    upgrades(&mut rows);
    rows
}

fn old(fields: &str) -> String {
    ping(fields).replacen("HTTP/1.1", "HTTP/1.0", 1)
}

fn persistence(rows: &mut Rows) {
    rows.add("RFC 9112 9.3, 1.1 stays", served(), {
        [
            "",
            "Connection: keep-alive\r\n",
            "Connection:\r\n",
            "Connection: ,\r\n",
            "Connection: x-close\r\n",
            "Connection: closed\r\n",
            "Connection: \"close\"\r\n",
            "Connection: close;x=y\r\n",
            "Connection: clo se\r\n",
            "Keep-Alive: timeout=5, max=1\r\n",
            "Proxy-Connection: close\r\n",
            "X-Connection: close\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9112 9.6, close", closed([200]), {
        [
            "Connection: close\r\n",
            "connection:close\r\n",
            "Connection: CLOSE\r\n",
            "Connection: \t close \t\r\n",
            "Connection: close, keep-alive\r\n",
            "Connection: keep-alive, close\r\n",
            "Connection: x,,close,\r\n",
            "Connection: keep-alive\r\nConnection: close\r\n",
            "Connection: close\r\nConnection: keep-alive\r\n",
            "Connection: close\r\nConnection: close\r\n",
            "Connection: Upgrade, close\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9112 9.3, 1.0 does not stay", closed([200]), {
        [
            "",
            "Connection: close\r\n",
            "Connection: keep-alive, close\r\n",
            "Connection: close, keep-alive\r\n",
            "Connection: keep-alive-x\r\n",
            "Keep-Alive: timeout=5\r\n",
            "Proxy-Connection: keep-alive\r\n",
        ]
        .map(old)
    });
    rows.add("RFC 9112 9.3, 1.0 stays if asked to", served(), {
        [
            "Connection: keep-alive\r\n",
            "Connection: Keep-Alive\r\n",
            "Connection: x, KEEP-ALIVE\r\n",
        ]
        .map(old)
    });
    // It names what proxies must take out, not what an origin server does without.
    rows.add("RFC 9110 7.6.1, fields named by it", served(), {
        ["Content-Length", "Host", "Content-Type", "Transfer-Encoding", "Connection"]
            .map(|name| ping(&format!("Connection: {name}\r\n")))
    });
    let closing = |line: &str| bare(line).replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    rows.add("RFC 9112 9.6, close, whatever the answer", closed([405]), {
        [closing("GET /mcp HTTP/1.1"), closing("HEAD /mcp HTTP/1.1"), bare("GET /mcp HTTP/1.0")]
    });
    rows.add("RFC 9112 9.6, close, whatever the answer", closed([404]), {
        [closing("GET / HTTP/1.1"), bare("DELETE / HTTP/1.0")]
    });
}

fn expectations(rows: &mut Rows) {
    rows.add("RFC 9110 10.1.1", given([100, 200]), {
        [
            "Expect: 100-continue\r\n",
            "expect:100-Continue\r\n",
            "Expect: 100-CONTINUE\r\n",
            "Expect: \t100-continue \r\n",
            "Expect: 100-continue\r\nExpect: 100-continue\r\n",
        ]
        .map(ping)
    });
    let coded = in_chunks(&format!("28\r\n{PING}\r\n0\r\n\r\n"));
    let expecting = |request: &str| request.replacen("Host:", "Expect: 100-continue\r\nHost:", 1);
    rows.add("RFC 9110 10.1.1, chunked", given([100, 200]), [expecting(&coded)]);
    rows.add("RFC 9110 10.1.1, before the content", waiting([100]), {
        [ping("Expect: 100-continue\r\n").replace(PING, ""), { expecting(&in_chunks("")) }]
    });
    rows.add("RFC 9110 10.1.1, others", refused(417), {
        [
            "Expect:\r\n",
            "Expect: x\r\n",
            "Expect: 100\r\n",
            "Expect: 100-continue-x\r\n",
            "Expect: 100-continue;q=1\r\n",
            "Expect: 100-continue=x\r\n",
            "Expect: \"100-continue\"\r\n",
            "Expect: 100 continue\r\n",
            "Expect: 100-continue, x\r\n",
            "Expect: x, 100-continue\r\n",
            "Expect: 100-continue,\r\n",
            "Expect: y 100-continue\r\n",
            "Expect: 200-ok\r\n",
            "Expect: 100-continue\r\nExpect: x\r\n",
            "Expect: x\r\nExpect: 100-continue\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9110 10.1.1, hidden", refused(400), {
        [
            "Expect:\r\n 100-continue\r\n",
            "Expect: \x00100-continue\r\n",
            "Expect : 100-continue\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9110 10.1.1, not in HTTP/1.0", closed([200]), [old("Expect: 100-continue\r\n")]);
    rows.add("RFC 9110 10.1.1, not in HTTP/1.0", served(), {
        [old("Expect: 100-continue\r\nConnection: keep-alive\r\n")]
    });
    rows.add("RFC 9110 10.1.1, no content to wait for", answered(405), {
        [expecting(&bare("GET /mcp HTTP/1.1"))]
    });
    rows.add("RFC 9110 10.1.1, no content to wait for", answered(400), {
        [
            expecting(&format!("POST /mcp HTTP/1.1\r\n{JSON}\r\n")),
            expecting(&format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Length: 0\r\n\r\n")),
        ]
    });
    // The final answer comes instead, and the content is not waited for.
    for (status, from, to) in [
        (404, "/mcp", "/other"),
        (405, "POST", "GET"),
        (501, "POST", "BREW"),
        (403, "Host: localhost", "Host: evil.example.com"),
        (415, "application/json", "text/plain"),
        (413, "Content-Length: 40", "Content-Length: 400"),
        (400, "Content-Length: 40", "Content-Length: +40"),
        (400, "Content-Length: 40", "Content-Length: 40\r\nTransfer-Encoding: chunked"),
    ] {
        let request = ping("Expect: 100-continue\r\n").replacen(from, to, 1);
        let head = request.replace(PING, "");
        rows.add("RFC 9110 10.1.1, refused by its head", refused(status), [request, head]);
    }
}

fn upgrades(rows: &mut Rows) {
    rows.add("RFC 9110 7.8, ignored", served(), {
        [
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            "Upgrade: h2c\r\n",
            "Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
            "Connection: Upgrade\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9110 7.8, ignored", closed([200]), {
        [old("Connection: Upgrade\r\nUpgrade: h2c\r\n")]
    });
}

#[test]
fn connections() {
    rows().check();
}

//! The request line: methods, targets, versions (RFC 9112 sections 2.3 and 3).

use super::{Rows, answered, bare, closed, ping, ping_by, ping_with, refused, served, waiting};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    rows.add("RFC 9112 3, three parts and two spaces", refused(400), {
        [
            "POST  /mcp HTTP/1.1",
            "POST /mcp  HTTP/1.1",
            "POST\t/mcp HTTP/1.1",
            "POST /mcp\tHTTP/1.1",
            "POST\u{b}/mcp HTTP/1.1",
            "POST /mcp\u{c}HTTP/1.1",
            "POST /mcp HTTP/1.1 ",
            "POST /mcp HTTP/1.1\t",
            "POST /mcp HTTP/1.1 x",
            "POST /m cp HTTP/1.1",
            "POST\r/mcp HTTP/1.1",
            "POST /mcp\rHTTP/1.1",
            "POST /mcp",
            "POST /mcp ",
            "POST HTTP/1.1",
            "POST  HTTP/1.1",
            "/mcp HTTP/1.1",
            "POST",
            "POST ",
        ]
        .map(ping_by)
    });
    rows.add("RFC 9112 3.1, no token", refused(400), {
        ["PO(ST", "PO\0ST", "P\u{e9}ST", ":POST", "\"POST\"", "POST:", "PO\x7fST", "[POST]"]
            .map(|method| ping_by(&format!("{method} /mcp HTTP/1.1")))
    });
    rows.add("RFC 9112 3.1, methods are case-sensitive", refused(501), {
        ["post", "Post", "XPOST", "POSTS"].map(|method| ping_with("POST", method))
    });
    versions(&mut rows);
    origin_form(&mut rows);
    absolute_form(&mut rows);

    rows.add("RFC 9112 3.2.3, authority-form", answered(501), {
        ["localhost:80", "localhost", "[::1]:80", "/mcp"]
            .map(|target| bare(&format!("CONNECT {target} HTTP/1.1")))
    });
    rows.add("RFC 9112 3.2.3, for CONNECT alone", refused(400), {
        ["localhost:80", "localhost", "[::1]:80"].map(by_target)
    });
    rows.add("RFC 9112 3.2.4, asterisk-form", answered(404), [bare("OPTIONS * HTTP/1.1")]);
    rows.add("RFC 9112 3.2.4, for OPTIONS alone", refused(404), [by_target("*")]);
    rows.add(
        "RFC 9112 3.2.4, no asterisk-form",
        refused(400),
        ["**", "*/mcp", "*?x"].map(by_target),
    );

    // The limit of the whole head is 1,024 bytes.
    let long = "x".repeat(1100);
    rows.add("RFC 9112 3, too long a target", refused(414), {
        [
            format!("POST /{long}"),
            format!("POST /mcp?{long} HTTP/1.1\r\n"),
            bare(&format!("GET /mcp?{long} HTTP/1.1")),
        ]
    });
    rows.add("RFC 9112 3, too long a method", refused(501), [long.clone(), ping_by(&long)]);
    rows.add("RFC 6585 5, too long a field", refused(431), {
        [ping(&format!("X: {long}\r\n")), ping(&format!("{long}: y\r\n"))]
    });
    rows
}

fn by_target(target: &str) -> String {
    ping_by(&format!("POST {target} HTTP/1.1"))
}

fn versions(rows: &mut Rows) {
    let version = |version: &str| ping_with("HTTP/1.1", version);
    rows.add("RFC 9112 2.3, 1.0", closed([200]), [version("HTTP/1.0")]);
    // RFC 9110 section 2.5 expects 1.2 to be read as 1.1; there is none, and never will be.
    rows.add("RFC 9110 15.6.6, other versions", refused(505), {
        ["HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"].map(version)
    });
    rows.add("RFC 9113 3.4, the preface of HTTP/2", refused(505), {
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    });
    rows.add("RFC 9112 2.3, no version", refused(400), {
        [
            "http/1.1",
            "Http/1.1",
            "HTTP/1",
            "HTTP/2",
            "HTTP/1.",
            "HTTP/.1",
            "HTTP/1.10",
            "HTTP/01.1",
            "HTTP/1.01",
            "HTTP/11",
            "HTTP/1,1",
            "HTTP/1.1.1",
            "HTTP/1.x",
            "HTTP/+1.1",
            "HTTP/-1.1",
            "HTTP/1.\u{661}",
            "HTTP 1.1",
            "HTTP/ 1.1",
            "HTTP /1.1",
            "HTTPS/1.1",
            "HTTP\\1.1",
            "ICY/1.1",
            "/1.1",
            "1.1",
        ]
        .map(version)
    });
    rows.add("RFC 9112 2.3, 0.9 had no version", refused(400), ["GET /mcp\r\n\r\n", "GET\r\n\r\n"]);
    rows.add("RFC 9112 2.3, 0.9 had no version", waiting([]), ["GET /mcp\r\n"]);
}

fn origin_form(rows: &mut Rows) {
    rows.add("RFC 9112 3.2.1", served(), {
        [
            "/mcp",
            "/mcp/",
            "/mcp?",
            "/mcp?x=y",
            "/mcp/?x",
            "/mcp??",
            "/mcp?/../%zz",
            "/%6dcp",
            "/mc%70",
        ]
        .map(by_target)
    });
    // What browsers leave unescaped in queries (URL standard, "query percent-encode set").
    rows.add("RFC 9112 3.2.1, tolerated", served(), {
        ["/mcp?[]", "/mcp?{}", "/mcp?|", "/mcp?^", "/mcp?`", "/mcp?\\"].map(by_target)
    });
    rows.add("RFC 3986 2, no URI", refused(400), {
        ["/mcp?\u{e9}", "/m\u{e9}cp", "/mcp?\"", "/mcp?<", "/mcp?>", "/mcp?\u{1}", "/mcp?\x7f"]
            .map(by_target)
    });
    rows.add("RFC 3986 2.1, broken escapes", refused(400), {
        ["/mcp%", "/mcp%4", "/mcp%zz", "/%+6mcp", "/mcp%%", "/mcp%\u{e9}"].map(by_target)
    });
    rows.add("RFC 9112 3.2, fragments are not sent", refused(400), {
        ["/mcp#", "/mcp#x", "/mcp?x#y", "#/mcp"].map(by_target)
    });
    rows.add("RFC 3986 6.2, other paths", refused(404), {
        [
            "/",
            "//mcp",
            "/mcp//",
            "/MCP",
            "/./mcp",
            "/x/../mcp",
            "/mcp/.",
            "/%2e/mcp",
            "/mcp%2f",
            "/mcp%2F",
            "/mcp%00",
            "/mcp%20",
            "/mcp%3Fx",
            "/%256dcp",
            "/mcp;x=y",
            "/mcp\\",
            "/mcp&x",
        ]
        .map(by_target)
    });
    rows.add("RFC 9112 3.2, no form", refused(400), {
        ["mcp", "?x", "\\mcp", "mcp:", ".", "./mcp", "%2Fmcp"].map(by_target)
    });
}

fn absolute_form(rows: &mut Rows) {
    let to = |target: &str, host: &str| {
        by_target(target).replacen("Host: localhost", &format!("Host: {host}"), 1)
    };
    rows.add("RFC 9112 3.2.2", served(), {
        [
            to("http://localhost/mcp", "localhost"),
            to("HTTP://LocalHost/mcp?x", "localhost"),
            to("https://localhost/mcp", "localhost"),
            to("http://localhost:8000/mcp", "localhost:8000"),
            to("http://[::1]:8000/mcp", "[::1]:8000"),
        ]
    });
    // A client has to send the same in Host, so one of them is not its own.
    rows.add("RFC 9112 3.2.2, against Host", refused(400), {
        [
            to("http://localhost/mcp", "127.0.0.1"),
            to("http://127.0.0.1/mcp", "localhost"),
            to("http://localhost:80/mcp", "localhost"),
            to("http://localhost/mcp", "localhost:80"),
            to("http://localhost/mcp", ""),
            to("http:///mcp", "localhost"),
            to("http://evil.example.com/mcp", "localhost"),
            to("http://localhost/mcp", "evil.example.com"),
        ]
    });
    rows.add("RFC 9110 4.2.1, no host", refused(400), [to("http:///mcp", ""), to("http://", "")]);
    rows.add("RFC 9110 4.2.4, userinfo", refused(400), {
        [
            to("http://user@localhost/mcp", "localhost"),
            to("http://user@localhost/mcp", "user@localhost"),
            to("http://localhost@evil.example.com/mcp", "localhost"),
            to("http://localhost:x@evil.example.com/mcp", "localhost:x@evil.example.com"),
            to("http://@localhost/mcp", "localhost"),
        ]
    });
    rows.add("RFC 9112 3.2.2, other URIs", refused(400), {
        [
            "ftp://localhost/mcp",
            "://localhost/mcp",
            "http:/mcp",
            "http:mcp",
            "urn:mcp",
            "file:///mcp",
        ]
        .map(by_target)
    });
    rows.add("RFC 9112 3.2.2, no URI", refused(400), {
        ["http://localhost#/mcp", "http://localhost\\/mcp", "http://local host/mcp", "http\0://x/"]
            .map(by_target)
    });
    rows.add("RFC 9112 3.2.2, without a path", refused(404), {
        ["http://localhost", "http://localhost?/mcp", "http://localhost/"].map(by_target)
    });
    let without_host = by_target("http://localhost/mcp").replacen("Host: localhost\r\n", "", 1);
    rows.add("RFC 9112 3.2.2, without Host", refused(400), {
        [without_host.replacen("HTTP/1.1", "HTTP/1.0", 1), without_host]
    });
}

#[test]
fn request_lines() {
    rows().check();
}

//! `Host` and `Origin` (RFC 9112 section 3.2, RFC 9110 section 7.2).

use super::{Rows, answered, bare, closed, ping, ping_with, refused, served};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    let host = |value: &str| ping_with("Host: localhost", &format!("Host:{value}"));
    rows.add("RFC 9112 3.2", served(), {
        [
            " localhost",
            "localhost",
            " \tlocalhost\t ",
            " LOCALHOST",
            " localhost:8000",
            " localhost:",
            " localhost:99999",
            " 127.0.0.1",
            " 127.0.0.1:80",
            " [::1]",
            " [::1]:80",
        ]
        .map(host)
    });
    rows.add("RFC 9112 3.2, missing", refused(400), {
        [
            ping_with("Host: localhost\r\n", ""),
            ping_with("Host", "X-Host"),
            ping_with("Host", "X-Forwarded-Host"),
            "GET /mcp HTTP/1.1\r\n\r\n".into(),
        ]
    });
    rows.add("RFC 9112 3.2, twice", refused(400), {
        ["Host: localhost\r\n", "host: localhost\r\n", "HOST: evil.example.com\r\n", "Host:\r\n"]
            .map(ping)
    });
    let not_hosts = [
        "",
        " ",
        " localhost localhost",
        " localhost, localhost",
        " a b",
        " user@localhost",
        " @localhost",
        " http://localhost",
        " localhost/",
        " localhost/mcp",
        " localhost?",
        " localhost#",
        " localhost\\",
        " :80",
        " localhost:x",
        " localhost:+80",
        " localhost:-1",
        " localhost:80:80",
        " localhost:8 0",
        " ::1",
        " [::1",
        " ::1]",
        " []",
        " [::1]x",
        " [::1%25lo]",
        " [localhost]",
        " \"localhost\"",
        " <localhost>",
        " localhost\u{e9}",
        " \u{ff4c}ocalhost",
    ];
    rows.add("RFC 9112 3.2, invalid", refused(400), not_hosts.map(host));
    // Whatever else might be wrong with the request: it is answered with 400.
    for line in ["GET / HTTP/1.1", "PUT /mcp HTTP/1.1", "BREW / HTTP/1.1", "GET /mcp HTTP/1.0"] {
        let requests = ["", " a b", " user@localhost"]
            .map(|value| bare(line).replacen("Host: localhost", &format!("Host:{value}"), 1));
        let expected = if line.ends_with("1.0") { refused(400) } else { answered(400) };
        rows.add("RFC 9112 3.2, invalid", expected, requests);
    }
    // An HTTP/1.0 client may leave it out, but not in front of a guard against DNS rebinding.
    rows.add("RFC 9110 7.2, missing in HTTP/1.0", closed([400]), {
        [ping_with("Host: localhost\r\n", "").replace("HTTP/1.1", "HTTP/1.0")]
    });
    rows.add("RFC 9110 7.2, twice in HTTP/1.0", closed([400]), {
        [ping("Host: localhost\r\n").replace("HTTP/1.1", "HTTP/1.0")]
    });
    rows.add("RFC 9110 7.4, not served here", refused(403), {
        [
            " evil.example.com",
            " localhost.evil.example.com",
            " localhost.",
            " localhost,evil.example.com",
            " %6cocalhost",
            " 127.0.0.2",
            " 127.1",
            " 2130706433",
            " 0.0.0.0",
            " [::]",
            " [::ffff:127.0.0.1]",
        ]
        .map(host)
    });
    rows.add("RFC 6454 7, origins", served(), {
        ["Origin: http://localhost\r\n", "Origin: http://LOCALHOST:80\r\n"].map(ping)
    });
    rows.add("RFC 6454 7, other origins", refused(403), {
        [
            "Origin: http://evil.example.com\r\n",
            "Origin: http://localhost:3000\r\n",
            "Origin: HTTP://localhost\r\n",
            "Origin: http://localhost.evil.example.com\r\n",
            "Origin: http://localhost@evil.example.com\r\n",
            "Origin: http://localhost http://localhost\r\n",
            "Origin: null\r\n",
            "Origin:\r\n",
            "Origin: localhost\r\n",
            "Origin: \u{e9}\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 6454 7, twice", refused(400), {
        [ping("Origin: http://localhost\r\nOrigin: http://localhost\r\n")]
    });
    rows.add("RFC 9110 7.4, not served here", answered(403), {
        [bare("GET /mcp HTTP/1.1").replace("localhost", "evil.example.com")]
    });
    rows
}

#[test]
fn hosts_and_origins() {
    rows().check();
}

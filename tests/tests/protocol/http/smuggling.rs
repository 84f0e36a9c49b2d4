//! Requests in requests, by the names of their families: each is framed in one way or refused,
//! and never is a part of it served as another request.

use super::{JSON, PING, Rows, closed, given, ping, refused, served, waiting};

/// What must not be served.
fn hidden() -> String {
    ping("X-Hidden: yes\r\n")
}

/// A request to the endpoint, or another one.
fn request(line: &str, fields: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\n{JSON}{fields}\r\n{body}")
}

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    let post = |fields: &str, body: &str| request("POST /mcp", fields, body);
    let chunk = format!("28\r\n{PING}\r\n0\r\n\r\n");
    let (inner, length) = (hidden(), hidden().len());
    let size = format!("{length:x}");

    rows.add("CL.TE", refused(400), {
        let length = chunk.len() + length;
        [post(
            &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            &format!("{chunk}{inner}"),
        )]
    });
    rows.add("TE.CL", refused(400), {
        [post(
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            &format!("{size}\r\n{inner}\r\n0\r\n\r\n"),
        )]
    });
    rows.add("CL.CL", refused(400), {
        let fields = ["Content-Length: 0\r\n", "Content-Length: 40\r\n"];
        [post(&fields.concat(), PING), post(&format!("{}{}", fields[1], fields[0]), PING)]
    });
    rows.add("TE.TE, one of them obfuscated", refused(400), {
        [
            "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\n Transfer-Encoding: x\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding:\u{b}chunked\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            "X: x\nTransfer-Encoding: chunked\r\n",
            "X: x\rTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding\r\n : chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunk\r\n",
            "Transfer-Encoding: ch\u{fb02}nked\r\n",
            "Transfer-Encoding\r\n: chunked\r\n",
        ]
        .map(|fields| post(&format!("Content-Length: 4\r\n{fields}"), &chunk))
    });
    rows.add("TE.TE, one of them obfuscated", refused(501), {
        ["Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n"]
            .map(|fields| post(fields, &chunk))
    });
    rows.add("TE.0", refused(400), {
        ["identity", "x", ""].map(|coding| {
            let body = format!("{size}\r\n{inner}\r\n0\r\n\r\n");
            request("OPTIONS /mcp", &format!("Transfer-Encoding: {coding}\r\n"), &body)
        })
    });
    // An answer that comes early must not make the body the next request.
    for (line, status) in [
        ("POST /other", 404),
        ("GET /mcp", 405),
        ("HEAD /mcp", 405),
        ("OPTIONS *", 404),
        ("OPTIONS /mcp", 405),
        ("DELETE /mcp", 405),
        ("TRACE /mcp", 405),
        ("BREW /mcp", 501),
        ("CONNECT localhost:80", 501),
    ] {
        let fields = format!("Content-Length: {length}\r\n");
        rows.add("CL.0", refused(status), [request(line, &fields, &inner)]);
        let fields = "Transfer-Encoding: chunked\r\n";
        let body = format!("{size}\r\n{inner}\r\n0\r\n\r\n");
        rows.add("TE.0", refused(status), [request(line, fields, &body)]);
        let expecting = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n");
        rows.add("CL.0 by Expect", refused(status), [request(line, &expecting, &inner)]);
    }
    // The front sees no length where the back sees one: the back takes what follows for the body,
    // if it does not refuse.
    rows.add("0.CL", refused(400), {
        [
            "Content-Length : 40\r\n",
            " Content-Length: 40\r\n",
            "Content-Length:\r\n 40\r\n",
            "X: y\rContent-Length: 40\r\n",
            "X: y\nContent-Length: 40\r\n",
            "Content-Length: 40\0\r\n",
            "Content-Length\0: 40\r\n",
            "Content-Length: +40\r\n",
            "Content-Length: 40\u{b}\r\n",
        ]
        .map(|fields| post(fields, PING))
    });
    rows.add("0.CL, hidden in a name that frames nothing", closed([400, 400]), {
        ["Content_Length: 40\r\n", "Content-Lengths: 40\r\n", "X-Content-Length: 40\r\n"]
            .map(|fields| post(fields, PING))
    });
    rows.add("0.CL by Expect", refused(417), {
        ["Expect: y 100-continue\r\n", "Expect: 100-continue x\r\n", "Expect: 100-continue,\r\n"]
            .map(|fields| post(&format!("{fields}Content-Length: 40\r\n"), PING))
    });
    rows.add("0.CL by Expect", given([100, 200]), {
        ["Expect: 100-continue\r\n"]
            .map(|fields| post(&format!("{fields}Content-Length: 40\r\n"), PING))
    });
    rows.add("CL.0 by HTTP/1.0", refused(400), {
        let fields = "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n";
        [post(fields, &chunk).replacen("HTTP/1.1", "HTTP/1.0", 1)]
    });

    // Chunk extensions: the front ends the size line where the back does not, or the other way.
    let coded = |body: String| post("Transfer-Encoding: chunked\r\n", &body);
    for terminator in ["\n", "\r", "\u{b}", "\0", "\r\r"] {
        // One of the two takes `xx` for data, and the other for a part of the extension.
        rows.add("TERM.EXT and EXT.TERM", refused(400), {
            [
                coded(format!("2;{terminator}xx\r\n28\r\n{PING}\r\n0\r\n\r\n{inner}")),
                coded(format!("28;{terminator}\r\n{PING}\r\n0\r\n\r\n")),
                coded(format!("28;x{terminator}y\r\n{PING}\r\n0\r\n\r\n")),
                coded(format!("0;{terminator}\r\n\r\n{inner}")),
                coded(format!("28{terminator}{PING}\r\n0\r\n\r\n")),
            ]
        });
        // The same behind the data, which one of them does not look at.
        rows.add("TERM.SPILL and SPILL.TERM", refused(400), {
            [
                coded(format!("28\r\n{PING}{terminator}0\r\n\r\n")),
                coded(format!("28\r\n{PING}{terminator}\r\n0\r\n\r\n")),
            ]
        });
        rows.add("ONE.TWO and TWO.ONE", refused(400), {
            [
                coded(format!("28\r\n{PING}\r\n0{terminator}{terminator}{inner}")),
                coded(format!("28\r\n{PING}\r\n0\r\n{terminator}{inner}")),
            ]
        });
    }
    // Whoever does not look at the two bytes behind the data skips them.
    rows.add("SPILL.TERM and TERM.SPILL", refused(400), {
        [
            coded(format!("28\r\n{PING}xx0\r\n\r\n{inner}")),
            coded(format!("28\r\n{PING}x\r\n0\r\n\r\n{inner}")),
        ]
    });
    // Whoever takes an unknown size for none ends the body here.
    rows.add("a size that is none", refused(400), {
        [
            coded(format!("\r\n\r\n{inner}")),
            coded(format!(";x\r\n\r\n{inner}")),
            coded(format!("x\r\n\r\n{inner}")),
            coded(format!("0x28\r\n{PING}\r\n0\r\n\r\n{inner}")),
            coded(format!("-1\r\n\r\n{inner}")),
            coded(format!("100000000000000000\r\n\r\n{inner}")),
        ]
    });
    rows.add("fields in trailers", served(), {
        [format!("Content-Length: {length}"), "Transfer-Encoding: chunked".into()]
            .map(|trailer| coded(format!("28\r\n{PING}\r\n0\r\n{trailer}\r\n\r\n")))
    });
    rows.add("a request in a trailer", refused(400), {
        [coded(format!("28\r\n{PING}\r\n0\r\n{inner}"))]
    });

    // What is behind a request that is complete is another one, and neither hidden nor lost.
    rows.add("pipelined", given([200, 200]), {
        [format!("{}{inner}", ping("")), coded(format!("{chunk}{inner}"))]
    });
    rows.add("waits for its body", waiting([]), {
        [post("Content-Length: 100\r\n", PING), coded(format!("28\r\n{PING}\r\n0\r\n"))]
    });
    rows.add("HTTP/2 without TLS", refused(505), {
        [format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0{inner}")]
    });
    rows.add("a header of HTTP/2", refused(400), {
        [":method: POST\r\n", ":path: /mcp\r\n", ":authority: localhost\r\n"]
            .map(|fields| post(&format!("{fields}Content-Length: 40\r\n"), PING))
    });
    rows
}

#[test]
fn smuggled_requests() {
    rows().check();
}

//! Where bodies end: `Content-Length`, `Transfer-Encoding`, and both (RFC 9112 section 6).

use super::{
    JSON, PING, Rows, answered, bare, closed, in_chunks, ping, ping_with, refused, served, waiting,
};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    lengths(&mut rows);
    codings(&mut rows);
    both(&mut rows);
    rows
}

fn lengths(rows: &mut Rows) {
    let length = |value: &str| ping_with("Content-Length: 40", &format!("Content-Length:{value}"));
    rows.add("RFC 9110 8.6", served(), {
        [" 40", "40", "\t40", " 40 \t", " 040", &format!(" {}40", "0".repeat(60))].map(length)
    });
    rows.add("RFC 9110 8.6, no number", refused(400), {
        [
            "",
            " ",
            " +40",
            " -40",
            " -0",
            " 0x28",
            " 28h",
            " 4 0",
            " 40 0",
            " 4_0",
            " 40.0",
            " 40.",
            " .4e2",
            " 4e1",
            " 4E1",
            " 40;",
            " 40;x=y",
            " \"40\"",
            " '40'",
            " 40\\",
            " forty",
            " \u{664}\u{660}",
            " \u{ff14}\u{ff10}",
            " 40\u{a0}",
            " NaN",
            " 40%",
        ]
        .map(length)
    });
    // A recipient may take a list of equal values for one; the ways to read it are many.
    rows.add("RFC 9110 8.6, lists", refused(400), {
        [" 40, 40", " 40,40", " 40,", " ,40", " ,", " 40, 41", " 0, 40", " 40, 0"].map(length)
    });
    rows.add("RFC 9112 6.3, rule 5, several", refused(400), {
        [
            "Content-Length: 40\r\n",
            "content-length: 40\r\n",
            "CONTENT-LENGTH: 41\r\n",
            "Content-Length: 0\r\n",
            "Content-Length: 040\r\n",
            "Content-Length:\r\n",
            "Content-Length: x\r\n",
        ]
        .map(ping)
    });
    rows.add("RFC 9110 8.6, beyond any limit", refused(413), {
        [
            " 257",
            " 2147483648",
            " 4294967296",
            " 4294967336",
            " 9223372036854775807",
            " 9223372036854775808",
            " 18446744073709551615",
            " 18446744073709551616",
            " 18446744073709551656",
            " 340282366920938463463374607431768211496",
        ]
        .map(length)
    });
    rows.add("RFC 9112 6.3, rule 7", answered(400), {
        [
            format!("POST /mcp HTTP/1.1\r\n{JSON}\r\n"),
            format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Length: 0\r\n\r\n"),
            format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Length: 000\r\n\r\n"),
        ]
    });
    // The body ends where it says, whatever stands behind it.
    rows.add("RFC 9112 6.3, rule 6", waiting([]), [length(" 41")]);
    rows.add("RFC 9112 6.3, rule 6", closed([400, 400]), [length(" 39"), length(" 0")]);
    rows.add(
        "RFC 9112 6.3, rule 6",
        waiting([400]),
        [format!("{}P", length(" 39")).replace("}P", "P")],
    );
    rows.add("RFC 9112 6.3, rule 7", closed([400, 400]), [ping_with("Content-Length: 40\r\n", "")]);
    rows.add("RFC 9110 9.3.1, content of no meaning", closed([405]), {
        [ping("").replace("POST", "GET"), ping("").replace("POST", "HEAD")]
    });
    rows.add("RFC 9110 9.3.1, no content", answered(405), {
        [bare("GET /mcp HTTP/1.1"), {
            bare("GET /mcp HTTP/1.1").replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n")
        }]
    });
}

/// A ping in one chunk, with these fields for its coding.
fn coded(fields: &str) -> String {
    let body = format!("{:x}\r\n{PING}\r\n0\r\n\r\n", PING.len());
    in_chunks(&body).replacen("Transfer-Encoding: chunked\r\n", fields, 1)
}

fn codings(rows: &mut Rows) {
    let coding = |value: &str| coded(&format!("Transfer-Encoding:{value}\r\n"));
    rows.add("RFC 9112 7, names are case-insensitive", served(), {
        [" chunked", "chunked", " Chunked", " CHUNKED", " cHuNkEd", "\tchunked", " \t chunked \t"]
            .map(coding)
    });
    rows.add("RFC 9112 6.3, rule 4, chunked is not last", refused(400), {
        [
            "",
            " ",
            " identity",
            " gzip",
            " compress",
            " xchunked",
            " chunkedx",
            " chunke",
            " x-chunked",
            " chunked gzip",
            " gzip chunked",
            " chunked; q=1",
            " chunked;",
            " chunked;x=\"y\"",
            " chunked=",
            " \"chunked\"",
            " 'chunked'",
            " {chunked}",
            " chunked\\",
            " c hunked",
            " chun\u{212a}ed",
            " chunked\u{a0}",
            " \u{feff}chunked",
            " \u{e9}chunked",
            " chunked, gzip",
            " chunked, identity",
            " chunked, x",
        ]
        .map(coding)
    });
    rows.add("RFC 9112 6.1, chunked twice", refused(400), {
        [" chunked, chunked", " chunked,chunked", " gzip, chunked, chunked", " chunked, Chunked"]
            .map(coding)
    });
    rows.add("RFC 9112 6.1, other codings", refused(501), {
        [
            " gzip, chunked",
            " gzip,chunked",
            " identity, chunked",
            " x, y, chunked",
            " x;y=z, chunked",
        ]
        .map(coding)
    });
    // RFC 9110 section 5.6.1.2 would skip empty members. Other parsers take them for the last
    // coding, and no client sends them.
    rows.add("RFC 9112 6.1, empty members", refused(400), {
        [" chunked,", " ,chunked", " , chunked", " chunked, ", " ,,chunked", " ,", " chunked,,gzip"]
            .map(coding)
    });
    rows.add("RFC 9110 5.5, hidden behind controls", refused(400), {
        [
            " \u{b}chunked",
            "\u{b}chunked",
            " \u{c}chunked",
            " chunked\u{b}",
            " chunked\u{c}",
            " \0chunked",
            " chunked\0",
            " chun\0ked",
            " \x7fchunked",
            " \u{8}chunked",
            " \rchunked",
            " chunked\r",
            "\nchunked",
        ]
        .map(coding)
    });
    rows.add("RFC 9112 5.2, folded", refused(400), {
        ["\r\n chunked", "\r\n\tchunked", " chunked\r\n ", " x\r\n , chunked", " \r\n chunked"]
            .map(coding)
    });
    let lines = |values: [&str; 2]| {
        coded(&values.map(|value| format!("Transfer-Encoding: {value}\r\n")).concat())
    };
    rows.add("RFC 9110 5.3, several lines are one list", refused(400), {
        [
            ["chunked", "chunked"],
            ["chunked", "gzip"],
            ["chunked", "identity"],
            ["chunked", ""],
            ["", "chunked"],
            ["identity", ""],
            ["gzip", "identity"],
        ]
        .map(lines)
    });
    rows.add("RFC 9110 5.3, several lines are one list", refused(501), {
        [["gzip", "chunked"], ["identity", "chunked"], ["cow", "chunked"]].map(lines)
    });
    rows.add("RFC 9110 5.1, no such field", refused(400), {
        [
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\t: chunked\r\n",
            " Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding\0: chunked\r\n",
            "Transfer-Encoding\u{b}: chunked\r\n",
            "Transfer Encoding: chunked\r\n",
            "Transfer-Encoding\r\n: chunked\r\n",
            "Transfer-Encoding\n: chunked\r\n",
            "X: y\rTransfer-Encoding: chunked\r\n",
            "X: y\nTransfer-Encoding: chunked\r\n",
        ]
        .map(coded)
    });
    // Fields of other names frame nothing: the body is empty, and what follows no request.
    rows.add("RFC 9110 5.1, another field", closed([400, 400]), {
        ["Transfer_Encoding: chunked\r\n", "Transfer-Encodings: chunked\r\n", "TE: chunked\r\n"]
            .map(coded)
    });
    let old = |fields: &str| coded(fields).replacen("HTTP/1.1", "HTTP/1.0", 1);
    rows.add("RFC 9112 6.1, in HTTP/1.0", refused(400), {
        [
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding:\r\n",
        ]
        .map(old)
    });
}

fn both(rows: &mut Rows) {
    for coding in ["chunked", "Chunked", "identity", "gzip", "xchunked", "gzip, chunked", ""] {
        for length in ["40", "0", "50"] {
            let (coding, length) = (
                format!("Transfer-Encoding: {coding}\r\n"),
                format!("Content-Length: {length}\r\n"),
            );
            let fields = [format!("{coding}{length}"), format!("{length}{coding}")];
            rows.add("RFC 9112 6.3, rule 3", refused(400), fields.map(|fields| coded(&fields)));
        }
    }
    rows.add("RFC 9112 6.3, rule 3", refused(400), {
        ["Transfer-Encoding: chunked\r\n", "TRANSFER-ENCODING: identity\r\n"].map(ping)
    });
    rows.add("RFC 9112 6.3, rule 3, in HTTP/1.0", refused(400), {
        [ping("Transfer-Encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1)]
    });
}

#[test]
fn lengths_and_codings() {
    rows().check();
}

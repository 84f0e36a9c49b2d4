//! The chunked coding (RFC 9112 section 7.1).

use super::{PING, Rows, answered, closed, in_chunks, refused, served, waiting};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    sizes(&mut rows);
    extensions(&mut rows);
    ends(&mut rows);
    trailers(&mut rows);
    rows
}

/// A ping in one chunk of 40 bytes, behind this size line.
fn sized(line: &str) -> String {
    in_chunks(&format!("{line}{PING}\r\n0\r\n\r\n"))
}

/// A ping in one chunk, and what stands behind its data.
fn ended(rest: &str) -> String {
    in_chunks(&format!("28\r\n{PING}{rest}"))
}

fn sizes(rows: &mut Rows) {
    rows.add("RFC 9112 7.1, sizes", served(), {
        ["28\r\n", "028\r\n", "0000000000000028\r\n"].map(sized)
    });
    let padded = |digits: &str| {
        let size = usize::from_str_radix(digits, 16).unwrap();
        in_chunks(&format!("{digits}\r\n{PING}{}\r\n0\r\n\r\n", " ".repeat(size - PING.len())))
    };
    rows.add(
        "RFC 9112 7.1, either case",
        served(),
        ["ab", "AB", "aB", "Cd", "EF", "0fA"].map(padded),
    );
    let (first, rest) = PING.split_at(7);
    rows.add("RFC 9112 7.1, several chunks", served(), {
        [
            format!("7\r\n{first}\r\n{:X}\r\n{rest}\r\n0\r\n\r\n", rest.len()),
            format!("7;x=y\r\n{first}\r\n{:x}\r\n{rest}\r\n00\r\nT: v\r\n\r\n", rest.len()),
            PING.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect::<String>() + "0\r\n\r\n",
        ]
        .map(|body| in_chunks(&body))
    });
    rows.add("RFC 9112 7.1, no chunk", answered(400), {
        ["0\r\n\r\n", "0000000000000000\r\n\r\n"].map(in_chunks)
    });
    rows.add("RFC 9112 7.1, no size", refused(400), {
        [
            "\r\n",
            "+28\r\n",
            "-28\r\n",
            "-0\r\n",
            "0x28\r\n",
            "0X28\r\n",
            "x28\r\n",
            "\\x28\r\n",
            "28h\r\n",
            "2_8\r\n",
            "2,8\r\n",
            "2 8\r\n",
            "28,28\r\n",
            "28.0\r\n",
            "2.8e1\r\n",
            "28:\r\n",
            "\"28\"\r\n",
            "g\r\n",
            "\u{662}8\r\n",
            "\u{ff12}\u{ff18}\r\n",
            "28\u{a0}\r\n",
            "28\0\r\n",
            "\x0028\r\n",
            "28\u{b}\r\n",
            "28=x\r\n",
            "28#\r\n",
        ]
        .map(sized)
    });
    // The grammar has it in front of a semicolon, and nowhere else; nobody sends it.
    rows.add("RFC 9112 7.1.1, bad white space", refused(400), {
        [" 28\r\n", "\t28\r\n", "28 \r\n", "28\t\r\n", "28 ;x\r\n", "28\t;x\r\n", "28  \r\n"]
            .map(sized)
    });
    rows.add("RFC 9112 7.1, ends of size lines", refused(400), {
        ["28\n", "28\r28\n", "28\r\r\n", "28\n\r", "28\n\r\n", "28\r", "28\r\0\n"].map(sized)
    });
    // 16 digits are 64 bits; more could be leading zeros, which nobody sends.
    rows.add("RFC 9112 7.1, overflows", refused(400), {
        ["00000000000000028", "10000000000000028", "10000000000000000", "fffffffffffffffff"]
            .map(|digits| sized(&format!("{digits}\r\n")))
    });
    rows.add("RFC 9110 15.5.14, beyond any limit", refused(413), {
        ["101", "80000028", "100000028", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff"]
            .map(|digits| sized(&format!("{digits}\r\n")))
    });
    rows.add("RFC 9112 8, cut", waiting([]), {
        ["", "2", "28", "28;", "28\r", "28\r\n", "28\r\n{", "FFFFFFFFFFFFFFFF"].map(in_chunks)
    });
}

fn extensions(rows: &mut Rows) {
    rows.add("RFC 9112 7.1.1", served(), {
        [
            "28;x\r\n",
            "28;x=y\r\n",
            "28;x=\"y\"\r\n",
            "28;x=\"; = \\\" ,\"\r\n",
            "28;x=y;z;a=\"b\"\r\n",
            "28; x = y ; z\r\n",
            "28;\tx\r\n",
            "28;\u{e9}\r\n",
        ]
        .map(sized)
    });
    rows.add("RFC 9112 7.1.1, ignored whatever they say", served(), {
        ["28;\r\n", "28;;\r\n", "28;=\r\n", "28;x=\r\n", "28;x=\"y\r\n", "28;0\r\n", "28; 29\r\n"]
            .map(sized)
    });
    rows.add("RFC 9112 7.1.1, in the last chunk", served(), {
        ["\r\n0;x\r\n\r\n", "\r\n0;x=\"y\"\r\nT: v\r\n\r\n"].map(ended)
    });
    rows.add("RFC 9112 7.1.1, no line end within", refused(400), {
        [
            "28;\n",
            "28;x\n",
            "28;x\ny\r\n",
            "28;\n\r\n",
            "28;x\ry\r\n",
            "28;\r\r\n",
            "28;x\r\r\n",
            "28;x=\"\n\"\r\n",
            "28;x=\"\r\"\r\n",
            "28;x=\"\r\n\"\r\n",
            "28;x=\"\\\n\"\r\n",
            "28;x\r28\r\n",
        ]
        .map(sized)
    });
    rows.add("RFC 9110 5.5, no control characters", refused(400), {
        ["28;\0\r\n", "28;x\u{b}\r\n", "28;x=\"\u{1b}\"\r\n", "28;\x7f\r\n", "28;\u{8}\r\n"]
            .map(sized)
    });
}

fn ends(rows: &mut Rows) {
    rows.add("RFC 9112 7.1, ends of data", refused(400), {
        [
            "0\r\n\r\n",
            "\n0\r\n\r\n",
            "\r0\r\n\r\n",
            "\n\r0\r\n\r\n",
            "\r\r\n0\r\n\r\n",
            "\n\n0\r\n\r\n",
            "\r\r0\r\n\r\n",
            "x\r\n0\r\n\r\n",
            "xy0\r\n\r\n",
            "xy\r\n0\r\n\r\n",
            " \r\n0\r\n\r\n",
            "\r\n\r\n0\r\n\r\n",
            "\0\0\r\n0\r\n\r\n",
        ]
        .map(ended)
    });
    rows.add("RFC 9112 7.1, data shorter than it says", refused(400), {
        [sized("29\r\n"), sized("2a\r\n"), sized("2b\r\n")]
    });
    rows.add("RFC 9112 7.1, data longer than it says", refused(400), {
        [sized("27\r\n"), sized("26\r\n"), sized("1\r\n")]
    });
    rows.add("RFC 9112 7.1, the end of the last chunk", refused(400), {
        [
            "\r\n0\n\r\n",
            "\r\n0\r\r\n",
            "\r\n0\r\n\n",
            "\r\n0\r\n\r\r",
            "\r\n0\r\n\r0",
            "\r\n0\r0\r\n",
            "\r\n0 \r\n\r\n",
            "\r\n 0\r\n\r\n",
            "\r\n-0\r\n\r\n",
            "\r\n0x0\r\n\r\n",
            "\r\n0\r\n \r\n",
            "\r\n0\r\n\t\r\n",
            "\r\n0\r\n\0\r\n",
            "\r\n\r\n",
        ]
        .map(ended)
    });
    rows.add("RFC 9112 7.1, the last chunk", served(), {
        ["\r\n0\r\n\r\n", "\r\n00\r\n\r\n", "\r\n0000000000000000\r\n\r\n", "\r\n0\r\n\r\n\r\n"]
            .map(ended)
    });
    // What stands behind it belongs to the next request, even if it looks like more chunks.
    rows.add("RFC 9112 7.1, behind the last chunk", closed([200, 400]), {
        ["\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n5\r\nhello\r\n\r\n", "\r\n0\r\n\r\n\0"].map(ended)
    });
    rows.add("RFC 9112 8, cut", waiting([]), {
        [
            "",
            "\r",
            "\r\n",
            "\r\n0",
            "\r\n0\r",
            "\r\n0\r\n",
            "\r\n0\r\n\r",
            "\r\n0\r\nT",
            "\r\n0\r\nT:\r\n",
        ]
        .map(ended)
    });
}

fn trailers(rows: &mut Rows) {
    let trailed = |lines: &str| ended(&format!("\r\n0\r\n{lines}\r\n\r\n"));
    rows.add("RFC 9112 7.1.2", served(), {
        ["T: v", "T:v", "T:", "T: \t v \t", "T: v\r\nU: w", "T: v\r\nT: v", "T: \u{e9}", "!#$: v"]
            .map(trailed)
    });
    // They are never merged into the head.
    rows.add("RFC 9110 6.5.1, forbidden ones are ignored", served(), {
        [
            "Content-Length: 5",
            "Content-Length: x",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip",
            "Host: evil.example.com",
            "Host: a b",
            "Connection: close",
            "Expect: x",
            "Content-Type: text/plain",
            "Content-Encoding: gzip",
            "Origin: null",
            "Mcp-Session-Id: x",
        ]
        .map(trailed)
    });
    rows.add("RFC 9112 5, no field line", refused(400), {
        [
            "T",
            "T v",
            ":",
            ": v",
            "T : v",
            "T\t: v",
            " T: v",
            "\tT: v",
            "T: v\r\n w",
            "T: v\r\n\tw",
            "T:\r\n v",
            "T: v\r\n ",
            "T: v\n",
            "T: v\nU: w",
            "T: v\rU: w",
            "T: v\r\r\n",
            "T\n: v",
            "T\r\n: v",
            "T: \0",
            "T: \u{b}",
            "T: \x7f",
            "T\0: v",
            "T\u{e9}: v",
            "T(: v",
            "\n",
            "T: v\r",
        ]
        .map(trailed)
    });
}

#[test]
fn chunked_bodies() {
    rows().check();
}

//! Walks over JSON text once: checks its grammar (RFC 8259) and its depth, and tells where members
//! stand.
//!
//! Whatever is nested is seen by the same pass, which a deserializer that lends out raw values
//! cannot do: it would look at each of them once more.

use super::Part;
use super::string::{decoded, plain_end};

/// The most levels that can be walked over, as one bit each is kept for them.
pub(crate) const MOST_LEVELS: usize = u128::BITS as usize;

/// Why text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is no JSON, or no JSON of the kind that was asked for.
    Syntax,
    /// It nests deeper than it may.
    TooDeep,
}

/// A place in a JSON text. Before it, all is well.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Whether there was a string with escapes.
    has_escapes: bool,
    /// How many levels are open.
    depth: usize,
    depth_limit: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the front of `text`, of which nothing is seen if it is longer than a [`Part`] can
    /// tell. Limits above 128 count as 128.
    pub(crate) fn new(text: &'a str, depth_limit: usize) -> Self {
        let text = if text.len() <= Part::MOST { text } else { "" };
        Self {
            text,
            at: 0,
            has_escapes: false,
            depth: 0,
            depth_limit: depth_limit.min(MOST_LEVELS),
        }
    }

    /// Starts at a value that has been walked over before, and stops behind it.
    pub(crate) fn at(text: &'a str, part: Part) -> Self {
        let range = part.range();
        Self { at: range.start, ..Self::new(&text[..range.end], MOST_LEVELS) }
    }

    /// Whether any string that has been walked over says something else than stands there.
    pub(crate) const fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    /// What the next value, or whatever else comes next, begins with. At the end that is a NUL, with
    /// which nothing begins.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Whether that comes next. White space before it, or before what comes instead, is left behind.
    #[inline]
    fn comes(&mut self, byte: u8) -> bool {
        // Mostly there is none.
        self.byte() == byte || self.peek() == byte
    }

    /// Walks over a value of any type. Returns where it stands.
    #[inline(always)]
    pub(crate) fn value(&mut self) -> Result<Part, Malformed> {
        let is_string = self.comes(b'"');
        let start = self.at;
        if is_string {
            self.string()?;
        } else {
            self.nested()?;
        }
        self.part(start)
    }

    /// What has been walked over since `start`.
    fn part(&self, start: usize) -> Result<Part, Malformed> {
        Part::new(start, self.at).ok_or(Malformed::Syntax)
    }

    /// Walks over a value that may hold others.
    #[inline(never)]
    fn nested(&mut self) -> Result<(), Malformed> {
        let outer = self.depth;
        // Whether each level from there on is an object, and not an array; the innermost is the lowest
        // bit.
        let mut objects = 0_u128;
        loop {
            match self.peek() {
                b'"' => _ = self.string()?,
                b'{' => {
                    if self.begin(b'}')? {
                        objects = objects << 1 | 1;
                        self.key()?;
                        self.colon()?;
                        continue;
                    }
                }
                b'[' => {
                    if self.begin(b']')? {
                        objects <<= 1;
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return Err(Malformed::Syntax),
            }
            // A value is complete, and perhaps those around it.
            loop {
                if self.depth == outer {
                    return Ok(());
                }
                let is_object = objects & 1 == 1;
                if self.goes_on(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.key()?;
                        self.colon()?;
                    }
                    break;
                }
                objects >>= 1;
            }
        }
    }

    /// Walks over an object. `member` gets each key, and walks over what belongs to it. Returns where
    /// the object stands.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), Malformed>,
    ) -> Result<Part, Malformed> {
        if self.peek() != b'{' {
            return Err(Malformed::Syntax);
        }
        let start = self.at;
        let mut has_more = self.begin(b'}')?;
        while has_more {
            let (has_escapes, key) = self.key()?;
            let end = self.at;
            self.colon()?;
            let unescaped;
            let key = if has_escapes {
                unescaped = decoded(&self.text[key..end]).ok_or(Malformed::Syntax)?;
                unescaped.as_bytes()
            } else {
                &self.text.as_bytes()[key + 1..end - 1]
            };
            member(self, key)?;
            has_more = self.goes_on(b'}')?;
        }
        self.part(start)
    }

    /// Walks over an array. `item` walks over each item.
    pub(crate) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.peek() != b'[' {
            return Err(Malformed::Syntax);
        }
        let mut has_more = self.begin(b']')?;
        while has_more {
            item(self)?;
            has_more = self.goes_on(b']')?;
        }
        Ok(())
    }

    /// Nothing may follow but white space.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed::Syntax) }
    }

    /// Opens a level. Returns whether there is something in it, and closes it otherwise.
    fn begin(&mut self, close: u8) -> Result<bool, Malformed> {
        if self.depth == self.depth_limit {
            return Err(Malformed::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        if self.peek() == close {
            self.close();
            return Ok(false);
        }
        Ok(true)
    }

    /// Behind a value: returns whether another one follows on its level, and closes that otherwise.
    fn goes_on(&mut self, close: u8) -> Result<bool, Malformed> {
        if self.comes(b',') {
            self.at += 1;
            Ok(true)
        } else if self.byte() == close {
            self.close();
            Ok(false)
        } else {
            Err(Malformed::Syntax)
        }
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Walks over a key. Returns whether it has escapes, and where it starts.
    #[inline]
    fn key(&mut self) -> Result<(bool, usize), Malformed> {
        if !self.comes(b'"') {
            return Err(Malformed::Syntax);
        }
        let start = self.at;
        self.string().map(|has_escapes| (has_escapes, start))
    }

    /// Walks over what stands between a key and its value.
    #[inline]
    fn colon(&mut self) -> Result<(), Malformed> {
        if !self.comes(b':') {
            return Err(Malformed::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Walks over a string. Returns whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, Malformed> {
        self.at = plain_end(self.text.as_bytes(), self.at + 1);
        if self.byte() == b'"' {
            self.at += 1;
            return Ok(false);
        }
        self.escapes().map(|()| true)
    }

    /// Walks over the rest of a string, from the first character that does not stand for itself.
    #[cold]
    fn escapes(&mut self) -> Result<(), Malformed> {
        self.has_escapes = true;
        loop {
            self.at += match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
                {
                    6
                }
                _ => return Err(Malformed::Syntax),
            };
            self.at = plain_end(self.text.as_bytes(), self.at);
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.eat(b"-");
        if !self.eat(b"0") {
            self.digits()?;
        }
        if self.eat(b".") {
            self.digits()?;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    /// Walks over digits, of which there must be one.
    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(Malformed::Syntax) } else { Ok(()) }
    }

    fn literal(&mut self, text: &str) -> Result<(), Malformed> {
        if !self.rest().starts_with(text.as_bytes()) {
            return Err(Malformed::Syntax);
        }
        self.at += text.len();
        Ok(())
    }

    /// Walks over one of those bytes, if it comes next.
    fn eat(&mut self, bytes: &[u8]) -> bool {
        let is_there = bytes.contains(&self.byte());
        self.at += usize::from(is_there);
        is_there
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use serde::de::IgnoredAny;

    fn scan(text: &str, depth_limit: usize) -> Result<&str, Malformed> {
        let mut scanner = Scanner::new(text, depth_limit);
        let value = scanner.value()?;
        scanner.end().map(|()| value.of(text))
    }

    const WELL_FORMED: &[&str] = &[
        "0",
        "-0",
        "-12.50e+3",
        "1E9",
        "1e-999999",
        "true",
        "false",
        "null",
        r#""""#,
        r#""plain""#,
        r#""\"\\\/\b\f\n\r\t\u00e9\ud800""#,
        "\"sixteen bytes of \u{e9}\u{1f600} text\u{7f}\"",
        "[]",
        "{}",
        "[[],[{}],1]",
        "\t{ \"a\" : [ 1 , \"x\" ]\r\n, \"b\\u0041\" : { } , \"c\":{\"d\":-1.5}} ",
    ];

    #[test]
    fn text_is_taken_whole_and_in_no_piece() {
        for text in WELL_FORMED {
            assert_eq!(scan(text, 9), Ok(text.trim_ascii()), "{text}");
            let is_number = text.trim_ascii().ends_with(|last: char| last.is_ascii_digit());
            for end in (0..text.trim_ascii_end().len()).filter(|end| text.is_char_boundary(*end)) {
                assert_eq!(
                    scan(&text[..end], 9).is_ok(),
                    serde_json::from_str::<IgnoredAny>(&text[..end]).is_ok(),
                    "{text} cut at {end}"
                );
                assert!(is_number || scan(&text[..end], 9).is_err(), "{text} cut at {end}");
            }
            for tail in ["x", ",", "]", "}", "1", "\0", "\"", " 0", "\u{a0}"] {
                let longer = format!("{text}{tail}");
                assert_eq!(
                    scan(&longer, 9).is_ok(),
                    serde_json::from_str::<IgnoredAny>(&longer).is_ok(),
                    "{longer}"
                );
            }
        }
    }

    #[test]
    fn each_byte_counts() {
        for text in WELL_FORMED {
            for at in (0..text.len()).filter(|at| text.as_bytes()[*at].is_ascii()) {
                for byte in (0..0x80_u8).map(char::from) {
                    let mutant = format!("{}{byte}{}", &text[..at], &text[at + 1..]);
                    assert_eq!(
                        scan(&mutant, 9).is_ok(),
                        serde_json::from_str::<IgnoredAny>(&mutant).is_ok(),
                        "{mutant:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn levels_are_counted_at_and_past_the_limit() {
        for limit in [1, 64, 127, 128] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let nested = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
                assert!(scan(&nested(limit), limit).is_ok());
                assert_eq!(scan(&nested(limit + 1), limit), Err(Malformed::TooDeep));
            }
        }
        // What stands side by side, or in strings, does not nest.
        assert!(scan(r#"[[],[],[],{},{},"[[[{{\"[["]"#, 2).is_ok());
        assert_eq!(scan("[]", 0), Err(Malformed::TooDeep));
        let most = format!("{}{}", "[".repeat(129), "]".repeat(129));
        assert_eq!(scan(&most, usize::MAX), Err(Malformed::TooDeep));
    }

    #[test]
    fn members_are_lent_out_and_keys_decoded() {
        let text = r#" { "a" : [1, {}] , "\u0062" : {"c":2 , "d": [ ]}, "a":"x" } "#;
        let mut found = Vec::new();
        let mut scanner = Scanner::new(text, 3);
        let whole = scanner.object(|scanner, key| {
            if key == b"b" {
                let inner = scanner.object(|scanner, key| {
                    found.push(([b"b.", key].concat(), scanner.value()?));
                    Ok(())
                })?;
                found.push((b"b".to_vec(), inner));
            } else {
                found.push((key.to_vec(), scanner.value()?));
            }
            Ok(())
        });
        assert_eq!(whole.map(|whole| whole.of(text)), Ok(text.trim_ascii()));
        assert_eq!(scanner.end(), Ok(()));
        let found: Vec<_> = found.iter().map(|(key, value)| (&key[..], value.of(text))).collect();
        let inner = r#"{"c":2 , "d": [ ]}"#;
        assert_eq!(
            found,
            [
                (&b"a"[..], "[1, {}]"),
                (b"b.c", "2"),
                (b"b.d", "[ ]"),
                (b"b", inner),
                (b"a", "\"x\"")
            ]
        );
        // Half of a surrogate pair is no key.
        let keys = |text| Scanner::new(text, 3).object(|scanner, _| scanner.value().map(drop));
        assert_eq!(keys(r#"{"\ud83d":1}"#), Err(Malformed::Syntax));
        assert!(keys(r#"{"\ud83d\ude00":1}"#).is_ok());
    }
}

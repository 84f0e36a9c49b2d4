//! Ids and progress tokens: strings or integers of the peer's choosing, echoed as they came.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A string or integer that the peer chose: the id of a request, or a progress token.
///
/// Kept as the JSON text that was sent, so that `1` and `"1"` stay different and `"\u0041"` is
/// echoed as `"\u0041"`. It names nothing of ours: many requests with one id may be in flight at
/// once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Integer(i64),
    /// A JSON string with its quotes, or an integer beyond 64 bits.
    Text(Box<str>),
}

impl Id {
    /// The id in a piece of JSON text, if that is a string or an integer.
    ///
    /// `json` must be one well-formed JSON value without white space around it.
    pub(crate) fn from_json(json: &str) -> Option<Self> {
        if json.starts_with('"') {
            return Some(Self(Repr::Text(json.into())));
        }
        let digits = json.strip_prefix('-').unwrap_or(json);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self(match json.parse() {
            Ok(integer) if json != "-0" => Repr::Integer(integer),
            _ => Repr::Text(json.into()),
        }))
    }

    /// The integer, if it is one of at most 64 bits.
    pub(crate) const fn as_integer(&self) -> Option<i64> {
        match self.0 {
            Repr::Integer(integer) => Some(integer),
            Repr::Text(_) => None,
        }
    }

    /// Appends the id as JSON.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Integer(integer) => {
                out.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes());
            }
            Repr::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

impl From<i64> for Id {
    fn from(integer: i64) -> Self {
        Self(Repr::Integer(integer))
    }
}

/// The JSON text: `7`, `"seven"`.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Integer(integer) => write!(f, "{integer}"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_json_text() {
        for json in [
            "0",
            "-7",
            "-0",
            "9223372036854775807",
            "92233720368547758080",
            r#""1""#,
            r#""\u0041\n""#,
            r#""""#,
        ] {
            let id = Id::from_json(json).unwrap();
            let mut out = Vec::new();
            id.write_json(&mut out);
            assert_eq!(out, json.as_bytes());
        }
        assert_ne!(Id::from_json("1"), Id::from_json("\"1\""));
    }

    #[test]
    fn only_strings_and_integers_are_ids() {
        for json in ["1.0", "1e3", "null", "true", "[1]", "{}", "-"] {
            assert_eq!(Id::from_json(json), None, "{json}");
        }
    }
}

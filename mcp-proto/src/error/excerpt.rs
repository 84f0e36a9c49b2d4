//! Quotes of what a peer sent, short enough for a sentence.

use core::fmt;

/// Characters of a quote; the longest names that are of any use have 128.
const LONGEST: usize = 128;

/// Shows a text in quotes and escaped, and of a long one just the beginning, so that an error never
/// is much larger than what it is about.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "{:?}...", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(format!("{}", Excerpt("a\"b")), r#""a\"b""#);
        let longest = "\u{e9}".repeat(LONGEST);
        assert_eq!(format!("{}", Excerpt(&longest)), format!("{longest:?}"));
        assert_eq!(format!("{}", Excerpt(&format!("{longest}x"))), format!("{longest:?}..."));
    }
}

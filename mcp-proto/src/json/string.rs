//! JSON strings: what they say, and how it is written.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// How many of those bytes of a string stand for themselves: all before a quote, a backslash, or a
/// control character, which must not be there.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const HIGH_BITS: u64 = all(0x80);
    const fn all(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');

    // Eight at a time. Of ASCII characters, to subtract `n` sets the high bit of those that are less,
    // and perhaps of others, but only above the first of them.
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let is_control = word.wrapping_sub(all(b' '));
        let is_quote = (word ^ all(b'"')).wrapping_sub(all(1));
        let is_backslash = (word ^ all(b'\\')).wrapping_sub(all(1));
        let is_special = (is_control | is_quote | is_backslash) & !word & HIGH_BITS;
        if is_special != 0 {
            return bytes.len() - rest.len() + (is_special.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    }
    let length = rest.iter().position(is_special).unwrap_or(rest.len());
    bytes.len() - rest.len() + length
}

/// What a string in its quotes says. Nothing if half of a surrogate pair is missing in it.
pub(crate) fn decoded(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    if plain_length(inner.as_bytes()) == inner.len() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(string).ok().map(Cow::Owned)
}

/// Appends a string in its quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (plain, behind) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        let Some((special, behind)) = behind.split_first() else {
            break;
        };
        match special {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *special]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digits = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(digits[usize::from(control >> 4)]);
                out.push(digits[usize::from(control & 0xf)]);
            }
        }
        rest = behind;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn what_does_not_stand_for_itself_is_found_anywhere() {
        for special in ['"', '\\', '\0', '\u{1f}'] {
            for before in 0..20 {
                for after in 0..20 {
                    let text = format!("{}{special}{}", "~".repeat(before), "\u{80}".repeat(after));
                    assert_eq!(plain_length(text.as_bytes()), before, "{text:?}");
                }
            }
        }
        let plain: String = (' '..='\u{ff}').filter(|c| !"\"\\".contains(*c)).collect();
        for start in 0..9 {
            assert_eq!(plain_length(&plain.as_bytes()[start..]), plain.len() - start);
        }
    }

    #[test]
    fn strings_are_decoded_and_lone_surrogates_are_not_strings() {
        assert_eq!(decoded(r#""plain""#).as_deref(), Some("plain"));
        assert_eq!(decoded(r#""a\"\u00e9""#).as_deref(), Some("a\"é"));
        assert_eq!(decoded(r#""\ud800""#), None);
        assert_eq!(decoded("12"), None);
    }

    #[test]
    fn what_is_written_says_what_it_shall() {
        let all: String =
            ('\0'..='\u{7ff}').chain(['\u{2028}', '\u{ffff}', '\u{10ffff}']).collect();
        for text in ["", "plain", "\"", "ends in \\", "a\nb\r\tc", "\u{0}", &all] {
            let mut out = b"|".to_vec();
            write_string(&mut out, text);
            let json = core::str::from_utf8(&out[1..]).unwrap();
            assert_eq!(decoded(json).as_deref(), Some(text));
            assert_eq!(serde_json::from_str::<String>(json).unwrap(), text);
        }
    }
}

//! Eight bytes of a text at a time: where the first one of some kind stands.
//!
//! What a kind is says a function that marks bytes of a word by their high bits, made of [`less`] and
//! [`equal`]. Of bytes whose high bit is set itself, marks mean nothing. Of the others they are right
//! up to the first one; what is behind it may be marked by mistake, as a subtraction borrows, and is
//! not looked at.

/// Stands in for the bytes behind the end of a text. If it is of the kind that is looked for, it is
/// found at that end, which is where nothing would have been found.
const FILLER: u8 = b' ';

const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks ASCII characters that are less than `than`, which is at most 128.
pub(crate) const fn less(word: u64, than: u8) -> u64 {
    word.wrapping_sub(all(than))
}

/// Marks what is that ASCII character.
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    (word ^ all(byte)).wrapping_sub(all(1))
}

/// Of ASCII characters alone.
fn marks_of(word: u64, mark: impl Fn(u64) -> u64) -> u64 {
    mark(word) & !word & all(0x80)
}

/// The first marked byte of a word that has any.
const fn first_of(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Where the first marked byte stands, at `from` or behind. The end of `bytes` if there is none.
#[inline]
pub(crate) fn position(bytes: &[u8], from: usize, mark: impl Fn(u64) -> u64) -> usize {
    let Some(rest) = bytes.get(from..) else {
        return bytes.len();
    };
    let mut at = from;
    for word in rest.as_chunks().0 {
        let marks = marks_of(u64::from_le_bytes(*word), &mark);
        if marks != 0 {
            return at + first_of(marks);
        }
        at += 8;
    }
    position_in_last(bytes, at, mark)
}

/// The same, where fewer than eight bytes are left.
#[cold]
fn position_in_last(bytes: &[u8], at: usize, mark: impl Fn(u64) -> u64) -> usize {
    let mut word = [FILLER; 8];
    for (to, from) in word.iter_mut().zip(&bytes[at..]) {
        *to = *from;
    }
    match marks_of(u64::from_le_bytes(word), mark) {
        0 => bytes.len(),
        marks => at + first_of(marks),
    }
}

/// How many bytes from the front on are of a class, for one that takes a table to tell.
#[inline]
pub(crate) fn leading(bytes: &[u8], class: impl Fn(u8) -> bool) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for eight in eights {
        if let Some(offset) = eight.iter().position(|&byte| !class(byte)) {
            return at + offset;
        }
        at += 8;
    }
    at + rest.iter().position(|&byte| !class(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_first_byte_of_a_kind_is_found_wherever_it_stands() {
        for byte in 0..0x80 {
            for kind in [0, 9, b'"', 0x7f] {
                for (before, after) in (0..20).flat_map(|n| (0..20).map(move |m| (n, m))) {
                    let mut text: Vec<u8> =
                        b"~\xff!\x80".iter().copied().cycle().take(before).collect();
                    text.push(byte);
                    text.resize(text.len() + after, b'~');
                    let found = position(&text, 0, |word| equal(word, kind));
                    let expected = text.iter().position(|it| *it == kind).unwrap_or(text.len());
                    assert_eq!(found, expected, "{text:?}");
                    let found = position(&text, before / 2, |word| less(word, b' '));
                    let expected = if byte < b' ' { before } else { text.len() };
                    assert_eq!(found, expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn there_is_nothing_in_nothing() {
        for from in 0..3 {
            assert_eq!(position(b"", from, |word| equal(word, b'a')), 0);
        }
    }
}

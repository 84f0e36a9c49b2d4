//! How the things of a hub are called, inside and on the wire.

use core::fmt;

/// The `Mcp-Session-Id` of a session: 128 bits that nobody can guess.
///
/// Whoever has it can speak for the session, so it is not shown by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u128);

impl SessionId {
    /// From bits that came from a good source of randomness, and are not used twice.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// The id as it was handed out, in 32 lowercase hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    pub(crate) fn digits(self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (position, digit) in digits.iter_mut().enumerate() {
            let nibble = (self.0 >> (4 * (31 - position))) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        digits
    }
}

/// The text on the wire.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Names one stream of a [`Hub`](crate::Hub), never another: of which session, by a number of our
/// own, and which of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// Not its id, which is secret.
    pub session: u64,
    /// From 1, in each session.
    pub stream: u32,
}

/// The id of an event, by which a client comes back to its stream: `7-3` is the third event of the
/// seventh stream of its session. Zero stands for the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventId {
    /// Which stream of the session.
    pub(crate) stream: u32,
    /// Which event of the stream, from 1.
    pub(crate) number: u64,
}

impl EventId {
    /// The id as it was handed out.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_short = digits == "0" || !digits.starts_with('0');
            if is_plain && is_short { digits.parse::<u64>().ok() } else { None }
        };
        let (stream, event) = text.split_once('-')?;
        Some(Self { stream: u32::try_from(number(stream)?).ok()?, number: number(event)? })
    }
}

/// The text on the wire.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.number)
    }
}

/// Names one call in a session of its [`Hub`](crate::Hub), never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionCallKey(pub(super) u64);

/// Names one who reads a stream of its [`Hub`](crate::Hub), never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderKey(pub(super) u64);

/// Names one question to the client of a session: the id that it has on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionKey(pub(super) u64);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn session_ids_are_read_as_they_are_written_and_not_otherwise() {
        let id = SessionId::new(*b"\x00\x01\xfe\xff0123456789ab");
        let text = "0001feff303132333435363738396162";
        assert_eq!(format!("{id}"), text);
        assert_eq!(&id.digits()[..], text.as_bytes());
        assert_eq!(SessionId::parse(text), Some(id));
        assert!(!format!("{id:?}").contains("feff"));
        for other in [
            "",
            "0",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            &text.replace('0', "+"),
        ] {
            assert_eq!(SessionId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn event_ids_are_read_as_they_are_written_and_not_otherwise() {
        for (stream, number) in [(1, 0), (7, 3), (u32::MAX, u64::MAX)] {
            let id = EventId { stream, number };
            assert_eq!(EventId::parse(&format!("{id}")), Some(id));
        }
        for other in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "01-1",
            "1-01",
            "+1-1",
            "1-+1",
            "1--1",
            "1-1-1",
            "1- 1",
            "4294967296-1",
            "1-18446744073709551616",
        ] {
            assert_eq!(EventId::parse(other), None, "{other}");
        }
    }
}

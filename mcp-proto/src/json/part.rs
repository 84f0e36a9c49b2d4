//! Where in a text a JSON value stands: what is known of a message without borrowing it.

use core::num::NonZeroU32;
use core::ops::Range;

/// Where in a text of at most [`Part::MOST`] bytes a JSON value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    start: u32,
    /// No value ends where a text begins.
    end: NonZeroU32,
}

impl Part {
    /// How long a text can be.
    pub(crate) const MOST: usize = u32::MAX as usize;

    /// Nothing if it ends at zero.
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: start as u32, end: NonZeroU32::new(end as u32)? })
    }

    /// What stands there.
    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.range()]
    }

    /// The same, for a comparison.
    #[inline]
    pub(crate) fn bytes_of(self, text: &str) -> &[u8] {
        &text.as_bytes()[self.range()]
    }

    /// Whether it is an object. It has been walked over, so its first character tells.
    pub(crate) fn is_object(self, text: &str) -> bool {
        self.bytes_of(text).first() == Some(&b'{')
    }

    /// A string without its quotes. Nothing if it is no string.
    #[inline]
    pub(crate) fn within_quotes(self, text: &str) -> Option<Self> {
        let is_string = self.bytes_of(text).first() == Some(&b'"');
        is_string.then(|| Self::new(self.range().start + 1, self.range().end - 1))?
    }

    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end.get() as usize
    }
}

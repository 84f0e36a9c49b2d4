//! The queues of a connection: two of bytes, and one of what there is to do.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Output;

/// A queue of bytes in one allocation, which mostly goes when the queue runs empty: an idle connection
/// holds no buffer.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue {
    bytes: Vec<u8>,
    /// Everything before this has left the queue.
    start: usize,
}

impl ByteQueue {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reclaim();
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets `write` append to the queue.
    pub(crate) fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.reclaim();
        write(&mut self.bytes)
    }

    /// Removes bytes from the front; more than there are is all of them.
    pub(crate) fn consume(&mut self, count: usize) {
        self.consume_keeping(count, 0);
    }

    /// The same, but if the queue runs empty, an allocation of at most `keep` bytes stays.
    pub(crate) fn consume_keeping(&mut self, count: usize, keep: usize) {
        self.start = self.start.saturating_add(count).min(self.bytes.len());
        if !self.is_empty() {
            return;
        }
        if self.bytes.capacity() > keep {
            return self.clear();
        }
        self.bytes.clear();
        self.start = 0;
    }

    /// Takes bytes from the front, which must be there. To take all of them copies none.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count == self.bytes.len() {
            return core::mem::take(&mut self.bytes);
        }
        let taken = self.as_slice()[..count].to_vec();
        self.consume(count);
        taken
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Moves the bytes to the front when at least half of the allocation has left the queue, so
    /// that each byte is moved once at most, on average.
    fn reclaim(&mut self) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// What there is to do. Mostly that is one thing at a time, which needs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    first: Option<Output>,
    /// Nothing, if there is no first.
    others: VecDeque<Output>,
}

impl Outputs {
    pub(crate) fn push(&mut self, output: Output) {
        match &mut self.first {
            Some(_) => self.others.push_back(output),
            first => *first = Some(output),
        }
    }

    pub(crate) fn extend(&mut self, outputs: impl IntoIterator<Item = Output>) {
        outputs.into_iter().for_each(|output| self.push(output));
    }

    /// Takes the next thing to do, of a machine that is closed or not.
    pub(crate) fn pop(&mut self, is_closed: bool) -> Option<Output> {
        let first = self.first.take()?;
        self.first = self.others.pop_front();
        if self.first.is_none() && self.others.capacity() > 0 {
            self.others = VecDeque::new();
        }
        debug_assert!(
            !matches!(first, Output::Close) || (self.is_empty() && is_closed),
            "Close is the last output"
        );
        Some(first)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallKey;
    use alloc::vec;

    #[test]
    fn first_in_first_out_and_nothing_kept() {
        let mut queue = ByteQueue::default();
        queue.push(b"abc");
        queue.append(|bytes| bytes.extend_from_slice(b"defgh"));
        queue.consume(5);
        queue.push(b"ij");
        assert_eq!(queue.as_slice(), b"fghij");
        assert_eq!(queue.take(1), b"f");
        queue.consume(99);
        assert!(queue.is_empty());
        queue.push(b"abc");
        assert_eq!(queue.take(3), b"abc");
        assert!(queue.is_empty());
        assert_eq!(queue.bytes.capacity(), 0);
    }

    /// To move what is left with each piece that goes would take time quadratic in its length.
    #[test]
    fn bytes_are_moved_when_half_of_them_have_gone() {
        let mut queue = ByteQueue::default();
        queue.push(&[b'x'; 100]);
        for (gone, start) in [(50, 50), (1, 0), (24, 24)] {
            queue.consume(gone);
            queue.push(b"");
            assert_eq!(queue.start, start);
        }
        assert_eq!(queue.as_slice().len(), 25);
    }

    #[test]
    fn a_buffer_is_kept_up_to_a_size_and_no_longer_than_asked_for() {
        for (length, kept) in [(8, true), (9, false)] {
            let mut queue = ByteQueue::default();
            queue.append(|out| out.reserve_exact(length));
            queue.push(&vec![b'x'; length]);
            queue.consume_keeping(length - 1, 8);
            assert_eq!(queue.as_slice(), b"x");
            queue.consume_keeping(1, 8);
            assert!(queue.is_empty());
            assert_eq!(queue.bytes.capacity() > 0, kept, "{length}");
            queue.push(b"ab");
            assert_eq!(queue.as_slice(), b"ab");
            queue.consume(2);
            assert_eq!(queue.bytes.capacity(), 0);
        }
    }

    #[test]
    fn things_to_do_come_in_order() {
        let mut outputs = Outputs::default();
        for count in 1..5 {
            outputs.extend((0..count).map(|nth| Output::StreamBegun(CallKey(nth))));
            for nth in 0..count {
                assert!(
                    matches!(outputs.pop(false), Some(Output::StreamBegun(key)) if key.0 == nth)
                );
            }
            assert!(outputs.pop(false).is_none() && outputs.is_empty());
            assert_eq!(outputs.others.capacity(), 0);
        }
    }
}

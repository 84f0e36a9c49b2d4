//! The two byte queues of a connection.

use alloc::vec::Vec;

/// A queue of bytes in one allocation, which goes when the queue runs empty: an idle connection
/// holds no buffer.
#[derive(Debug, Default)]
pub(super) struct ByteQueue {
    bytes: Vec<u8>,
    /// Everything before this has left the queue.
    start: usize,
}

impl ByteQueue {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.reclaim();
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets `write` append to the queue.
    pub(super) fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.reclaim();
        write(&mut self.bytes)
    }

    /// Removes bytes from the front; more than there are is all of them.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out_and_nothing_kept() {
        let mut queue = ByteQueue::default();
        queue.push(b"abc");
        queue.append(|bytes| bytes.extend_from_slice(b"defgh"));
        queue.consume(5);
        queue.push(b"ij");
        assert_eq!(queue.as_slice(), b"fghij");
        queue.consume(99);
        assert!(queue.is_empty());
        assert_eq!(queue.bytes.capacity(), 0);
    }
}

//! Hashes of keys that we number ourselves, which nobody can choose so that they collide.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps with such keys.
pub(crate) type PlainHash = BuildHasherDefault<PlainHasher>;

/// Multiplies by an odd number near 2^64 divided by the golden ratio, which spreads what is counted up.
#[derive(Default)]
pub(crate) struct PlainHasher(u64);

impl Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        // The high bits are the good ones, and the low ones choose the place.
        self.0.rotate_left(32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn what_is_counted_up_is_spread() {
        let hashes: Vec<_> =
            (0..1024_u64).map(|number| PlainHash::default().hash_one((1_isize, number))).collect();
        let places: HashSet<_> = hashes.iter().map(|hash| hash % 1024).collect();
        let tags: HashSet<_> = hashes.iter().map(|hash| hash >> 57).collect();
        assert!(places.len() > 500, "{} places", places.len());
        assert!(tags.len() > 100, "{} tags", tags.len());
    }
}

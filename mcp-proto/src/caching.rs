//! How long, and for whom, a client may keep a result (2026-07-28, server/utilities/caching).

use alloc::vec::Vec;
use core::time::Duration;

/// A hint to clients and to the caches on the way. The 2025 revisions have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "MCP has these two hints")]
pub struct Caching {
    /// How long a result stays fresh, in whole milliseconds; zero: it may be stale at once.
    pub ttl: Duration,
    /// Who may be given it.
    pub scope: CacheScope,
}

/// Who may be given a result that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these two")]
pub enum CacheScope {
    /// Everybody: there is nothing in it for one user alone.
    Public,
    /// Whoever comes with the same authorization.
    Private,
}

impl Caching {
    /// For a minute, by everybody: what fits lists that are the same for all and seldom change.
    /// The default of lists.
    pub const LIST: Self = Self { ttl: Duration::from_secs(60), scope: CacheScope::Public };

    /// For a minute, by whoever got it: what fits lists of a server that does not let in everybody. There,
    /// it is the default of lists.
    pub const PRIVATE_LIST: Self = Self { scope: CacheScope::Private, ..Self::LIST };

    /// Not at all. The default of resources, which may change at any time, and which may be for
    /// the eyes of their reader alone.
    pub const NONE: Self = Self { ttl: Duration::ZERO, scope: CacheScope::Private };

    /// Appends the two members, each with a comma before it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let millis = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        // Clients may read numbers as doubles.
        let millis = millis.min((1 << 53) - 1);
        out.extend_from_slice(b",\"ttlMs\":");
        out.extend_from_slice(itoa::Buffer::new().format(millis).as_bytes());
        out.extend_from_slice(match self.scope {
            CacheScope::Public => b",\"cacheScope\":\"public\"",
            CacheScope::Private => b",\"cacheScope\":\"private\"",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_whole_milliseconds() {
        let written = |caching: Caching| {
            let mut out = Vec::new();
            caching.write(&mut out);
            alloc::string::String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Caching::LIST), r#","ttlMs":60000,"cacheScope":"public""#);
        assert_eq!(written(Caching::NONE), r#","ttlMs":0,"cacheScope":"private""#);
        let long = Caching { ttl: Duration::MAX, ..Caching::NONE };
        assert_eq!(written(long), r#","ttlMs":9007199254740991,"cacheScope":"private""#);
    }
}

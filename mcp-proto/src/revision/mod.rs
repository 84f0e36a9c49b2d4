//! The revisions of MCP, and which one a request is of.
//!
//! Nothing is configured and nothing is remembered: the `MCP-Protocol-Version` field and the
//! `_meta` of each request say what it is. `modern` holds the rules of 2026-07-28, `legacy` those
//! of the revisions with an `initialize` handshake.

pub(crate) mod header_value;
pub(crate) mod legacy;
mod meta;
pub(crate) mod modern;

pub(crate) use meta::Meta;

use core::fmt;

/// A revision of the Model Context Protocol, in order of age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// 2025-03-26, the first with streamable HTTP.
    V2025_03_26,
    /// 2025-06-18.
    V2025_06_18,
    /// 2025-11-25, the last with an `initialize` handshake.
    V2025_11_25,
    /// 2026-07-28: stateless, with version and capabilities in each request.
    V2026_07_28,
}

/// How a revision conveys versions and capabilities (2026-07-28, basic/versioning, "Terminology").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these two")]
pub enum Era {
    /// By an `initialize` handshake: 2025-11-25 and earlier.
    Legacy,
    /// In the `_meta` of each request: 2026-07-28 and later.
    Modern,
}

impl Revision {
    /// Every revision served, latest first.
    pub const ALL: [Self; 4] =
        [Self::V2026_07_28, Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26];

    /// The latest revision with a handshake: what `initialize` settles on if the client asks for
    /// one that is not served.
    pub(crate) const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The name on the wire, a date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision called `name`, if it is served.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == name)
    }

    /// Whether streams begin with an event without data, by whose id a client can come back to them
    /// (2025-11-25, basic/transports, "Sending Messages to the Server"). To older clients that is broken.
    pub(crate) fn primes_streams(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Which era it belongs to.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `MCP-Protocol-Version` field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionField<'a> {
    Absent,
    Known(Revision),
    /// A version that is not served, or bytes that are no text.
    Unknown(&'a [u8]),
}

impl<'a> VersionField<'a> {
    pub(crate) fn parse(value: Option<&'a [u8]>) -> Self {
        let Some(value) = value else {
            return Self::Absent;
        };
        let known = Revision::ALL.into_iter().find(|it| it.as_str().as_bytes() == value);
        known.map_or(Self::Unknown(value), Self::Known)
    }

    /// The era of a request with this field, whose `_meta` names `declared` as its version.
    ///
    /// A 2025 request names its version in the field at most. Whatever names one in `_meta`, or
    /// one in the field that 2025 never had, is modern and gets an error that modern clients know
    /// (2026-07-28, basic/versioning, "Backward Compatibility").
    pub(crate) fn era(self, declared: Option<&str>) -> Era {
        match (self, declared) {
            (Self::Absent, None) => Era::Legacy,
            (Self::Known(revision), None) => revision.era(),
            (Self::Known(revision), Some(declared)) if revision.as_str() == declared => {
                revision.era()
            }
            _ => Era::Modern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for revision in Revision::ALL {
            assert_eq!(Revision::from_name(revision.as_str()), Some(revision));
        }
        assert_eq!(Revision::from_name("2024-11-05"), None);
        assert!(Revision::V2025_03_26 < Revision::V2026_07_28);
    }

    #[test]
    fn a_request_chooses_its_era() {
        let era = |field: Option<&str>, declared| {
            VersionField::parse(field.map(str::as_bytes)).era(declared)
        };
        for (field, declared, expected) in [
            (None, None, Era::Legacy),
            (Some("2025-11-25"), None, Era::Legacy),
            (Some("2025-11-25"), Some("2025-11-25"), Era::Legacy),
            (Some("2026-07-28"), None, Era::Modern),
            (Some("2026-07-28"), Some("2026-07-28"), Era::Modern),
            (Some("v999"), None, Era::Modern),
            (Some("2025-11-25"), Some("2026-07-28"), Era::Modern),
            (None, Some("2026-07-28"), Era::Modern),
            (None, Some("2025-11-25"), Era::Modern),
        ] {
            assert_eq!(era(field, declared), expected, "{field:?} {declared:?}");
        }
    }
}

//! The places that the user lets a server work on (2026-07-28, client/roots).

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

/// The client's answer to `roots/list` (`ListRootsResult`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ListRootsResult {
    /// The roots; there may be none.
    pub roots: Vec<Root>,
}

/// A directory or file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub struct Root {
    /// Where it is. The specification wants a `file:` URI; what the client sent was not checked.
    pub uri: String,
    /// A name for people.
    pub name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn roots_are_read() {
        let json =
            r#"{"roots":[{"uri":"file:///a","name":"A","_meta":{}},{"uri":"file:///b"}],"x":1}"#;
        let root =
            |uri: &str, name: Option<&str>| Root { uri: uri.into(), name: name.map(Into::into) };
        assert_eq!(
            serde_json::from_str::<ListRootsResult>(json).unwrap().roots,
            vec![root("file:///a", Some("A")), root("file:///b", None)]
        );
        // 2025-03-26 has no `_meta` in a root, and any revision may have it around the roots.
        let json = r#"{"_meta":{"m":1},"roots":[{"uri":"file:///a"}]}"#;
        assert_eq!(
            serde_json::from_str::<ListRootsResult>(json).unwrap().roots,
            vec![root("file:///a", None)]
        );
        for json in ["{}", r#"{"roots":{}}"#, r#"{"roots":[{}]}"#, r#"{"roots":["file:///a"]}"#] {
            assert!(serde_json::from_str::<ListRootsResult>(json).is_err(), "{json}");
        }
    }
}

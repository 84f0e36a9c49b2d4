//! Hints on how to use a piece of content or a resource.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::revision::Revision;
use crate::role::Role;

/// Whom something is for, and how much it matters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Annotations {
    audience: Vec<Role>,
    priority: Option<Priority>,
    last_modified: Option<String>,
}

impl Annotations {
    /// Nothing in particular.
    #[must_use]
    pub const fn new() -> Self {
        Self { audience: Vec::new(), priority: None, last_modified: None }
    }

    /// Says whom it is for.
    #[must_use]
    pub fn audience(mut self, audience: impl IntoIterator<Item = Role>) -> Self {
        self.audience = audience.into_iter().collect();
        self
    }

    /// Says how much it matters, from 0, not at all, to 1, nothing goes without. What lies outside
    /// becomes the nearer of the two, and NaN is left out.
    #[must_use]
    pub fn priority(mut self, priority: f64) -> Self {
        self.priority = Priority::new(priority);
        self
    }

    /// Says when it last changed, in ISO 8601, such as `2026-07-28T12:00:00Z`.
    #[must_use]
    pub fn last_modified(mut self, time: impl Into<String>) -> Self {
        self.last_modified = Some(time.into());
        self
    }

    /// The object as `revision` defines it.
    pub(crate) fn to_json(&self, revision: Revision) -> AnnotationsObject<'_> {
        AnnotationsObject {
            audience: &self.audience,
            priority: self.priority,
            last_modified: self
                .last_modified
                .as_deref()
                .filter(|_| revision >= Revision::V2025_06_18),
        }
    }
}

/// [`Annotations`] on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnnotationsObject<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    audience: &'a [Role],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<&'a str>,
}

/// How much something matters: from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "f64")]
pub(crate) struct Priority(f64);

impl Priority {
    /// The nearest priority, if there is one.
    pub(crate) fn new(priority: f64) -> Option<Self> {
        (!priority.is_nan()).then(|| priority.into())
    }
}

/// JSON has no NaN.
impl From<f64> for Priority {
    fn from(priority: f64) -> Self {
        Self(priority.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_have_the_shape_of_their_revision() {
        let annotations = Annotations::new()
            .audience([Role::User, Role::Assistant])
            .priority(0.5)
            .last_modified("2026-07-28");
        let json = |revision| serde_json::to_string(&annotations.to_json(revision)).unwrap();
        assert_eq!(
            json(Revision::V2025_03_26),
            r#"{"audience":["user","assistant"],"priority":0.5}"#
        );
        let whole =
            r#"{"audience":["user","assistant"],"priority":0.5,"lastModified":"2026-07-28"}"#;
        assert_eq!(json(Revision::V2025_06_18), whole);
        assert_eq!(serde_json::from_str::<Annotations>(whole).unwrap(), annotations);
        assert_eq!(serde_json::from_str::<Annotations>("{}").unwrap(), Annotations::new());
    }

    #[test]
    fn priorities_stay_in_their_range() {
        for (priority, json) in [
            (-0.5, r#"{"priority":0.0}"#),
            (1.5, r#"{"priority":1.0}"#),
            (f64::INFINITY, r#"{"priority":1.0}"#),
            (f64::NAN, "{}"),
        ] {
            let annotations = Annotations::new().priority(priority);
            let object = annotations.to_json(Revision::V2026_07_28);
            assert_eq!(serde_json::to_string(&object).unwrap(), json);
        }
        let read: Annotations = serde_json::from_str(r#"{"priority":7}"#).unwrap();
        assert_eq!(read, Annotations::new().priority(1.0));
    }
}

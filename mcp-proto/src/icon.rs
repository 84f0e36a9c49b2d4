//! Icons, for the user interfaces of clients (2025-11-25 and later).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::revision::Revision;

/// A picture that stands for a server, or for something that it offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Icon {
    /// Where it is: an `http:`, `https:` or `data:` URI. Clients should only take it from the
    /// server's own domain or one that they trust.
    pub src: String,
    /// Such as `image/png`, if what is found there does not say so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The sizes at which it can be used, such as `48x48` or `any`. All, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<String>,
    /// The background that it goes with. Any, if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<IconTheme>,
}

/// A background for icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the specification")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these two")]
pub enum IconTheme {
    Light,
    Dark,
}

impl Icon {
    /// An icon for all sizes and backgrounds.
    #[must_use]
    pub fn new(src: impl Into<String>) -> Self {
        Self { src: src.into(), mime_type: None, sizes: Vec::new(), theme: None }
    }

    /// Names its media type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Says at which sizes it can be used, such as `48x48` or `any`.
    #[must_use]
    pub fn sizes(mut self, sizes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sizes = sizes.into_iter().map(Into::into).collect();
        self
    }

    /// Says which background it goes with.
    #[must_use]
    pub const fn theme(mut self, theme: IconTheme) -> Self {
        self.theme = Some(theme);
        self
    }
}

/// The icons as far as `revision` knows them.
pub(crate) fn icons_for(icons: &[Icon], revision: Revision) -> &[Icon] {
    if revision >= Revision::V2025_11_25 { icons } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icons_have_the_shape_of_the_schema() {
        let icon = Icon::new("https://a.test/i.png");
        for (icon, json) in [
            (icon.clone(), r#"{"src":"https://a.test/i.png"}"#),
            (
                icon.mime_type("image/png").sizes(["48x48", "any"]).theme(IconTheme::Dark),
                r#"{"src":"https://a.test/i.png","mimeType":"image/png","sizes":["48x48","any"],"theme":"dark"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&icon).unwrap(), json);
            assert_eq!(serde_json::from_str::<Icon>(json).unwrap(), icon);
        }
    }
}

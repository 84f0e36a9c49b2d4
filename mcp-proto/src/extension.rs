//! Methods and results that extensions of the protocol add (2026-07-28, basic/versioning, "Extension
//! Negotiation").

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::method::McpMethod;

/// A method that an extension adds to a server, on 2026-07-28.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtensionMethod {
    /// The name on the wire, such as `tasks/get`. A method of MCP itself cannot be replaced.
    pub name: String,
    /// The parameter that says what a request is about, if the extension has clients mirror it in
    /// the field `Mcp-Name`: then it must be a string, and the two must agree.
    pub subject: Option<String>,
}

impl ExtensionMethod {
    /// A method that is about nothing in particular.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), subject: None }
    }

    /// Whether MCP itself has a method of that name, which goes before this one.
    #[must_use]
    pub fn is_of_mcp(&self) -> bool {
        McpMethod::is_known(&self.name)
    }

    /// Names the parameter that clients mirror in `Mcp-Name`.
    #[must_use]
    pub fn subject(mut self, parameter: impl Into<String>) -> Self {
        self.subject = Some(parameter.into());
        self
    }
}

/// A result that only an extension defines: of a method of its own, or of a tool.
#[derive(Clone, Debug)]
pub struct ExtensionResult {
    result_type: Cow<'static, str>,
    members: Box<RawValue>,
}

impl ExtensionResult {
    /// The final result of a method.
    ///
    /// # Errors
    ///
    /// If `members` is no JSON object, cannot be written as one, or has a member that is the
    /// protocol's: `resultType` or `_meta`.
    pub fn complete(members: &impl Serialize) -> Result<Self, InvalidExtensionResult> {
        Self::new("complete", members)
    }

    /// A result of another type, such as `task`.
    ///
    /// # Errors
    ///
    /// As for [`complete`](Self::complete), and if the type is `input_required`, which is the protocol's:
    /// handlers ask by their context.
    pub fn new(
        result_type: impl Into<Cow<'static, str>>,
        members: &impl Serialize,
    ) -> Result<Self, InvalidExtensionResult> {
        let result_type = result_type.into();
        if result_type == "input_required" {
            return Err(InvalidExtensionResult);
        }
        let members = to_raw_value(members).map_err(|_| InvalidExtensionResult)?;
        let found: BTreeMap<String, &RawValue> =
            serde_json::from_str(members.get()).map_err(|_| InvalidExtensionResult)?;
        if found.contains_key("resultType") || found.contains_key("_meta") {
            return Err(InvalidExtensionResult);
        }
        Ok(Self { result_type, members })
    }

    pub(crate) fn result_type(&self) -> &str {
        &self.result_type
    }

    /// The members without the braces around them, which may be none.
    pub(crate) fn members(&self) -> &str {
        let members = self.members.get().strip_prefix('{');
        members.and_then(|members| members.strip_suffix('}')).unwrap_or_default().trim_ascii()
    }
}

/// Something that cannot be the result of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidExtensionResult;

impl fmt::Display for InvalidExtensionResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the result of an extension must be a JSON object without `resultType` and `_meta`, \
             which the protocol adds, and of another type than `input_required`",
        )
    }
}

impl core::error::Error for InvalidExtensionResult {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use serde_json::json;

    #[test]
    fn results_are_objects_without_what_the_protocol_adds() {
        let members =
            |value| ExtensionResult::complete(&value).map(|result| result.members().into());
        let ok = |text: &str| Ok(String::from(text));
        assert_eq!(members(json!({})), ok(""));
        assert_eq!(members(json!({"a": {"resultType": 1}})), ok(r#""a":{"resultType":1}"#));
        assert_eq!(members(json!({"a": {}})), ok(r#""a":{}"#));
        let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
        assert!(members(json!({"a": deep})).is_ok(), "limits are for what peers send");
        assert!(
            ExtensionResult::new("input_required", &json!({})).is_err(),
            "it is the protocol's"
        );
        for value in [json!([]), json!("{"), json!({"resultType": null}), json!({"_meta": {}})] {
            let error = members(value).unwrap_err();
            assert!(error.to_string().contains("a JSON object without `resultType`"), "{error}");
        }
    }
}

//! The forms that a client can show: flat objects of simple properties (2026-07-28,
//! client/elicitation, "Requested Schema").

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Number, Value};

use crate::revision::Revision;

/// What a form asks for (`requestedSchema`), in the order in which it is shown.
///
/// ```
/// use mcp_proto::{ElicitFormat, ElicitProperty, ElicitSchema};
///
/// let schema = ElicitSchema::new()
///     .required("email", ElicitProperty::string().format(ElicitFormat::Email))
///     .required("size", ElicitProperty::one_of_titled([("s", "Small"), ("l", "Large")]))
///     .property("count", ElicitProperty::integer().minimum(1).default(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ElicitSchema {
    members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq)]
struct Member {
    name: String,
    object: Object,
    is_required: bool,
}

impl ElicitSchema {
    /// A form that asks for nothing but consent.
    #[must_use]
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// Asks for something that may be left empty. Replaces a property of the same name.
    #[must_use]
    pub fn property<T>(self, name: impl Into<String>, property: ElicitProperty<T>) -> Self {
        self.with(name.into(), property.object, false)
    }

    /// Asks for something that must be filled in. Replaces a property of the same name.
    #[must_use]
    pub fn required<T>(self, name: impl Into<String>, property: ElicitProperty<T>) -> Self {
        self.with(name.into(), property.object, true)
    }

    pub(super) fn with(mut self, name: String, object: Object, is_required: bool) -> Self {
        self.members.retain(|other| other.name != name);
        self.members.push(Member { name, object, is_required });
        self
    }

    /// Whether any of several values can be chosen somewhere.
    pub(super) fn has_lists(&self) -> bool {
        self.members.iter().any(|member| member.object.items.is_some())
    }

    /// The object as `revision` defines it, which must know lists if there are any.
    pub(super) fn to_json(&self, revision: Revision) -> impl Serialize {
        struct Properties<'a>(&'a [Member], Revision);

        impl Serialize for Properties<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let &Self(members, revision) = self;
                let members = members.iter();
                serializer.collect_map(members.map(|it| (&it.name, it.object.to_json(revision))))
            }
        }

        #[derive(Serialize)]
        struct Object<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            properties: Properties<'a>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            required: Vec<&'a str>,
        }

        let required = self.members.iter().filter(|member| member.is_required);
        Object {
            kind: "object",
            properties: Properties(&self.members, revision),
            required: required.map(|member| member.name.as_str()).collect(),
        }
    }
}

impl Serialize for ElicitSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Revision::V2026_07_28).serialize(serializer)
    }
}

/// One property of an [`ElicitSchema`].
///
/// `T` is what the user gives: `String`, `f64`, `i64`, `bool`, [`ElicitChoice`] or
/// [`ElicitChoices`].
#[derive(Clone, Debug, PartialEq)]
pub struct ElicitProperty<T> {
    pub(super) object: Object,
    given: PhantomData<T>,
}

/// Marks an [`ElicitProperty`] for which one of several values is chosen.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are no values of it")]
pub enum ElicitChoice {}

/// Marks an [`ElicitProperty`] for which any of several values are chosen.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are no values of it")]
pub enum ElicitChoices {}

/// What a string must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ElicitFormat {
    /// An email address.
    Email,
    /// A URI.
    Uri,
    /// A day, such as `2026-07-28` (RFC 3339).
    Date,
    /// A point in time, such as `2026-07-28T12:00:00Z` (RFC 3339).
    DateTime,
}

impl ElicitFormat {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "email" => Some(Self::Email),
            "uri" => Some(Self::Uri),
            "date" => Some(Self::Date),
            "date-time" => Some(Self::DateTime),
            _ => None,
        }
    }
}

impl<T> ElicitProperty<T> {
    const fn new(object: Object) -> Self {
        Self { object, given: PhantomData }
    }

    /// Gives it a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.object.title = Some(title.into());
        self
    }

    /// Says what it is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.object.description = Some(description.into());
        self
    }
}

impl ElicitProperty<String> {
    /// A line of text.
    #[must_use]
    pub fn string() -> Self {
        Self::new(Object::of("string"))
    }

    /// Sets how many characters it has at least.
    #[must_use]
    pub const fn min_length(mut self, characters: u64) -> Self {
        self.object.min_length = Some(characters);
        self
    }

    /// Sets how many characters it has at most.
    #[must_use]
    pub const fn max_length(mut self, characters: u64) -> Self {
        self.object.max_length = Some(characters);
        self
    }

    /// Sets what it must look like.
    #[must_use]
    pub const fn format(mut self, format: ElicitFormat) -> Self {
        self.object.format = Some(format);
        self
    }

    /// Sets what is filled in at first.
    #[must_use]
    pub fn default(mut self, default: impl Into<String>) -> Self {
        self.object.default = Some(default.into().into());
        self
    }
}

/// Gives a kind of numbers its builders. `$to_json` makes an `Option<Number>`, `None` of what JSON
/// does not have.
macro_rules! number_builders {
    ($number:ty, $to_json:expr) => {
        /// Sets the least that it may be.
        #[must_use]
        pub fn minimum(mut self, minimum: $number) -> Self {
            self.object.minimum = $to_json(minimum);
            self
        }

        /// Sets the most that it may be.
        #[must_use]
        pub fn maximum(mut self, maximum: $number) -> Self {
            self.object.maximum = $to_json(maximum);
            self
        }

        /// Sets what is filled in at first.
        #[must_use]
        pub fn default(mut self, default: $number) -> Self {
            self.object.default = $to_json(default).map(Value::Number);
            self
        }
    };
}

/// Bounds and defaults that are not finite are left out.
impl ElicitProperty<f64> {
    /// Any number.
    #[must_use]
    pub fn number() -> Self {
        Self::new(Object::of("number"))
    }

    number_builders!(f64, Number::from_f64);
}

impl ElicitProperty<i64> {
    /// A whole number.
    #[must_use]
    pub fn integer() -> Self {
        Self::new(Object::of("integer"))
    }

    number_builders!(i64, |integer| Some(Number::from(integer)));
}

impl ElicitProperty<bool> {
    /// Yes or no.
    #[must_use]
    pub fn boolean() -> Self {
        Self::new(Object::of("boolean"))
    }

    /// Sets what is filled in at first.
    #[must_use]
    pub fn default(mut self, default: bool) -> Self {
        self.object.default = Some(Value::Bool(default));
        self
    }
}

impl ElicitProperty<ElicitChoice> {
    /// One of several values.
    #[must_use]
    pub fn one_of(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = Some(values.into_iter().map(Into::into).collect());
        Self::new(Object { values, ..Object::of("string") })
    }

    /// One of several values, each with a title that the user sees instead.
    #[must_use]
    pub fn one_of_titled(
        choices: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        Self::new(Object { one_of: Some(titled(choices)), ..Object::of("string") })
    }

    /// Like [`one_of_titled`](Self::one_of_titled), in the form that will be removed: with
    /// `enumNames`. Clients of 2025-06-18, which know no other, get either so.
    #[must_use]
    pub fn one_of_enum_names(
        choices: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let choices = choices.into_iter().map(|(value, name)| (value.into(), name.into()));
        let (values, names): (Vec<_>, Vec<_>) = choices.unzip();
        Self::new(Object { values: Some(values), enum_names: Some(names), ..Object::of("string") })
    }

    /// Sets what is chosen at first: one of the values.
    #[must_use]
    pub fn default(mut self, default: impl Into<String>) -> Self {
        self.object.default = Some(default.into().into());
        self
    }
}

impl ElicitProperty<ElicitChoices> {
    /// Any of several values.
    #[must_use]
    pub fn any_of(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        let items = Some(Items::Untitled { kind: "string", values });
        Self::new(Object { items, ..Object::of("array") })
    }

    /// Any of several values, each with a title that the user sees instead.
    #[must_use]
    pub fn any_of_titled(
        choices: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let items = Some(Items::Titled { any_of: titled(choices) });
        Self::new(Object { items, ..Object::of("array") })
    }

    /// Sets how many are chosen at least.
    #[must_use]
    pub const fn min_items(mut self, items: u64) -> Self {
        self.object.min_items = Some(items);
        self
    }

    /// Sets how many are chosen at most.
    #[must_use]
    pub const fn max_items(mut self, items: u64) -> Self {
        self.object.max_items = Some(items);
        self
    }

    /// Sets which are chosen at first: some of the values.
    #[must_use]
    pub fn default(mut self, default: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = default.into_iter().map(|value| Value::String(value.into()));
        self.object.default = Some(values.collect());
        self
    }
}

fn titled(
    choices: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
) -> Vec<Titled> {
    let choices = choices.into_iter();
    choices.map(|(value, title)| Titled { value: value.into(), title: title.into() }).collect()
}

/// Any property on the wire. Builders and `reduce` set only those members that go together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<ElicitFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_items: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_items: Option<u64>,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub(super) values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enum_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) one_of: Option<Vec<Titled>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Items>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Value>,
}

/// What the items of a list may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Items {
    Untitled {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(rename = "enum")]
        values: Vec<String>,
    },
    Titled {
        #[serde(rename = "anyOf")]
        any_of: Vec<Titled>,
    },
}

/// A value, and what the user sees instead of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Titled {
    #[serde(rename = "const")]
    value: String,
    title: String,
}

impl Object {
    pub(super) fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The property as `revision` defines it.
    fn to_json(&self, revision: Revision) -> Cow<'_, Self> {
        let mut object = Cow::Borrowed(self);
        // Of 2025-06-18 are `EnumSchema`, and no defaults but those of `BooleanSchema`.
        if revision < Revision::V2025_11_25 {
            if self.kind != "boolean" && self.default.is_some() {
                object.to_mut().default = None;
            }
            if let Some(choices) = &self.one_of {
                let choices = choices.iter().map(|it| (it.value.clone(), it.title.clone()));
                let (values, names) = choices.unzip();
                let object = object.to_mut();
                (object.one_of, object.values, object.enum_names) =
                    (None, Some(values), Some(names));
            }
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_have_the_shape_of_the_schema() {
        fn json<T>(property: ElicitProperty<T>) -> String {
            serde_json::to_string(&property.object).unwrap()
        }

        let colors = || [("#F00", "Red"), ("#0F0", "Green")];
        for (json, expected) in [
            (json(ElicitProperty::string()), r#"{"type":"string"}"#),
            (
                json(
                    ElicitProperty::string()
                        .title("T")
                        .description("D")
                        .min_length(3)
                        .max_length(50)
                        .format(ElicitFormat::DateTime)
                        .default("x"),
                ),
                r#"{"type":"string","title":"T","description":"D","minLength":3,"maxLength":50,"format":"date-time","default":"x"}"#,
            ),
            (
                json(ElicitProperty::number().minimum(0.5).maximum(f64::NAN).default(1e3)),
                r#"{"type":"number","minimum":0.5,"default":1000.0}"#,
            ),
            (
                json(ElicitProperty::integer().minimum(-1).maximum(i64::MAX).default(7)),
                r#"{"type":"integer","minimum":-1,"maximum":9223372036854775807,"default":7}"#,
            ),
            (
                json(ElicitProperty::boolean().default(false)),
                r#"{"type":"boolean","default":false}"#,
            ),
            (
                json(ElicitProperty::one_of(["a", "b"]).default("b")),
                r#"{"type":"string","enum":["a","b"],"default":"b"}"#,
            ),
            (
                json(ElicitProperty::one_of_titled(colors())),
                r##"{"type":"string","oneOf":[{"const":"#F00","title":"Red"},{"const":"#0F0","title":"Green"}]}"##,
            ),
            (
                json(ElicitProperty::one_of_enum_names(colors())),
                r##"{"type":"string","enum":["#F00","#0F0"],"enumNames":["Red","Green"]}"##,
            ),
            (
                json(ElicitProperty::any_of(["a", "b"]).min_items(1).max_items(2).default(["a"])),
                r#"{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string","enum":["a","b"]},"default":["a"]}"#,
            ),
            (
                json(ElicitProperty::any_of_titled(colors())),
                r##"{"type":"array","items":{"anyOf":[{"const":"#F00","title":"Red"},{"const":"#0F0","title":"Green"}]}}"##,
            ),
        ] {
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn properties_have_the_shape_of_their_revision() {
        let sizes = || [("s", "Small"), ("l", "Large")];
        let schema = ElicitSchema::new()
            .property("titled", ElicitProperty::one_of_titled(sizes()).title("T").default("l"))
            .property("named", ElicitProperty::one_of_enum_names(sizes()).title("T").default("l"))
            .property("plain", ElicitProperty::one_of(["s", "l"]).default("l"))
            .property("string", ElicitProperty::string().format(ElicitFormat::Uri).default("a:"))
            .property("number", ElicitProperty::number().minimum(0.5).default(1.5))
            .property("integer", ElicitProperty::integer().maximum(9).default(7))
            .property("boolean", ElicitProperty::boolean().default(true));
        assert!(!schema.has_lists());
        let json = |revision| serde_json::to_string(&schema.to_json(revision)).unwrap();
        assert_eq!(
            json(Revision::V2025_06_18),
            r#"{"type":"object","properties":{"titled":{"type":"string","title":"T","enum":["s","l"],"enumNames":["Small","Large"]},"named":{"type":"string","title":"T","enum":["s","l"],"enumNames":["Small","Large"]},"plain":{"type":"string","enum":["s","l"]},"string":{"type":"string","format":"uri"},"number":{"type":"number","minimum":0.5},"integer":{"type":"integer","maximum":9},"boolean":{"type":"boolean","default":true}}}"#
        );
        let whole = r#"{"type":"object","properties":{"titled":{"type":"string","title":"T","oneOf":[{"const":"s","title":"Small"},{"const":"l","title":"Large"}],"default":"l"},"named":{"type":"string","title":"T","enum":["s","l"],"enumNames":["Small","Large"],"default":"l"},"plain":{"type":"string","enum":["s","l"],"default":"l"},"string":{"type":"string","format":"uri","default":"a:"},"number":{"type":"number","minimum":0.5,"default":1.5},"integer":{"type":"integer","maximum":9,"default":7},"boolean":{"type":"boolean","default":true}}}"#;
        assert_eq!(json(Revision::V2025_11_25), whole);
        assert_eq!(json(Revision::V2026_07_28), whole);
    }

    #[test]
    fn properties_keep_their_order_and_have_each_their_name() {
        let schema = ElicitSchema::new()
            .required("z", ElicitProperty::boolean())
            .property("a", ElicitProperty::string())
            .required("m", ElicitProperty::number())
            .property("z", ElicitProperty::integer());
        assert_eq!(
            serde_json::to_string(&schema).unwrap(),
            r#"{"type":"object","properties":{"a":{"type":"string"},"m":{"type":"number"},"z":{"type":"integer"}},"required":["m"]}"#
        );
        assert_eq!(
            serde_json::to_string(&ElicitSchema::new()).unwrap(),
            r#"{"type":"object","properties":{}}"#
        );
    }
}

//! The arguments of a call that are mirrored, found in its JSON without a tree of all the others.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A property of an input schema that is mirrored, or leads to one that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub name: String,
    /// Where its argument stands among those that [`find`] gives.
    pub number: usize,
    /// Sorted by their names.
    pub below: Vec<Self>,
}

/// What a call says of a property.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument<'de> {
    Absent,
    /// The same as absent to those who look for a value.
    Null,
    Bool(bool),
    Number(f64),
    String(Cow<'de, str>),
    Object,
    Array,
}

/// Finds the arguments of `properties`, which are sorted by their names and have numbers below
/// `count`. An argument that is there twice is an error: a server may take another one than a proxy.
pub(super) fn find<'de>(
    json: &'de str,
    properties: &[Property],
    count: usize,
) -> serde_json::Result<Vec<Argument<'de>>> {
    let mut found = vec![Argument::Absent; count];
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let walk = Walk { below: properties, found: &mut found };
    walk.deserialize(&mut deserializer)?;
    Ok(found)
}

/// Takes a value apart as far as properties are below it, and says what it was.
struct Walk<'a, 'de> {
    below: &'a [Property],
    found: &'a mut [Argument<'de>],
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = Argument<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = Argument<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some(property) = members.next_key_seed(Name(self.below))? {
            let Some(Property { name, number, below }) = property else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if self.found[*number] != Argument::Absent {
                return Err(A::Error::custom(format_args!("the argument `{name}` is there twice")));
            }
            let argument = members.next_value_seed(Walk { below, found: &mut *self.found })?;
            self.found[*number] = argument;
        }
        Ok(Argument::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Argument::Array)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Argument::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Argument::String(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Argument::Bool(value))
    }

    // Numbers are compared as doubles, as most clients have no others.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Argument::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Argument::Number(number as f64))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Argument::Number(number as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Argument::Null)
    }
}

/// The name of a member, found among properties.
struct Name<'a>(&'a [Property]);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<&'a Property>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<&'a Property>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let at = self.0.binary_search_by(|property| property.name.as_str().cmp(name));
        Ok(at.ok().map(|at| &self.0[at]))
    }
}

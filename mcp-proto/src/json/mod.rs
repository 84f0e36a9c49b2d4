//! JSON where serde has no word for it, or not the fastest.
//!
//! `scan` finds what stands where in a message, `string` reads and writes strings.

mod part;
mod scan;
mod string;

pub(crate) use part::Part;
pub(crate) use scan::{MOST_LEVELS, Malformed, Scanner};
pub(crate) use string::{decoded, write_string};

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use memchr::memchr2;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Excerpt;

/// Whether a value is an object. It has been parsed, so its first character tells.
pub(crate) fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

/// Puts JSON on one line. Line ends can only be white space between tokens, so a blank does as well.
pub(crate) fn flatten(json: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = memchr2(b'\n', b'\r', &json[at..]) {
        at += found;
        json[at] = b' ';
    }
}

/// A member that has to be an object, and is left out if it is none.
pub(crate) fn object(member: &Option<Box<RawValue>>) -> Option<&RawValue> {
    member.as_deref().filter(|value| is_object(value.get()))
}

/// The JSON of each item. Nothing is collected: they are made one by one while they are written.
pub(crate) fn each<'a, T, J: Serialize>(
    items: &'a [T],
    to_json: impl Fn(&'a T) -> J,
) -> impl Serialize {
    struct Each<'a, T, F>(&'a [T], F);

    impl<'a, T, J: Serialize, F: Fn(&'a T) -> J> Serialize for Each<'a, T, F> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0.iter().map(&self.1))
        }
    }

    Each(items, to_json)
}

/// Reads an object by what its `type` says. `read` gets that and the whole text, and gives nothing
/// for a type that it does not know.
///
/// An enum with a tag would do, if raw JSON could stand in its variants.
pub(crate) fn read_by_type<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str, &str) -> Option<serde_json::Result<T>>,
) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }

    let json = Box::<RawValue>::deserialize(deserializer)?;
    let Tag { kind } = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
    match read(&kind, json.get()) {
        Some(value) => value.map_err(D::Error::custom),
        None => Err(D::Error::custom(format!("unknown type {}", Excerpt(&kind)))),
    }
}

/// Whether a member that has to be an object is to be left out.
pub(crate) fn is_no_object(member: &Option<Box<RawValue>>) -> bool {
    object(member).is_none()
}

/// Reads a member that has to be an object.
pub(crate) fn read_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Box<RawValue>, D::Error> {
    let value = Box::<RawValue>::deserialize(deserializer)?;
    if is_object(value.get()) { Ok(value) } else { Err(D::Error::custom("expected an object")) }
}

/// Reads an array, or one item without the array around it.
pub(crate) fn read_one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let items = match json.get().as_bytes() {
        [b'[', ..] => serde_json::from_str(json.get()),
        _ => serde_json::from_str(json.get()).map(|item| vec![item]),
    };
    items.map_err(D::Error::custom)
}

/// Writes an array, or one item without the array around it: older revisions know no more.
pub(crate) fn write_one_or_many<S: Serializer, T: Serialize>(
    items: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match items {
        [item] => item.serialize(serializer),
        items => items.serialize(serializer),
    }
}

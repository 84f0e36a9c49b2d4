//! Arguments: from JSON to the type that a handler takes, and from that type to its schema.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::handler::NoArguments;

/// Arguments that can be described to a client.
#[doc(hidden)]
pub trait Described {
    /// The JSON Schema (2020-12) of an object.
    fn schema() -> Schema;
}

impl<A: JsonSchema> Described for A {
    fn schema() -> Schema {
        schema_of::<A>()
    }
}

impl JsonSchema for NoArguments {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NoArguments".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "object", "additionalProperties": false})
    }
}

/// The JSON Schema (2020-12) of what a type is read from.
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    root_schema_of::<T>(SchemaSettings::draft2020_12())
}

/// The JSON Schema (2020-12) of what a type is written as: what may be left out there differs.
pub(crate) fn output_schema_of<T: JsonSchema>() -> Schema {
    root_schema_of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn root_schema_of<T: JsonSchema>(mut settings: SchemaSettings) -> Schema {
    // The dialect is the default one, and clients need not read it in every tool.
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>()
}

/// Reads arguments, or says which of them is wrong, and how.
pub(crate) fn parse<A: DeserializeOwned>(json: &str) -> Result<A, String> {
    read(json).map_err(|mistake| format!("invalid arguments: {mistake}"))
}

/// Reads arguments that are text by their nature: a number among them is read from its digits.
pub(crate) fn from_texts<A: DeserializeOwned>(texts: &[(String, String)]) -> Result<A, String> {
    // The same text that a form of these values would be sent as.
    serde_urlencoded::to_string(texts)
        .map_err(|error| error.to_string())
        .and_then(|form| serde_urlencoded::from_str(&form).map_err(|error| error.to_string()))
}

/// Reads an object, or says which of its members is wrong, and how.
pub(crate) fn read<A: DeserializeOwned>(json: &str) -> Result<A, String> {
    serde_json::from_str(json).map_err(|error| {
        // Only now is it worth to keep track of where in the object one is.
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let place = match serde_path_to_error::deserialize::<_, A>(&mut deserializer) {
            Err(error) if error.path().iter().next().is_some() => format!("`{}`: ", error.path()),
            _ => String::new(),
        };
        format!("{place}{error}")
    })
}

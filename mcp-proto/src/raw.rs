//! Raw JSON that the specification wants to be an object: `_meta`, settings, metadata.

use alloc::boxed::Box;

use serde_json::value::RawValue;

/// Whether a value is an object. It has been parsed, so its first character tells.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Whether a member is to be left out: there is none, or it is not the object it has to be.
pub(crate) fn is_no_object<V: AsRef<RawValue>>(value: &Option<V>) -> bool {
    value.as_ref().is_none_or(|value| !is_object(value.as_ref()))
}

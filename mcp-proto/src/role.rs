//! Who takes part in a conversation.

use serde::{Deserialize, Serialize};

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the specification")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these two")]
pub enum Role {
    User,
    Assistant,
}

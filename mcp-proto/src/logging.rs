//! Log messages for the client (2026-07-28, server/utilities/logging).

use serde::{Deserialize, Serialize};

/// How severe a log message is, from least to most (RFC 5424 section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of syslog")]
#[expect(clippy::exhaustive_enums, reason = "RFC 5424 knows these eight")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

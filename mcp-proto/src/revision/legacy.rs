//! What the revisions with an `initialize` handshake ask for.

use super::{Revision, VersionField};
use crate::error::RpcError;
use crate::json::decoded;

/// The revision of a request without a session to look it up in.
///
/// Without the field it is taken for 2025-03-26, which did not have it (2025-11-25,
/// basic/transports, "Protocol Version Header").
pub(crate) fn revision_of(field: VersionField<'_>) -> Revision {
    match field {
        VersionField::Known(revision) => revision,
        VersionField::Absent | VersionField::Unknown(_) => Revision::V2025_03_26,
    }
}

/// Settles the revision in answer to `initialize`: the one asked for if it is served, and
/// otherwise the latest that has the handshake (2025-11-25, basic/lifecycle).
///
/// `requested` is the JSON of `protocolVersion`.
pub(crate) fn negotiate(requested: Option<&str>) -> Result<Revision, RpcError> {
    let requested = requested.and_then(decoded).ok_or_else(|| {
        RpcError::invalid_params("invalid params: `protocolVersion` must be a string")
    })?;
    let known = Revision::from_name(&requested).filter(|&known| known <= Revision::LATEST_LEGACY);
    Ok(known.unwrap_or(Revision::LATEST_LEGACY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initialize_never_settles_on_a_revision_without_it() {
        for (requested, settled) in [
            ("2025-03-26", Revision::V2025_03_26),
            ("2025-06-18", Revision::V2025_06_18),
            ("2025-11-25", Revision::V2025_11_25),
            ("2026-07-28", Revision::V2025_11_25),
            ("2024-11-05", Revision::V2025_11_25),
            ("", Revision::V2025_11_25),
        ] {
            let json = alloc::format!("{requested:?}");
            assert_eq!(negotiate(Some(&json)).unwrap(), settled);
        }
        assert_eq!(negotiate(None).unwrap_err().code.0, -32602);
    }
}

//! What this repository's own tests and fuzz targets look into; no part of the API, no promise
//! about versions.

use mcp_proto::Request;
use serde_json::value::RawValue;

use crate::StateKeys;
use crate::purpose::Purpose;
use crate::request_state::{Remembered, StateError};

/// For whom state is sealed.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "no part of the API")]
pub struct Caller<'a> {
    /// The name of the server.
    pub server: &'a str,
    /// Who sends the request.
    pub principal: Option<&'a str>,
    /// The request.
    pub request: &'a Request,
}

/// What came of sealed state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "no part of the API")]
pub enum Opened {
    /// The outcome in it.
    Outcome(String),
    /// It was sealed for something else, or not here.
    Invalid,
    /// It is too old.
    Expired,
}

impl Caller<'_> {
    fn purpose(&self) -> Purpose {
        Purpose::new(self.server, self.principal, self.request)
    }
}

/// Seals an outcome at `now`, in seconds since 1970. Nothing if there is too much of it.
#[must_use]
pub fn seal(
    keys: &StateKeys,
    now: u64,
    nonce: [u8; 24],
    caller: Caller<'_>,
    outcome: Box<RawValue>,
) -> Option<String> {
    let mut remembered = Remembered::default();
    remembered.done.insert("outcome".into(), outcome);
    keys.seal(now, nonce, &caller.purpose(), &remembered).ok()
}

/// Opens `state` at `now`.
#[must_use]
pub fn open(keys: &StateKeys, now: u64, caller: Caller<'_>, state: &str) -> Opened {
    match keys.open(now, &caller.purpose(), state) {
        Ok(remembered) => Opened::Outcome(remembered.done["outcome"].get().to_owned()),
        Err(StateError::Expired) => Opened::Expired,
        Err(StateError::Invalid | StateError::TooLarge { .. }) => Opened::Invalid,
    }
}

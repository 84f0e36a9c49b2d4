//! `requestState`: what a call has learnt before it had to ask, on its way through the client.
//!
//! The client carries it, so it is sealed: nobody can read or alter it, and it opens for the same
//! request of the same caller alone, for a while (2026-07-28, basic/patterns/mrtr, "Server
//! Requirements").

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use mcp_proto::{Head, InputRequired, Now, Reply, Request, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ask::Asking;

/// Names the format, so that a later one can be told apart.
const FORMAT: u8 = 1;
const NONCE_SIZE: usize = 24;

/// The keys that seal what clients carry from one round of questions to the next.
///
/// A server that is not given any makes one when it starts, and then takes no state from before
/// that. Give all replicas of a server the same keys, and it does not matter which of them a client
/// gets to.
///
/// The cipher is XChaCha20-Poly1305. What is sealed opens for the same tool, prompt or resource with
/// the same arguments and the same [principal](crate::Server::principal) only. It can be used again
/// by its caller until it expires: what must happen once at most needs a record of its own.
///
/// ```
/// use std::time::Duration;
/// use mcp_server::{Server, StateKeys};
///
/// # let (new_secret, old_secret) = ([1; 32], [2; 32]);
/// let keys = StateKeys::new(new_secret).previous(old_secret).lifetime(Duration::from_secs(600));
/// let server = Server::new("shop", "1.0.0").state_keys(keys);
/// ```
#[derive(Clone)]
pub struct StateKeys {
    current: [u8; 32],
    previous: Vec<[u8; 32]>,
    lifetime: Duration,
    size_limit: usize,
}

impl StateKeys {
    /// Seals with `key`: 32 bytes from a good source of randomness, kept secret.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self {
            current: key,
            previous: Vec::new(),
            lifetime: Duration::from_secs(60 * 60),
            size_limit: 64 * 1024,
        }
    }

    /// A key of its own for each start.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        random().map(Self::new)
    }

    /// Still opens what was sealed with `key`: to change keys, make the old one a previous one for
    /// as long as the [lifetime](Self::lifetime).
    #[must_use]
    pub fn previous(mut self, key: [u8; 32]) -> Self {
        self.previous.push(key);
        self
    }

    /// How long sealed state is good for. Default: an hour, in which people find the time to answer.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How many bytes of state there may be before they are sealed. A call that has more to remember
    /// fails. Default: 64 KiB, so that it fits in a request with room to spare.
    #[must_use]
    pub const fn size_limit(mut self, size_limit: usize) -> Self {
        self.size_limit = size_limit;
        self
    }

    /// Seals what there is to remember at `now`, in seconds since 1970. No nonce may come twice.
    pub(crate) fn seal(
        &self,
        now: u64,
        nonce: [u8; NONCE_SIZE],
        purpose: &Purpose,
        remembered: &Remembered,
    ) -> Result<String, StateError> {
        let sealed = Sealed { expires: now.saturating_add(self.lifetime.as_secs()), remembered };
        let message = serde_json::to_vec(&sealed).unwrap_or_default();
        if message.len() > self.size_limit {
            return Err(StateError::TooLarge { limit: self.size_limit });
        }
        let payload = Payload { msg: &message, aad: &purpose.0 };
        let cipher = XChaCha20Poly1305::new(&self.current.into());
        // Only messages beyond 256 GiB cannot be encrypted.
        let encrypted = cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        Ok(URL_SAFE_NO_PAD.encode([&[FORMAT][..], &nonce, &encrypted].concat()))
    }

    /// Opens at `now` what was sealed for that purpose.
    pub(crate) fn open(
        &self,
        now: u64,
        purpose: &Purpose,
        state: &str,
    ) -> Result<Remembered, StateError> {
        let bytes = URL_SAFE_NO_PAD.decode(state).map_err(|_| StateError::Invalid)?;
        let (format, rest) = bytes.split_first().ok_or(StateError::Invalid)?;
        let (nonce, encrypted) =
            rest.split_first_chunk::<NONCE_SIZE>().ok_or(StateError::Invalid)?;
        if *format != FORMAT {
            return Err(StateError::Invalid);
        }
        let keys = [&self.current].into_iter().chain(&self.previous);
        let message = keys
            .map(|key| XChaCha20Poly1305::new(&(*key).into()))
            .find_map(|cipher| {
                let payload = Payload { msg: encrypted, aad: &purpose.0 };
                cipher.decrypt(&XNonce::from(*nonce), payload).ok()
            })
            .ok_or(StateError::Invalid)?;
        let sealed: Sealed<Remembered> =
            serde_json::from_slice(&message).map_err(|_| StateError::Invalid)?;
        if sealed.expires < now {
            return Err(StateError::Expired);
        }
        Ok(sealed.remembered)
    }
}

/// Shows no key.
impl fmt::Debug for StateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateKeys")
            .field("previous", &self.previous.len())
            .field("lifetime", &self.lifetime)
            .field("size_limit", &self.size_limit)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed<R> {
    /// Seconds since 1970.
    expires: u64,
    remembered: R,
}

/// What a call takes along from round to round.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The client's answers, by the keys of the questions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) answers: BTreeMap<String, Box<RawValue>>,
    /// The outcomes of steps that are taken once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) done: BTreeMap<String, Box<RawValue>>,
}

impl Remembered {
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.done.is_empty()
    }
}

/// What some state is good for: authenticated with it, and not part of it.
pub(crate) struct Purpose(Vec<u8>);

impl Purpose {
    /// The request that the client will repeat, to that server, as that caller.
    pub(crate) fn new(server: &str, principal: Option<&str>, request: &Request) -> Self {
        let arguments = serde_json::from_str(request.arguments()).unwrap_or_default();
        let mut bytes = Vec::new();
        let parts = [
            server,
            // To have no principal is not the same as to have one without a name.
            if principal.is_some() { "by" } else { "by anybody" },
            principal.unwrap_or_default(),
            request.method().as_str(),
            request.name(),
            &canonical(&arguments),
        ];
        for part in parts {
            // With its length, so that no two lists of parts are alike.
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(bytes)
    }
}

/// JSON without white space and with its keys in order: the same for clients that write it anew.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// Leads calls of one server from round to round.
pub(crate) struct Rounds {
    pub(crate) server: String,
    pub(crate) keys: StateKeys,
    pub(crate) principal: PrincipalFn,
}

pub(crate) type PrincipalFn = Box<dyn Fn(&Head) -> Option<String> + Send + Sync>;

impl Rounds {
    /// What the handler of a request will know.
    pub(crate) fn open(&self, now: Now, request: &Request) -> Result<Asking, RpcError> {
        let mut asking = Asking::default();
        if let Some(responses) = request.input_responses() {
            asking.responses = serde_json::from_str(responses).map_err(|error| {
                RpcError::invalid_params(format!("invalid params: `inputResponses`: {error}"))
            })?;
        }
        if let Some(state) = request.request_state() {
            asking.remembered = self.keys.open(unix_seconds(now), &self.purpose(request), state)?;
        }
        Ok(asking)
    }

    /// Ends a round with what was asked.
    pub(crate) fn close(&self, now: Now, request: &Request, asking: &mut Asking) -> Reply {
        let asked = std::mem::take(&mut asking.asked);
        let state = match asking.remembered.is_empty() {
            true => None,
            false => match self.seal(now, request, &asking.remembered) {
                Ok(state) => Some(state),
                Err(error) => return Reply::Error(error),
            },
        };
        match InputRequired::new(asked, state) {
            Ok(required) => Reply::InputRequired(required),
            Err(error) => Reply::Error(RpcError::internal(format!("internal error: {error}"))),
        }
    }

    fn seal(
        &self,
        now: Now,
        request: &Request,
        remembered: &Remembered,
    ) -> Result<String, RpcError> {
        let nonce = random().map_err(|error| {
            RpcError::internal(format!("internal error: there is no randomness: {error}"))
        })?;
        Ok(self.keys.seal(unix_seconds(now), nonce, &self.purpose(request), remembered)?)
    }

    fn purpose(&self, request: &Request) -> Purpose {
        let principal = (self.principal)(request.head());
        Purpose::new(&self.server, principal.as_deref(), request)
    }
}

/// A driver that knows no date has state that never expires.
fn unix_seconds(now: Now) -> u64 {
    now.unix_seconds.unwrap_or_default()
}

/// Whoever sends the same `Authorization` is the same: what is known without knowing more of it.
pub(crate) fn authorization(head: &Head) -> Option<String> {
    head.field("authorization").map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Why state could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    Invalid,
    Expired,
    TooLarge { limit: usize },
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Invalid => Self::invalid_params(
                "invalid params: `requestState` is not what this server gave to this caller for \
                 this request: send it back unchanged, with the same arguments, or leave it out \
                 to begin again",
            ),
            StateError::Expired => Self::invalid_params(
                "invalid params: `requestState` has expired: leave it out to begin again",
            ),
            StateError::TooLarge { limit } => Self::internal(format!(
                "internal error: the call has more than {limit} bytes to remember"
            )),
        }
    }
}

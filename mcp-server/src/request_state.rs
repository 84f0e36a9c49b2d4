//! `requestState`: what a call has learnt before it had to ask, on its way through the client.
//!
//! The client carries it, so it is sealed: nobody can read or alter it, and it opens for the same
//! request of the same caller alone, for a while (2026-07-28, basic/patterns/mrtr, "Server
//! Requirements").

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use mcp_proto::{Head, InputRequired, Now, Reply, Request, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ask::Asking;
use crate::purpose::Purpose;

/// Names the format, so that a later one can be told apart.
const FORMAT: u8 = 1;
const NONCE_SIZE: usize = 24;

/// The keys that seal what clients carry from one round of questions to the next.
///
/// A server that is not given any makes one when it starts, and then takes no state from before
/// that. Give all replicas of a server the same keys and the same name, and it does not matter which
/// of them a client gets to.
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

    /// How long sealed state is good for, in whole seconds. Each round of questions has that long.
    /// Default: an hour, in which people find the time to answer.
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
        let payload = Payload { msg: &message, aad: purpose.as_bytes() };
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
                let payload = Payload { msg: encrypted, aad: purpose.as_bytes() };
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

/// Leads calls of one server from round to round.
pub(crate) struct Rounds {
    pub(crate) server: String,
    pub(crate) keys: StateKeys,
    pub(crate) principal: PrincipalFn,
}

pub(crate) type PrincipalFn = Box<dyn Fn(&Head) -> Option<String> + Send + Sync>;

impl Rounds {
    /// What the handler of a request will know of earlier rounds.
    pub(crate) fn open(&self, now: Now, request: &Request) -> Result<Remembered, RpcError> {
        let Some(state) = request.request_state() else {
            return Ok(Remembered::default());
        };
        Ok(self.keys.open(unix_seconds(now), &self.purpose(request)?, state)?)
    }

    /// Ends a round with what was asked.
    pub(crate) fn close(&self, now: Now, request: &Request, asking: &mut Asking) -> Reply {
        let asked = std::mem::take(&mut asking.asked).into_iter();
        let asked = asked.filter_map(|(key, request)| Some((key, request?))).collect();
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
        Ok(self.keys.seal(unix_seconds(now), nonce, &self.purpose(request)?, remembered)?)
    }

    fn purpose(&self, request: &Request) -> Result<Purpose, RpcError> {
        let principal = self.principal_of(request)?;
        Ok(Purpose::new(&self.server, principal.as_deref(), request))
    }

    /// Who sends a request.
    pub(crate) fn principal_of(&self, request: &Request) -> Result<Option<String>, RpcError> {
        if let Some(principal) = request.principal() {
            return Ok(Some(principal.subject().to_owned()));
        }
        // The application's code, on what a client has sent: it must not take other clients along.
        let principal = catch_unwind(AssertUnwindSafe(|| (self.principal)(request.head())));
        principal.map_err(|_| {
            tracing::warn!(call = request.name(), "the function that tells principals panicked");
            RpcError::internal("internal error: it cannot be told who sends this")
        })
    }
}

/// A driver that knows no date has state that never expires.
fn unix_seconds(now: Now) -> u64 {
    now.unix_seconds.unwrap_or_default()
}

/// Whoever sends the same `Authorization` is the same: what is known without knowing more of it.
pub(crate) fn authorization(head: &Head) -> Option<String> {
    // Not all bytes are text, and no two values may become one.
    head.field("authorization").map(|value| value.escape_ascii().to_string())
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

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_proto::{
        Call, Config, Endpoint, ErrorCode, Input, InputRequest, Instant, Output, ServerInfo,
        Session,
    };
    use serde_json::Value;
    use std::sync::Arc;

    const NOW: u64 = 1_800_000_000;
    const LIFETIME: u64 = 600;

    /// A request as it is sent.
    #[derive(Clone, Copy)]
    struct Sent<'a> {
        authorization: Option<&'a [u8]>,
        method: &'a str,
        name: &'a str,
        arguments: &'a str,
    }

    const PAY: Sent<'static> = Sent {
        authorization: Some(b"Bearer a"),
        method: "tools/call",
        name: "pay",
        arguments: r#"{"to":"x","amount":1}"#,
    };

    impl Sent<'_> {
        /// What a session makes of it.
        fn received(self, state: Option<&str>) -> Call {
            let Self { authorization, method, name, arguments } = self;
            let state = Value::from(state);
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"{name}","arguments":{arguments},"requestState":{state},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
            );
            let mut bytes = format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\n\
                 MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n\
                 Content-Length: {}\r\n",
                body.len()
            )
            .into_bytes();
            if let Some(value) = authorization {
                bytes.extend([b"Authorization: ", value, b"\r\n"].concat());
            }
            bytes.extend([b"\r\n", body.as_bytes()].concat());

            let mut info = ServerInfo::new("shop", "1.0.0");
            info.capabilities.tools.get_or_insert_default();
            info.capabilities.prompts.get_or_insert_default();
            let config = Config::new([Endpoint::new("/", info).unwrap()]);
            let mut session = Session::new(Arc::new(config), now(NOW));
            session.handle(now(NOW), Input::Bytes(&bytes));
            loop {
                match session.poll_output() {
                    Some(Output::Call(call)) => return call,
                    Some(_) => {}
                    None => panic!("{}", String::from_utf8_lossy(session.transmit())),
                }
            }
        }
    }

    fn now(unix_seconds: u64) -> Now {
        Now::new(Instant::default(), unix_seconds)
    }

    fn keys() -> StateKeys {
        StateKeys::new([7; 32]).lifetime(Duration::from_secs(LIFETIME))
    }

    fn rounds(keys: StateKeys) -> Rounds {
        Rounds { server: "shop".into(), keys, principal: Box::new(authorization) }
    }

    /// Ends a round of `sent` with an outcome to remember.
    fn close(rounds: &Rounds, sent: Sent<'_>, outcome: &str) -> Result<String, RpcError> {
        let mut asking = Asking::default();
        let outcome = RawValue::from_string(outcome.into()).unwrap();
        asking.remembered.done.insert("outcome".into(), outcome);
        match rounds.close(now(NOW), sent.received(None).request(), &mut asking) {
            Reply::InputRequired(required) => Ok(required.state().unwrap().to_owned()),
            Reply::Error(error) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    /// Begins the next round, and returns the outcome.
    fn open(rounds: &Rounds, at: u64, sent: Sent<'_>, state: &str) -> Result<String, RpcError> {
        let remembered = rounds.open(now(at), sent.received(Some(state)).request())?;
        Ok(remembered.done["outcome"].get().to_owned())
    }

    /// Asserts that what was sealed by `from` does not open, and says why.
    #[track_caller]
    fn assert_refused(rounds: &Rounds, at: u64, sent: Sent<'_>, state: &str, why: &str) {
        let error = open(rounds, at, sent, state).expect_err(why);
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
        assert!(error.message.starts_with("invalid params: `requestState` "), "{error}");
        assert!(error.message.contains(why), "{error}");
    }

    const NOT_OURS: &str = "is not what this server gave to this caller for this request";

    #[test]
    fn state_opens_for_the_request_that_it_was_sealed_for() {
        let rounds = rounds(keys());
        let state = close(&rounds, PAY, r#"{"paid":"secret"}"#).unwrap();
        assert_eq!(open(&rounds, NOW, PAY, &state).unwrap(), r#"{"paid":"secret"}"#);
        // Nothing of it can be read, and no two states are alike.
        let bytes = URL_SAFE_NO_PAD.decode(&state).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
        assert_ne!(close(&rounds, PAY, r#"{"paid":"secret"}"#).unwrap(), state);
    }

    #[test]
    fn a_call_with_nothing_to_remember_has_no_state() {
        let call = PAY.received(None);
        let remembered = rounds(keys()).open(now(NOW), call.request()).unwrap();
        assert!(remembered.is_empty());
        let mut asking = Asking::new(remembered, false);
        asking.asked.push(("roots".into(), Some(InputRequest::ListRoots)));
        match rounds(keys()).close(now(NOW), call.request(), &mut asking) {
            Reply::InputRequired(required) => assert_eq!(required.state(), None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn state_that_was_altered_is_refused() {
        let rounds = rounds(keys());
        let state = close(&rounds, PAY, "1").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&state).unwrap();
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut bytes = bytes.clone();
                bytes[at] ^= bit;
                assert_refused(&rounds, NOW, PAY, &URL_SAFE_NO_PAD.encode(bytes), NOT_OURS);
            }
            assert_refused(&rounds, NOW, PAY, &URL_SAFE_NO_PAD.encode(&bytes[..at]), NOT_OURS);
        }
        for length in 0..state.len() {
            assert_refused(&rounds, NOW, PAY, &state[..length], NOT_OURS);
        }
        for altered in
            [format!("{state}A"), format!("{state}="), format!(" {state}"), "+/ \u{e9}".into()]
        {
            assert_refused(&rounds, NOW, PAY, &altered, NOT_OURS);
        }
    }

    #[test]
    fn state_of_another_format_is_refused() {
        let sealed = rounds(keys());
        let mut bytes = URL_SAFE_NO_PAD.decode(close(&sealed, PAY, "1").unwrap()).unwrap();
        assert_eq!(bytes[0], FORMAT);
        for format in [0, FORMAT + 1, 0xff] {
            bytes[0] = format;
            assert_refused(&sealed, NOW, PAY, &URL_SAFE_NO_PAD.encode(&bytes), NOT_OURS);
        }
    }

    #[test]
    fn state_expires() {
        for lifetime in [0, LIFETIME] {
            let rounds = rounds(keys().lifetime(Duration::from_secs(lifetime)));
            let state = close(&rounds, PAY, "1").unwrap();
            assert!(open(&rounds, NOW + lifetime, PAY, &state).is_ok());
            let why = "has expired: leave it out to begin again";
            assert_refused(&rounds, NOW + lifetime + 1, PAY, &state, why);
            // Who has no business with it does not learn how old it is.
            let other = Sent { name: "refund", ..PAY };
            assert_refused(&rounds, NOW + lifetime + 1, other, &state, NOT_OURS);
        }
        let forever = rounds(keys().lifetime(Duration::MAX));
        let state = close(&forever, PAY, "1").unwrap();
        assert!(open(&forever, u64::MAX, PAY, &state).is_ok());
    }

    #[test]
    fn state_is_good_for_the_same_request_of_the_same_caller_only() {
        let rounds = rounds(keys());
        let requests = [
            PAY,
            Sent { authorization: Some(b"Bearer b"), ..PAY },
            // Not UTF-8, which field values need not be.
            Sent { authorization: Some(b"Bearer \xff"), ..PAY },
            Sent { authorization: Some(b"Bearer \xfe"), ..PAY },
            Sent { authorization: Some(b"Bearer \xef\xbf\xbd"), ..PAY },
            Sent { authorization: Some(b""), ..PAY },
            Sent { authorization: None, ..PAY },
            Sent { method: "prompts/get", ..PAY },
            Sent { name: "refund", ..PAY },
            Sent { arguments: "{}", ..PAY },
            Sent { arguments: r#"{"to":"y","amount":1}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":"1"}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":[1]}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":{}}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":[]}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":null}"#, ..PAY },
            Sent { arguments: r#"{"to":"x","amount":1,"amounts":1}"#, ..PAY },
            Sent { arguments: r#"{"to,amount":"x:1"}"#, ..PAY },
            // One after the other, caller, method and name are the same for both.
            Sent { name: "tools/callpay", ..PAY },
            Sent { authorization: Some(b"Bearer atools/call"), ..PAY },
        ];
        for (sealed, from) in requests.into_iter().enumerate() {
            let state = close(&rounds, from, "1").unwrap();
            for (opened, by) in requests.into_iter().enumerate() {
                if sealed == opened {
                    assert!(open(&rounds, NOW, by, &state).is_ok(), "{sealed}");
                } else {
                    assert_refused(&rounds, NOW, by, &state, NOT_OURS);
                }
            }
        }
        let elsewhere = Rounds { server: "bank".into(), ..self::rounds(keys()) };
        assert_refused(&elsewhere, NOW, PAY, &close(&rounds, PAY, "1").unwrap(), NOT_OURS);
    }

    #[test]
    fn clients_may_write_their_arguments_anew() {
        let rounds = rounds(keys());
        let from = Sent { arguments: r#"{"b":[1,{"d":"x y","c":null}],"a":{}}"#, ..PAY };
        let state = close(&rounds, from, "1").unwrap();
        for arguments in [
            r#"{"a":{},"b":[1,{"c":null,"d":"x y"}]}"#,
            " { \"b\" : [ 1 ,\n{ \"d\"\t: \"x y\",\r\n\"c\": null } ], \"a\" : { } } ",
        ] {
            assert!(open(&rounds, NOW, Sent { arguments, ..from }, &state).is_ok(), "{arguments}");
        }
        for arguments in
            [r#"{"b":[{"d":"x y","c":null},1],"a":{}}"#, r#"{"b":[1,{"d":"xy","c":null}],"a":{}}"#]
        {
            assert_refused(&rounds, NOW, Sent { arguments, ..from }, &state, NOT_OURS);
        }
    }

    /// serde_json's `Value` takes the arguments in each pair for the same, or for none at all; a type
    /// of the application may not.
    #[test]
    fn arguments_are_told_apart_as_exactly_as_any_type_could() {
        let rounds = rounds(keys());
        for (arguments, other) in [
            (r#"{"amount":18446744073709551617}"#, r#"{"amount":18446744073709551618}"#),
            (r#"{"amount":0.1}"#, r#"{"amount":0.10000000000000000001}"#),
            (r#"{"to":"x","_":1e999}"#, r#"{"to":"y","_":1e999}"#),
            (r#"{"to":"x","_":"\ud800"}"#, r#"{"to":"y","_":"\ud800"}"#),
            (r#"{"to":"x","\udc00":1}"#, r#"{"to":"y","\udc00":1}"#),
            (r#"{"to":"x","to":"y"}"#, r#"{"to":"y","to":"x"}"#),
            (r#"{"to":"x","to":"y"}"#, r#"{"to":"y"}"#),
            (r#"{"to":"x\"y"}"#, r#"{"to":"x\\\"y"}"#),
            (r#"{"to":"a b"}"#, r#"{"to":"ab"}"#),
            (r#"{"a\"":1,"a":2}"#, r#"{"a\"":2,"a":1}"#),
        ] {
            let (from, by) = (Sent { arguments, ..PAY }, Sent { arguments: other, ..PAY });
            let state = close(&rounds, from, "1").unwrap();
            assert!(open(&rounds, NOW, from, &state).is_ok(), "{arguments}");
            assert_refused(&rounds, NOW, by, &state, NOT_OURS);
        }
    }

    #[test]
    fn keys_can_be_changed() {
        let before = rounds(keys());
        let state = close(&before, PAY, "1").unwrap();
        let after = StateKeys::new([8; 32]).lifetime(Duration::from_secs(LIFETIME));
        assert_refused(&rounds(after.clone()), NOW, PAY, &state, NOT_OURS);
        let after = rounds(after.previous([9; 32]).previous([7; 32]));
        assert!(open(&after, NOW, PAY, &state).is_ok());
        // What is sealed from now on is sealed with the new one.
        assert_refused(&before, NOW, PAY, &close(&after, PAY, "1").unwrap(), NOT_OURS);
        assert!(!format!("{:?}", after.keys).contains('7'));
    }

    #[test]
    fn there_is_a_limit_to_what_is_remembered() {
        let outcome = format!("\"{}\"", "x".repeat(100));
        let size =
            format!(r#"{{"expires":{NOW},"remembered":{{"done":{{"outcome":{outcome}}}}}}}"#);
        let at = rounds(keys().size_limit(size.len()));
        let state = close(&at, PAY, &outcome).unwrap();
        assert_eq!(open(&at, NOW, PAY, &state).unwrap(), outcome);
        let past = rounds(keys().size_limit(size.len() - 1));
        let error = close(&past, PAY, &outcome).unwrap_err();
        assert_eq!(error.code, ErrorCode::INTERNAL_ERROR);
        assert!(error.message.contains(&format!("more than {} bytes", size.len() - 1)), "{error}");
    }
}

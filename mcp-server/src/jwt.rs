//! Access tokens that are JSON Web Tokens, verified without asking anybody (RFC 9068, RFC 8725).

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, dangerous, decode_header};
use mcp_proto::{Denial, Head, Now, Principal};
use serde::Deserialize;
use serde_json::Value;

use crate::authorizer::Authorizer;

/// Lets in whoever sends a JSON Web Token that one authorization server has issued for this server.
///
/// A token is good if
///
/// - it is signed by one of the server's [keys](JwtKeys), with an algorithm of that key. Algorithms
///   that need a shared secret, and none at all, never do;
/// - it is from that issuer (`iss`) and for this audience (`aud`);
/// - it has a subject (`sub`), which becomes that of the [`Principal`];
/// - it has not expired (`exp`) and may be used already (`nbf`);
/// - its type (`typ`) is `at+jwt`, or it says no more than that it is a JWT, as those of many issuers do.
///   That could be an ID token: do not take the id of a client for the audience.
///
/// Its scopes come from `scope`, a string, or `scp`, a string or an array. All claims are in
/// [`Principal::claims`].
///
/// ```
/// use mcp_server::{JwtAuthorizer, JwtKeys, Server};
///
/// # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
/// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let keys = JwtKeys::from_jwks(jwks)?;
/// let authorizer =
///     JwtAuthorizer::new("https://auth.example.com", "https://mcp.example.com/mcp", keys.clone())
///         .require_scopes(["files:read"]);
/// let server = Server::new("files", "1.0.0").authorizer(authorizer);
/// // Later, when the authorization server has new keys:
/// keys.replace(jwks)?;
/// # Ok::<(), mcp_server::InvalidJwks>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtAuthorizer {
    issuer: String,
    audience: String,
    keys: JwtKeys,
    scopes: Vec<String>,
    /// Broader scopes, and what each of them includes.
    implied: Vec<(String, Vec<String>)>,
    leeway: Duration,
}

impl JwtAuthorizer {
    /// Takes tokens that `issuer` has issued for `audience`, compared as they are, letter by letter.
    /// The audience is the identifier of the
    /// [resource](crate::ProtectedResource::new), unless the issuer has another name for it.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: JwtKeys) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys,
            scopes: Vec::new(),
            implied: Vec::new(),
            leeway: Duration::from_secs(30),
        }
    }

    /// Lets in only who was granted all of these scopes; they are also what those are told to get
    /// who have no token. Default: none.
    #[must_use]
    pub fn require_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Says that whoever was granted `scope` was granted these, too, as the issuer has it: `files` may
    /// include `files:read` (2026-07-28, basic/authorization, "Step-Up Authorization Flow"), and those what
    /// is said of them. Default: no scope includes another.
    #[must_use]
    pub fn implies<S: Into<String>>(
        mut self,
        scope: impl Into<String>,
        narrower: impl IntoIterator<Item = S>,
    ) -> Self {
        self.implied.push((scope.into(), narrower.into_iter().map(Into::into).collect()));
        self
    }

    /// How far the clocks of issuer and server may be apart, in whole seconds. Default: 30 s, what
    /// machines without a common clock drift apart in weeks.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    fn verify(&self, head: &Head, now: Now) -> Result<Principal, Denial> {
        let token = head.bearer_token()?;
        let claims = self.keys.verify(token)?;
        let said: Said<'_> = Said::deserialize(&claims)
            .map_err(|_| Denial::invalid_token("a claim is not of its type"))?;
        if said.iss != Some(&*self.issuer) {
            mismatch("issuer", &self.issuer);
            return Err(Denial::invalid_token("the token is of another issuer"));
        }
        let is_for_us =
            said.aud.is_some_and(|aud| aud.iter().any(|audience| audience == self.audience));
        if !is_for_us {
            mismatch("audience", &self.audience);
            return Err(Denial::invalid_token("the token is for another audience"));
        }
        // Without a date, no token can be told from one that has expired.
        let now = now.unix_seconds.ok_or_else(Denial::failed)? as f64;
        let leeway = self.leeway.as_secs() as f64;
        match said.exp {
            Some(expires) if now < expires + leeway => {}
            Some(_) => return Err(Denial::invalid_token("the token has expired")),
            None => return Err(Denial::invalid_token("the token does not say when it expires")),
        }
        if said.nbf.is_some_and(|from| now + leeway < from) {
            return Err(Denial::invalid_token("the token may not be used yet"));
        }
        let subject = said.sub.filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| Denial::invalid_token("the token has no subject"))?;
        let granted = said.scope.iter().chain(&said.scp);
        let granted = granted.flat_map(Strings::iter).flat_map(|scopes| scopes.split(' '));
        let granted = granted.filter(|scope| !scope.is_empty()).map(ToOwned::to_owned);
        let principal = Principal::new(subject).scopes(self.with_implied(granted.collect()));
        match self.scopes.iter().all(|scope| principal.has_scope(scope)) {
            true => Ok(principal.with_claims(claims)),
            false => Err(Denial::insufficient_scope([""; 0])),
        }
    }

    /// Adds the scopes that others include.
    fn with_implied(&self, mut granted: Vec<String>) -> Vec<String> {
        let mut at = 0;
        while let Some(scope) = granted.get(at) {
            let implied = self.implied.iter().filter(|(broader, _)| broader == scope);
            let narrower = implied.flat_map(|(_, narrower)| narrower);
            let new: Vec<_> = narrower.filter(|it| !granted.contains(it)).cloned().collect();
            granted.extend(new);
            at += 1;
        }
        granted
    }
}

impl Authorizer for JwtAuthorizer {
    fn authorize(
        &self,
        head: Head,
        now: Now,
    ) -> impl Future<Output = Result<Principal, Denial>> + Send {
        ready(self.verify(&head, now).map_err(|denial| denial.scopes(&self.scopes)))
    }
}

/// Nobody but who has our keys can bring this about: it may well be that ours is spelt wrong.
fn mismatch(claim: &str, expected: &str) {
    tracing::info!("refused: a token with a good signature has another {claim} than {expected:?}");
}

/// The claims that decide (RFC 7519 section 4.1, RFC 8693 section 4.2).
#[derive(Deserialize)]
struct Said<'a> {
    iss: Option<&'a str>,
    #[serde(borrow)]
    aud: Option<Strings<'a>>,
    sub: Option<&'a str>,
    /// Seconds since 1970, perhaps with a fraction.
    exp: Option<f64>,
    nbf: Option<f64>,
    scope: Option<Strings<'a>>,
    scp: Option<Strings<'a>>,
}

/// One string, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Strings<'a> {
    #[serde(borrow)]
    One(&'a str),
    Several(Vec<&'a str>),
}

impl<'a> Strings<'a> {
    fn iter(&self) -> impl Iterator<Item = &'a str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => &several[..],
        }
        .iter()
        .copied()
    }
}

/// The public keys of an authorization server (RFC 7517 section 5). All clones are the same keys.
#[derive(Clone)]
pub struct JwtKeys {
    current: Arc<RwLock<Arc<[Key]>>>,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl JwtKeys {
    /// The keys in `jwks`, a JSON Web Key Set as it is found at the `jwks_uri` of an authorization
    /// server. Those for encryption, shared secrets, and keys of unknown types are left out.
    ///
    /// # Errors
    ///
    /// If it is none, or no key is left.
    pub fn from_jwks(jwks: &str) -> Result<Self, InvalidJwks> {
        Ok(Self { current: Arc::new(RwLock::new(parse(jwks)?)) })
    }

    /// Takes these keys from now on, and no others.
    ///
    /// # Errors
    ///
    /// As [`from_jwks`](Self::from_jwks). Then nothing changes.
    pub fn replace(&self, jwks: &str) -> Result<(), InvalidJwks> {
        let keys = parse(jwks)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The claims of a token that one of the keys has signed.
    fn verify(&self, token: &str) -> Result<Value, Denial> {
        let malformed = || Denial::invalid_token("the token is no signed JSON Web Token");
        // Of an algorithm that is none (`none`), too.
        let header = decode_header(token).map_err(|_| malformed())?;
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let signature = decoded(signature).ok_or_else(malformed)?;
        // RFC 9068 section 4, RFC 8725 section 3.11: it may be meant for something else.
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(Denial::invalid_token("the token is no access token"));
        }
        // RFC 7515 section 4.1.11: what has to be understood, and is not.
        if header.crit.is_some() {
            return Err(Denial::invalid_token("the token needs an extension that is not known"));
        }
        let keys = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let is_meant = |key: &&Key| {
            key.algorithms.contains(&header.alg) && (header.kid.is_none() || header.kid == key.id)
        };
        let mut meant = keys.iter().filter(is_meant).peekable();
        if meant.peek().is_none() {
            return Err(Denial::invalid_token("the token is signed by no known key"));
        }
        if !meant.any(|key| key.has_signed(header.alg, message, &signature)) {
            return Err(Denial::invalid_token("the signature of the token is wrong"));
        }
        dangerous::insecure_decode_claims(token).map_err(|_| malformed())
    }
}

/// Whether a token of that type may be an access token. It is a media type (RFC 7515 section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    let name = typ.rsplit_once('/').map_or(typ, |(kind, name)| {
        if kind.eq_ignore_ascii_case("application") { name } else { "" }
    });
    ["at+jwt", "JWT"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl Key {
    /// The key in a JWK, if it is one that verifies signatures.
    fn new(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let usage = jwk.common.public_key_use.as_ref();
        if usage.is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        let operations = jwk.common.key_operations.as_ref();
        if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            return None;
        }
        let mut algorithms = match &jwk.algorithm {
            // RFC 7518 section 3.3: of 2048 bits or more. More than 4096 are not verified here.
            AlgorithmParameters::RSA(key) => match decoded(&key.n)?.len() {
                256..=512 => AlgorithmFamily::Rsa.algorithms().to_vec(),
                _ => return None,
            },
            AlgorithmParameters::EllipticCurve(key) => {
                let size = (decoded(&key.x)?.len(), decoded(&key.y)?.len());
                match (&key.curve, size) {
                    (EllipticCurve::P256, (32, 32)) => vec![Algorithm::ES256],
                    (EllipticCurve::P384, (48, 48)) => vec![Algorithm::ES384],
                    _ => return None,
                }
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                match decoded(&key.x)?.len() {
                    32 => vec![Algorithm::EdDSA],
                    _ => return None,
                }
            }
            // Shared secrets among them: whoever can verify with one can sign with it.
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        (!algorithms.is_empty()).then_some(Self { id: jwk.common.key_id, algorithms, key })
    }

    fn has_signed(&self, algorithm: Algorithm, message: &str, signature: &Vec<u8>) -> bool {
        // Not that of the process, which somebody else may have set.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message.as_bytes(), signature).is_ok())
    }
}

fn parse(jwks: &str) -> Result<Arc<[Key]>, InvalidJwks> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<Value>,
    }

    let Jwks { keys } = serde_json::from_str(jwks)
        .map_err(|error| InvalidJwks { reason: format!("it is no key set: {error}") })?;
    let keys: Arc<[Key]> = keys.into_iter().filter_map(Key::new).collect();
    match keys.is_empty() {
        true => Err(InvalidJwks { reason: "it has no public key that verifies signatures".into() }),
        false => Ok(keys),
    }
}

fn decoded(base64url: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(base64url).ok()
}

/// Shows the names of the keys.
impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.current.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(keys.iter().map(|key| key.id.as_deref())).finish()
    }
}

/// Why a JSON Web Key Set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidJwks {
    reason: String,
}

impl fmt::Display for InvalidJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON Web Key Set: {}", self.reason)
    }
}

impl std::error::Error for InvalidJwks {}

//! Access tokens, good and bad, until the year 2100.
//!
//! They were made by another library than the one that verifies them, with keys that nobody has any
//! more.

use std::sync::LazyLock;

use mcp_smol::{JwtAuthorizer, JwtKeys};
use serde_json::Value;

pub const ISSUER: &str = "https://auth.example.com";
pub const AUDIENCE: &str = "https://mcp.example.com/mcp";

static FIXTURES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("tokens.json")).unwrap());

/// A token, and how who sends it is answered.
pub struct Token {
    pub name: &'static str,
    pub status: u16,
    pub text: &'static str,
}

/// All of them; good ones have the scope `files:read`.
pub fn tokens() -> impl Iterator<Item = Token> {
    FIXTURES["tokens"].as_array().unwrap().iter().map(|token| Token {
        name: token["name"].as_str().unwrap(),
        status: token["status"].as_u64().unwrap() as u16,
        text: token["token"].as_str().unwrap(),
    })
}

/// The token of that name.
pub fn token(name: &str) -> &'static str {
    tokens().find(|token| token.name == name).unwrap_or_else(|| panic!("no token {name:?}")).text
}

/// The keys that most are signed by.
pub fn keys() -> JwtKeys {
    JwtKeys::from_jwks(&FIXTURES["jwks"].to_string()).unwrap()
}

/// The keys that come after those.
pub fn later_jwks() -> String {
    FIXTURES["later"].to_string()
}

/// Lets in whoever may read files.
pub fn authorizer(keys: JwtKeys) -> JwtAuthorizer {
    JwtAuthorizer::new(ISSUER, AUDIENCE, keys).require_scopes(["files:read"])
}

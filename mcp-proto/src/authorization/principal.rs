//! On whose behalf a request was let in.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use serde_json::Value;

/// Who sends a request, and what they may do, as far as the application has found out.
///
/// ```
/// use mcp_proto::Principal;
///
/// let principal = Principal::new("user-7").scopes(["files:read", "files:write"]);
/// assert!(principal.has_scope("files:read"));
/// ```
#[derive(Clone)]
pub struct Principal {
    subject: String,
    scopes: Vec<String>,
    claims: Value,
    data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Principal {
    /// `subject` names somebody, and nobody else among all who are let in. It stays the same when
    /// tokens are renewed: sessions and the state of calls are good for the same subject only.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), scopes: Vec::new(), claims: Value::Null, data: None }
    }

    /// Adds scopes that the token was granted. Default: none.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// What else the token says, as handlers get to see it. Default: null.
    #[must_use]
    pub fn with_claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// Anything of the application's, such as a row of its table of users.
    #[must_use]
    pub fn with_data(mut self, data: impl Any + Send + Sync) -> Self {
        self.data = Some(Arc::new(data));
        self
    }

    /// Who it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// All scopes that the token was granted.
    pub fn granted(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str)
    }

    /// Whether the token was granted `scope`.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.granted().any(|granted| granted == scope)
    }

    /// What else the token says.
    #[must_use]
    pub const fn claims(&self) -> &Value {
        &self.claims
    }

    /// What the application has [put there](Self::with_data), if it is of that type.
    #[must_use]
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.data.as_deref()?.downcast_ref()
    }
}

/// Shows whom, not what is known of them.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

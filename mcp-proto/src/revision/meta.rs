//! The `_meta` member of a request's `params`.

use crate::error::RpcError;
use crate::json::{Malformed, Part, Scanner};
use crate::jsonrpc::put;

/// Where `_meta` stands, and those of its members that the protocol itself reads (2026-07-28, basic,
/// "_meta").
#[derive(Debug, Default)]
pub(crate) struct Meta {
    /// All of it, if it is an object.
    pub(crate) object: Option<Part>,
    pub(crate) progress_token: Option<Part>,
    pub(crate) protocol_version: Option<Part>,
    pub(crate) client_info: Option<Part>,
    pub(crate) client_capabilities: Option<Part>,
    pub(crate) log_level: Option<Part>,
    duplicate: Option<&'static str>,
}

impl Meta {
    /// Finds the members.
    pub(crate) fn scan(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        if scanner.peek() != b'{' {
            return scanner.value().map(drop);
        }
        let object = scanner.object(|scanner, key| {
            let Some(name) = key.strip_prefix(b"io.modelcontextprotocol/") else {
                let value = scanner.value()?;
                if key == b"progressToken" {
                    put(&mut self.progress_token, value, "progressToken", &mut self.duplicate);
                }
                return Ok(());
            };
            let (slot, key) = match name {
                _ if name == b"protocolVersion" => {
                    (&mut self.protocol_version, "io.modelcontextprotocol/protocolVersion")
                }
                _ if name == b"clientCapabilities" => {
                    (&mut self.client_capabilities, "io.modelcontextprotocol/clientCapabilities")
                }
                _ if name == b"clientInfo" => {
                    (&mut self.client_info, "io.modelcontextprotocol/clientInfo")
                }
                _ if name == b"logLevel" => {
                    (&mut self.log_level, "io.modelcontextprotocol/logLevel")
                }
                _ => return scanner.value().map(drop),
            };
            put(slot, scanner.value()?, key, &mut self.duplicate);
            Ok(())
        })?;
        self.object = Some(object);
        Ok(())
    }

    /// Whether it has what only requests of 2026-07-28 have.
    pub(crate) const fn is_modern(&self) -> bool {
        self.protocol_version.is_some()
            || self.client_capabilities.is_some()
            || self.client_info.is_some()
            || self.log_level.is_some()
    }

    /// An object that has each key once.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        if self.object.is_none() {
            return Err(RpcError::invalid_params("invalid params: `_meta` must be an object"));
        }
        match self.duplicate {
            Some(key) => Err(RpcError::invalid_params(alloc::format!(
                "invalid params: `_meta` has the key {key:?} twice"
            ))),
            None => Ok(()),
        }
    }
}

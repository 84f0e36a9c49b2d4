//! The `_meta` member of a request's `params`.

use crate::error::RpcError;
use crate::json::{Malformed, Scanner, is_object};
use crate::jsonrpc::put;

/// The members of `_meta` that the protocol itself reads (2026-07-28, basic, "_meta"), as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meta<'a> {
    /// All of it, whatever it is.
    pub(crate) text: &'a str,
    pub(crate) progress_token: Option<&'a str>,
    pub(crate) protocol_version: Option<&'a str>,
    pub(crate) client_info: Option<&'a str>,
    pub(crate) client_capabilities: Option<&'a str>,
    pub(crate) log_level: Option<&'a str>,
    duplicate: Option<&'static str>,
}

impl<'a> Meta<'a> {
    /// Finds the members.
    pub(crate) fn scan(scanner: &mut Scanner<'a>) -> Result<Self, Malformed> {
        let mut meta = Self::default();
        if scanner.peek() != Some(b'{') {
            return Ok(Self { text: scanner.value()?, ..meta });
        }
        let text = scanner.object(|scanner, key| {
            let (slot, key) = match key {
                "progressToken" => (&mut meta.progress_token, "progressToken"),
                "io.modelcontextprotocol/protocolVersion" => {
                    (&mut meta.protocol_version, "io.modelcontextprotocol/protocolVersion")
                }
                "io.modelcontextprotocol/clientInfo" => {
                    (&mut meta.client_info, "io.modelcontextprotocol/clientInfo")
                }
                "io.modelcontextprotocol/clientCapabilities" => {
                    (&mut meta.client_capabilities, "io.modelcontextprotocol/clientCapabilities")
                }
                "io.modelcontextprotocol/logLevel" => {
                    (&mut meta.log_level, "io.modelcontextprotocol/logLevel")
                }
                _ => return scanner.value().map(drop),
            };
            put(slot, scanner.value()?, key, &mut meta.duplicate);
            Ok(())
        })?;
        Ok(Self { text, ..meta })
    }

    /// An object that has each key once.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        if !is_object(self.text) {
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

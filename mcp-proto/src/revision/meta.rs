//! The `_meta` member of a request's `params`.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::jsonrpc::set;

/// The keys of `_meta` that the protocol itself reads (2026-07-28, basic, "_meta").
#[derive(Debug, Default)]
pub(crate) struct Meta<'a> {
    pub(crate) progress_token: Option<&'a RawValue>,
    pub(crate) protocol_version: Option<&'a RawValue>,
    pub(crate) client_info: Option<&'a RawValue>,
    pub(crate) client_capabilities: Option<&'a RawValue>,
    pub(crate) log_level: Option<&'a RawValue>,
    duplicate: Option<&'static str>,
}

impl<'a> Meta<'a> {
    pub(crate) fn parse(value: &'a RawValue) -> Result<Self, RpcError> {
        let meta: Self = serde_json::from_str(value.get())
            .map_err(|_| RpcError::invalid_params("invalid params: `_meta` must be an object"))?;
        if let Some(key) = meta.duplicate {
            return Err(RpcError::invalid_params(alloc::format!(
                "invalid params: `_meta` has the key {key:?} twice"
            )));
        }
        Ok(meta)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum MetaKey {
    #[serde(rename = "progressToken")]
    ProgressToken,
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    ProtocolVersion,
    #[serde(rename = "io.modelcontextprotocol/clientInfo")]
    ClientInfo,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    ClientCapabilities,
    #[serde(rename = "io.modelcontextprotocol/logLevel")]
    LogLevel,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Meta<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetaVisitor;

        impl<'de> Visitor<'de> for MetaVisitor {
            type Value = Meta<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut meta = Meta::default();
                while let Some(key) = map.next_key()? {
                    let (slot, key) = match key {
                        MetaKey::ProgressToken => (&mut meta.progress_token, "progressToken"),
                        MetaKey::ProtocolVersion => {
                            (&mut meta.protocol_version, "io.modelcontextprotocol/protocolVersion")
                        }
                        MetaKey::ClientInfo => {
                            (&mut meta.client_info, "io.modelcontextprotocol/clientInfo")
                        }
                        MetaKey::ClientCapabilities => (
                            &mut meta.client_capabilities,
                            "io.modelcontextprotocol/clientCapabilities",
                        ),
                        MetaKey::LogLevel => {
                            (&mut meta.log_level, "io.modelcontextprotocol/logLevel")
                        }
                        MetaKey::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    set(slot, &mut meta.duplicate, key, &mut map)?;
                }
                Ok(meta)
            }
        }

        deserializer.deserialize_map(MetaVisitor)
    }
}

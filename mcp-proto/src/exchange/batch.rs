//! Several messages in one request, which 2025-03-26 has and no other revision (2025-03-26, basic,
//! "Batching").

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Failure;
use super::incoming::not_json;
use super::interpret::{Immediate, Meaning, interpret};
use crate::endpoint::Endpoint;
use crate::error::{Refusal, RpcError};
use crate::http::Head;
use crate::jsonrpc::{Id, Message};
use crate::method::McpMethod;
use crate::request::Request;
use crate::revision::{Era, Revision, VersionField};

/// What a message of a batch turned out to be.
pub(crate) enum BatchMember {
    /// Work for the application.
    Call(Box<Request>),
    /// A request that the protocol itself answers.
    Immediate(Immediate),
    /// One that cannot be served, which is its own affair.
    Failed { id: Option<Id>, error: RpcError },
    /// A notification or response, which gets no answer.
    Accepted,
}

/// Reads a batch of at most `limit` messages.
pub(super) fn read(
    head: &Head,
    body: &str,
    endpoint: &Endpoint,
    limit: usize,
) -> Result<Vec<BatchMember>, Failure> {
    let is_in_session = endpoint.keeps_sessions && head.session_id().is_some();
    match VersionField::parse(head.protocol_version()) {
        VersionField::Absent | VersionField::Known(Revision::V2025_03_26) => {}
        // What was settled for a session is known to the hub.
        VersionField::Known(revision) if revision.era() == Era::Legacy && is_in_session => {}
        _ => return Err(Failure::Refused(Refusal::UnknownBatch)),
    }
    let mut json = serde_json::Deserializer::from_str(body);
    let members = AtMost(limit).deserialize(&mut json).and_then(|members| {
        json.end()?;
        Ok(members)
    });
    let members = members.map_err(|error| Failure::Refused(not_json(&error)))?;
    match members {
        None => Err(Failure::Refused(Refusal::BatchTooLarge { limit })),
        Some(members) if members.is_empty() => Err(Failure::Refused(Refusal::EmptyBatch)),
        Some(members) => {
            members.into_iter().map(|json| read_member(head, json.get(), endpoint)).collect()
        }
    }
}

fn read_member(head: &Head, json: &str, endpoint: &Endpoint) -> Result<BatchMember, Failure> {
    let failed = |id, error| BatchMember::Failed { id, error };
    let Ok(message) = Message::parse(json) else {
        let error = "invalid request: each message of a batch must be an object";
        return Ok(failed(None, RpcError::invalid_request(error)));
    };
    Ok(match interpret(head, &message, json, endpoint) {
        Ok(Meaning::Call(parts)) if !matches!(parts.method, McpMethod::Initialize) => {
            let request = Request { head: head.clone(), body: json.to_owned(), parts };
            BatchMember::Call(Box::new(request))
        }
        Ok(Meaning::Immediate(Immediate::Ping { id })) => {
            BatchMember::Immediate(Immediate::Ping { id })
        }
        // `server/discover` cannot be in one: its revision has no batches.
        Ok(Meaning::Call(_) | Meaning::Immediate(_)) => {
            return Err(Failure::Refused(Refusal::InitializeInBatch));
        }
        Ok(Meaning::Nothing) => BatchMember::Accepted,
        Err(Failure::Rpc { id, error, .. }) => failed(id, error),
        Err(Failure::Refused(refusal)) => {
            failed(None, RpcError::new(refusal.code(), format!("{refusal}")))
        }
    })
}

/// Reads the items of an array, or nothing if there are more.
struct AtMost(usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch, which is an array")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Self::Value, S::Error> {
        let mut members = Vec::new();
        let mut is_too_long = false;
        while let Some(member) = items.next_element()? {
            if members.len() < self.0 {
                members.push(member);
            } else {
                is_too_long = true;
            }
        }
        Ok((!is_too_long).then_some(members))
    }
}

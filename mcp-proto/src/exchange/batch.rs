//! Several messages in one request, which 2025-03-26 has and no other revision (2025-03-26, basic,
//! "Batching").

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Failure;
use super::incoming::no_message;
use super::interpret::{Immediate, Invalid, Meaning, Settled, interpret};
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::error::{ErrorCode, Refusal, RpcError};
use crate::http::Head;
use crate::json::Scanner;
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

/// Reads a batch.
pub(crate) fn read(
    head: &Head,
    settled: Option<&Settled>,
    body: &str,
    endpoint: &Endpoint,
    config: &Config,
) -> Result<Vec<BatchMember>, Failure> {
    let is_in_session = endpoint.keeps_sessions && head.session_id().is_some();
    let declared = VersionField::parse(head.protocol_version());
    match settled.map_or(declared, |settled| VersionField::Known(settled.revision)) {
        VersionField::Absent | VersionField::Known(Revision::V2025_03_26) => {}
        // What was settled for a session is known to the hub.
        VersionField::Known(revision) if revision.era() == Era::Legacy && is_in_session => {}
        _ => return Err(Refusal::UnknownBatch.into()),
    }
    let (limit, depth_limit) = (config.limits.batch, config.limits.json_depth);
    let mut members = Vec::new();
    let mut count = 0_usize;
    let mut scanner = Scanner::new(body, depth_limit);
    let walk = scanner.array(|scanner| {
        let member = scanner.value()?.of(body);
        count += 1;
        if count <= limit {
            members.push(member);
        }
        Ok(())
    });
    walk.and_then(|()| scanner.end())
        .map_err(|malformed| no_message(body, malformed, depth_limit))?;
    if count > limit {
        return Err(Refusal::BatchTooLarge { limit }.into());
    }
    if members.is_empty() {
        return Err(Refusal::EmptyBatch.into());
    }
    let read = |json| read_member(head, settled, json, endpoint, depth_limit);
    members.into_iter().map(read).collect()
}

fn read_member(
    head: &Head,
    settled: Option<&Settled>,
    json: &str,
    endpoint: &Endpoint,
    depth_limit: usize,
) -> Result<BatchMember, Failure> {
    let failed = |id, error| BatchMember::Failed { id, error };
    let mut message = Message::default();
    if message.read(json, depth_limit).is_err() {
        let error = "invalid request: each message of a batch must be an object";
        return Ok(failed(None, RpcError::invalid_request(error)));
    }
    let mut request = Box::new(Request::unread(head.clone(), json.to_owned()));
    let meaning = interpret(&mut request, &message, settled, endpoint);
    // Its revision has no batches, whatever the others are of.
    let is_modern = match &meaning {
        Ok(Meaning::Call) => request.revision().era() == Era::Modern,
        Ok(Meaning::Immediate(immediate)) => matches!(immediate, Immediate::Discover { .. }),
        Ok(Meaning::Nothing) => false,
        // What is no request at all is of none.
        Err(Invalid { era, error, .. }) => {
            *era == Era::Modern && error.code != ErrorCode::INVALID_REQUEST
        }
    };
    if is_modern {
        return Err(Refusal::UnknownBatch.into());
    }
    Ok(match meaning {
        Ok(Meaning::Call) if request.method() != McpMethod::Initialize => {
            BatchMember::Call(request)
        }
        Ok(Meaning::Immediate(Immediate::Ping { id })) => {
            BatchMember::Immediate(Immediate::Ping { id })
        }
        Ok(Meaning::Call | Meaning::Immediate(_)) => {
            return Err(Refusal::InitializeInBatch.into());
        }
        Ok(Meaning::Nothing) => BatchMember::Accepted,
        Err(Invalid { id, error, .. }) => failed(id, error),
    })
}

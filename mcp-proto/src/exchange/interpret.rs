//! From a JSON-RPC message to what it means: JSON-RPC itself first, then the rules of the era, then
//! those of the method.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use super::Failure;
use crate::completion::Completion;
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::http::Head;
use crate::hub::SessionId;
use crate::json::{Scanner, decoded, is_object};
use crate::jsonrpc::{Id, Members, Message};
use crate::method::{McpMethod, Subject};
use crate::request::{ClientMessage, Part, RequestParts, Text};
use crate::revision::{Era, Meta, Revision, VersionField, legacy, modern};
use crate::server_info::Capabilities;
use crate::subscription::SubscriptionFilter;

/// What a message asks for.
#[expect(clippy::large_enum_variant, reason = "on the stack, while a message is read")]
pub(crate) enum Meaning {
    /// Work for the application.
    Call(RequestParts),
    /// A request that the protocol itself answers.
    Immediate(Immediate),
    /// A notification, or the answer to something we did not ask.
    Nothing,
}

/// Requests that need nothing but the description of the server.
pub(crate) enum Immediate {
    Initialize { id: Id, revision: Revision },
    Discover { id: Id },
    Ping { id: Id },
}

/// What the client of a connection has settled with `initialize`, for all that comes by it.
#[derive(Clone, Copy)]
pub(crate) struct Settled {
    /// Where the endpoint keeps any.
    pub(crate) session: Option<SessionId>,
    pub(crate) revision: Revision,
}

/// Finds out what a message means, in the order of the checks that the official suite expects.
pub(crate) fn interpret(
    head: &Head,
    settled: Option<Settled>,
    message: &Message<'_>,
    body: &str,
    endpoint: &Endpoint,
) -> Result<Meaning, Failure> {
    let field = VersionField::parse(head.protocol_version());
    let meta = message.members().and_then(|members| members.meta);
    let meta = meta.map(|meta| meta.check().map(|()| meta)).transpose();
    let declared = match &meta {
        Ok(Some(meta)) => meta.protocol_version.and_then(decoded),
        _ => None,
    };
    let era = field.era(declared.as_deref());

    // Until the id is known, an error goes without one.
    let id = read_id(message).map_err(|error| Failure::Rpc { id: None, era, error })?;
    let declared = declared.as_deref();
    let request = Received { head, settled, message, body, endpoint, field, declared, era };
    let meaning = match request.method() {
        Err(error) => Err(error),
        Ok(None) => request.interpret_response(id.as_ref()),
        Ok(Some(method)) => match &id {
            Some(id) => meta.and_then(|meta| request.interpret_request(id, &method, meta)),
            None => request.interpret_notification(&method),
        },
    };
    meaning.map_err(|error| Failure::Rpc { id, era, error })
}

fn read_id(message: &Message<'_>) -> Result<Option<Id>, RpcError> {
    let wrong =
        || RpcError::invalid_request("invalid request: `id` must be a string or an integer");
    message.id.map(|id| Id::from_json(id).ok_or_else(wrong)).transpose()
}

/// A message and what came with it.
struct Received<'a> {
    head: &'a Head,
    settled: Option<Settled>,
    message: &'a Message<'a>,
    body: &'a str,
    endpoint: &'a Endpoint,
    field: VersionField<'a>,
    /// The version that `_meta` names.
    declared: Option<&'a str>,
    era: Era,
}

impl<'a> Received<'a> {
    fn capabilities(&self) -> &Capabilities {
        &self.endpoint.info().capabilities
    }

    /// The method of a request or notification, or nothing for a response that is let pass.
    fn method(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        let message = self.message;
        if message.jsonrpc != Some("\"2.0\"") {
            return Err(RpcError::invalid_request("invalid request: `jsonrpc` must be \"2.0\""));
        }
        if let Some(key) = message.duplicate() {
            return Err(RpcError::invalid_request(format!(
                "invalid request: the key {key:?} comes twice"
            )));
        }
        match (message.method, message.is_response()) {
            (None, true) if self.era == Era::Legacy => Ok(None),
            (None, _) => Err(RpcError::invalid_request(
                "invalid request: `method` is missing, send a request or a notification",
            )),
            (Some(_), true) => Err(RpcError::invalid_request(
                "invalid request: a message has either `method` or `result` or `error`",
            )),
            (Some(method), false) => decoded(method).map(Some).ok_or_else(|| {
                RpcError::invalid_request("invalid request: `method` must be a string")
            }),
        }
    }

    /// Whether it came in a session of the 2025 revisions, be it one that is there or not.
    fn is_in_session(&self) -> bool {
        let has_session = match self.settled {
            Some(settled) => settled.session.is_some(),
            None => self.head.session_id().is_some(),
        };
        self.era == Era::Legacy && self.endpoint.keeps_sessions && has_session
    }

    /// 2026-07-28 defines no notification that a client sends over HTTP, and one that it sends by
    /// line. None of the 2025 ones says anything else outside of a session.
    fn interpret_notification(&self, method: &str) -> Result<Meaning, RpcError> {
        if let (Era::Modern, VersionField::Unknown(_)) = (self.era, self.field) {
            modern::check_version(self.head, None, None)?;
        }
        // Over HTTP, what is no session's is cancelled by a disconnect.
        let can_cancel = self.head.is_none() && method == "notifications/cancelled";
        if !self.is_in_session() && !can_cancel {
            return Ok(Meaning::Nothing);
        }
        // A notification gets no answer, so one that is malformed means nothing.
        let id_in = |member| Id::from_json(self.read_member(member)?);
        let message = match method {
            "notifications/initialized" => Some(ClientMessage::Initialized),
            "notifications/cancelled" => {
                id_in("requestId").map(|request| ClientMessage::Cancelled { request })
            }
            "notifications/progress" => {
                id_in("progressToken").map(|token| ClientMessage::Progress { token })
            }
            _ => None,
        };
        Ok(self.client_message(message.unwrap_or(ClientMessage::Other)))
    }

    /// Without a session we ask nothing of clients, so it answers somebody else.
    fn interpret_response(&self, id: Option<&Id>) -> Result<Meaning, RpcError> {
        let id = match (id, self.message.error) {
            (Some(id), _) => id.clone(),
            // JSON-RPC 2.0 section 5.1: whoever could not read a request does not know its id.
            (None, Some(_)) => return Ok(Meaning::Nothing),
            (None, None) => {
                return Err(RpcError::invalid_request(
                    "invalid request: an answer needs the `id` of the question",
                ));
            }
        };
        if !self.is_in_session() {
            return Ok(Meaning::Nothing);
        }
        let answer = match self.message.error {
            Some(error) => Err(RpcError::read(error)),
            None => serde_json::from_str(self.message.result.unwrap_or_default())
                .map_err(|_| RpcError::internal("the client's answer cannot be read again")),
        };
        Ok(self.client_message(ClientMessage::Answer { id, answer }))
    }

    fn legacy_revision(&self) -> Revision {
        self.settled.map_or_else(|| legacy::revision_of(self.field), |settled| settled.revision)
    }

    fn client_message(&self, message: ClientMessage) -> Meaning {
        let revision = self.legacy_revision();
        Meaning::Call(RequestParts {
            message: Some(Box::new(message)),
            is_of_session: true,
            session: self.settled.and_then(|settled| settled.session),
            ..RequestParts::new(revision, McpMethod::ClientMessage, None)
        })
    }

    fn interpret_request(
        &self,
        id: &Id,
        method: &str,
        meta: Option<Meta<'_>>,
    ) -> Result<Meaning, RpcError> {
        if self.message.params.is_some() && self.message.members().is_none() {
            return Err(RpcError::invalid_params("invalid params: `params` must be an object"));
        }
        let revision = match self.era {
            Era::Legacy => self.legacy_revision(),
            Era::Modern => {
                modern::check_version(self.head, meta.as_ref(), self.declared)?;
                modern::check_method(self.head, method)?;
                Revision::V2026_07_28
            }
        };
        let id = id.clone();
        Ok(match (self.era, method) {
            (Era::Legacy, "initialize") if !self.endpoint.keeps_sessions => {
                let revision = legacy::negotiate(self.message.members())?;
                Meaning::Immediate(Immediate::Initialize { id, revision })
            }
            (Era::Legacy, "ping") if !self.is_in_session() => {
                Meaning::Immediate(Immediate::Ping { id })
            }
            (Era::Modern, "server/discover") => Meaning::Immediate(Immediate::Discover { id }),
            (_, method) => {
                let is_in_session = self.is_in_session();
                let method = McpMethod::find(method, self.endpoint, self.era, is_in_session)
                    .ok_or_else(|| RpcError::method_not_found(method))?;
                Meaning::Call(self.read_parts(id, method, revision, meta.unwrap_or_default())?)
            }
        })
    }

    fn read_parts(
        &self,
        id: Id,
        method: McpMethod,
        revision: Revision,
        meta: Meta<'_>,
    ) -> Result<RequestParts, RpcError> {
        let absent = Members::default();
        let params = self.message.members().unwrap_or(&absent);
        let part_of = |value| Part::of(value, self.body);
        let object_in = |value| is_object(value).then(|| part_of(value));
        let completion = match method {
            McpMethod::Complete => Some(Box::new(Completion::parse(params)?)),
            _ => None,
        };
        let subscription = match method {
            McpMethod::Listen => Some(Arc::new(self.read_filter(params)?)),
            _ => None,
        };
        let whole_params = match method {
            McpMethod::Extension(_) => self.message.params,
            _ => None,
        };
        let may_retry = self.era == Era::Modern && method.may_require_input();
        if method == McpMethod::Initialize {
            return self.read_initialize(id, params);
        }
        let log_level = match method {
            McpMethod::SetLogLevel => Some(self.read_member("level").ok_or_else(|| {
                RpcError::invalid_params("invalid params: `level` must be a string")
            })?),
            _ => meta.log_level.filter(|_| self.capabilities().logging.is_some()),
        };
        Ok(RequestParts {
            name: self.read_subject(method, params)?,
            cursor: optional(
                params.cursor,
                |cursor| Text::of(cursor, self.body),
                "invalid params: `cursor` must be a string",
            )?,
            arguments: optional(
                params.arguments,
                object_in,
                "invalid params: `arguments` must be an object",
            )?,
            progress_token: optional(
                meta.progress_token,
                Id::from_json,
                "invalid params: `_meta.progressToken` must be a string or an integer",
            )?,
            log_level: optional(
                log_level,
                |level| serde_json::from_str(level).ok(),
                "invalid params: a log level must be one of syslog, such as \"info\"",
            )?,
            completion,
            subscription,
            params: whole_params.map(part_of),
            input_responses: optional(
                params.input_responses.filter(|_| may_retry),
                object_in,
                "invalid params: `inputResponses` must be an object",
            )?,
            request_state: optional(
                params.request_state.filter(|_| may_retry),
                |state| Text::of(state, self.body),
                "invalid params: `requestState` must be a string",
            )?,
            meta: params.meta.map(|meta| part_of(meta.text)),
            client_info: meta.client_info.map(part_of),
            client_capabilities: meta.client_capabilities.map(part_of),
            is_of_session: self.is_in_session(),
            session: self.settled.and_then(|settled| settled.session),
            ..RequestParts::new(revision, method, Some(id))
        })
    }

    /// What a client says of itself when it begins a session.
    fn read_initialize(&self, id: Id, params: &Members<'_>) -> Result<RequestParts, RpcError> {
        let object = |value| is_object(value).then(|| Part::of(value, self.body));
        let revision = legacy::negotiate(Some(params))?;
        Ok(RequestParts {
            client_info: optional(
                params.client_info,
                object,
                "invalid params: `clientInfo` must be an object",
            )?,
            client_capabilities: optional(
                self.read_member("capabilities"),
                object,
                "invalid params: `capabilities` must be an object",
            )?,
            is_of_session: true,
            ..RequestParts::new(revision, McpMethod::Initialize, Some(id))
        })
    }

    /// A member of `params` that few methods have.
    fn read_member(&self, name: &str) -> Option<&'a str> {
        let mut found = None;
        // It has been walked over before, so this can fail only for what is no object.
        let mut scanner = Scanner::new(self.message.params?, usize::MAX);
        let walk = scanner.object(|scanner, key| {
            let value = scanner.value()?;
            if key == name {
                found = Some(value);
            }
            Ok(())
        });
        walk.ok().and(found)
    }

    /// What a client wants to hear of, as far as it is offered: that much is acknowledged.
    fn read_filter(&self, params: &Members<'_>) -> Result<SubscriptionFilter, RpcError> {
        let filter = params.notifications.ok_or_else(|| {
            RpcError::invalid_params("invalid params: `notifications` must be an object")
        })?;
        Ok(self.capabilities().offered_of(SubscriptionFilter::parse(filter)?))
    }

    /// What the request is about, which on 2026-07-28 stands in the head as well.
    fn read_subject(&self, method: McpMethod, params: &Members<'_>) -> Result<Text, RpcError> {
        let (member, value) = match (method, method.subject()) {
            (McpMethod::Extension(position), _) => {
                let Some(member) = &self.endpoint.methods[position].subject else {
                    return Ok(Text::Nothing);
                };
                (member.as_str(), self.read_member(member))
            }
            (_, Subject::Nothing) => return Ok(Text::Nothing),
            (_, Subject::Name) => ("name", params.name),
            (_, Subject::Uri) => ("uri", params.uri),
        };
        let text = value.and_then(|value| Text::of(value, self.body)).ok_or_else(|| {
            RpcError::invalid_params(format!("invalid params: `{member}` must be a string"))
        })?;
        if self.era == Era::Modern {
            modern::check_name(self.head, text.as_str(self.body))?;
        }
        Ok(text)
    }
}

/// Reads a member that may be left out. Some clients write null for that.
fn optional<'a, T>(
    value: Option<&'a str>,
    read: impl FnOnce(&'a str) -> Option<T>,
    complaint: &'static str,
) -> Result<Option<T>, RpcError> {
    match value.filter(|value| *value != "null") {
        None => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| RpcError::invalid_params(complaint)),
    }
}

//! From a JSON-RPC message to what it means: JSON-RPC itself first, then the rules of the era, then
//! those of the method.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use crate::completion::Completion;
use crate::endpoint::Endpoint;
use crate::error::{ErrorCode, RpcError};
use crate::http::Head;
use crate::hub::SessionId;
use crate::json::{Part, Scanner};
use crate::jsonrpc::{Id, Members, Message};
use crate::method::{McpMethod, Subject};
use crate::request::{ClientMessage, Request, RequestParts, Text};
use crate::revision::{Era, Meta, Revision, VersionField, legacy, modern};
use crate::server_info::Capabilities;
use crate::subscription::SubscriptionFilter;

/// What a message asks for.
pub(crate) enum Meaning {
    /// Work for the application. Its request says which.
    Call,
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

/// A message that is none of MCP's, or none that can be served.
pub(crate) struct Invalid {
    /// Of the request, as far as it could be read.
    pub(crate) id: Option<Id>,
    pub(crate) era: Era,
    pub(crate) error: RpcError,
}

/// What the client of a connection has settled with `initialize`, for all that comes by it.
#[derive(Clone, Copy)]
pub(crate) struct Settled {
    /// Where the endpoint keeps any.
    pub(crate) session: Option<SessionId>,
    pub(crate) revision: Revision,
}

/// Finds out what the message in the body of a request means, in the order of the checks that the
/// official suite expects.
pub(crate) fn interpret(
    request: &mut Request,
    message: &Message,
    settled: Option<&Settled>,
    endpoint: &Endpoint,
) -> Result<Meaning, Invalid> {
    let Request { head, body, parts } = request;
    let meta = message.members().and_then(|members| members.meta.as_ref());
    let declared = meta.filter(|meta| meta.check().is_ok()).and_then(|meta| meta.protocol_version);
    let declared = declared.and_then(|declared| message.string(declared, body));
    let declared = declared.as_deref();
    // By line there is no field, and what `_meta` says stands for both.
    let field = match declared {
        Some(declared) if head.is_none() => Some(declared.as_bytes()),
        _ => head.protocol_version(),
    };
    let field = VersionField::parse(field);
    let mut era = field.era(declared);
    // Something that only modern requests have shows that it is one, if not all it needs.
    if era == Era::Legacy && field == VersionField::Absent && meta.is_some_and(Meta::is_modern) {
        era = Era::Modern;
    }
    let received = Received { head, settled, message, body, endpoint, field, meta, declared, era };
    received.interpret(parts).or_else(|error| received.fail(error, parts))
}

/// A message and what came with it.
struct Received<'a> {
    head: &'a Head,
    settled: Option<&'a Settled>,
    message: &'a Message,
    body: &'a str,
    endpoint: &'a Endpoint,
    field: VersionField<'a>,
    meta: Option<&'a Meta>,
    /// The version that `_meta` names.
    declared: Option<&'a str>,
    era: Era,
}

impl<'a> Received<'a> {
    fn interpret(&self, parts: &mut RequestParts) -> Result<Meaning, RpcError> {
        // Until the id is known, an error goes without one.
        parts.id = self.read_id()?;
        match (self.method()?, &parts.id) {
            (Some(method), Some(_)) => self.interpret_request(&method, parts),
            (Some(method), None) => self.interpret_notification(&method, parts),
            (None, _) => self.interpret_response(parts),
        }
    }

    /// What becomes of a message that cannot be served.
    ///
    /// A session that is gone is 404 whatever is asked for in it (2025-11-25, basic/transports, "Session
    /// Management"), and only the hub knows. What is no request at all is not asked for in any.
    #[cold]
    fn fail(&self, error: RpcError, parts: &mut RequestParts) -> Result<Meaning, Invalid> {
        let is_request = parts.id.is_some() && error.code != ErrorCode::INVALID_REQUEST;
        if !is_request || !self.is_in_session() {
            return Err(Invalid { id: parts.id.take(), era: self.era, error });
        }
        parts.method = McpMethod::Invalid;
        parts.revision = self.legacy_revision();
        parts.is_of_session = true;
        parts.session = self.settled.and_then(|settled| settled.session);
        parts.message = Some(Box::new(ClientMessage::Invalid(error)));
        Ok(Meaning::Call)
    }

    fn capabilities(&self) -> &Capabilities {
        &self.endpoint.info().capabilities
    }

    fn text(&self, part: Part) -> &'a str {
        part.of(self.body)
    }

    fn read_text(&self, part: Part) -> Option<Text> {
        Text::of(part, self.message, self.body)
    }

    fn read_id(&self) -> Result<Option<Id>, RpcError> {
        let wrong =
            || RpcError::invalid_request("invalid request: `id` must be a string or an integer");
        // JSON-RPC 2.0 section 5: an error answers null where a message of ours could not be read.
        let id = self.message.id.filter(|id| !self.is_lost_error() || self.text(*id) != NULL);
        id.map(|id| Id::from_json(self.text(id)).ok_or_else(wrong)).transpose()
    }

    /// Whether it is an error that may not know what it answers.
    const fn is_lost_error(&self) -> bool {
        self.message.error.is_some() && self.message.method.is_none()
    }

    /// The method of a request or notification, or nothing for a response that is let pass.
    fn method(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        let message = self.message;
        if message.jsonrpc.is_none_or(|version| version.bytes_of(self.body) != b"\"2.0\"") {
            return Err(RpcError::invalid_request("invalid request: `jsonrpc` must be \"2.0\""));
        }
        if let Some(key) = message.duplicate() {
            return Err(repeated(key));
        }
        match (message.method, message.is_response()) {
            (None, true) if self.era == Era::Legacy => Ok(None),
            (None, _) => Err(RpcError::invalid_request(
                "invalid request: `method` is missing, send a request or a notification",
            )),
            (Some(_), true) => Err(RpcError::invalid_request(
                "invalid request: a message has either `method` or `result` or `error`",
            )),
            (Some(method), false) => message.string(method, self.body).map(Some).ok_or_else(|| {
                RpcError::invalid_request("invalid request: `method` must be a string")
            }),
        }
    }

    /// Whether it came in a session of the 2025 revisions, be it one that is there or not.
    fn is_in_session(&self) -> bool {
        let has_session = || match self.settled {
            Some(settled) => settled.session.is_some(),
            None => self.head.session_id().is_some(),
        };
        self.era == Era::Legacy && self.endpoint.keeps_sessions && has_session()
    }

    /// 2026-07-28 defines no notification that a client sends over HTTP, and one that it sends by
    /// line. None of the 2025 ones says anything else outside of a session.
    fn interpret_notification(
        &self,
        method: &str,
        parts: &mut RequestParts,
    ) -> Result<Meaning, RpcError> {
        if let (Era::Modern, VersionField::Unknown(_)) = (self.era, self.field) {
            modern::check_version(self.head, self.field, self.body, None, None)?;
        }
        // Over HTTP, what is no session's is cancelled by a disconnect.
        let can_cancel = self.head.is_none() && method == "notifications/cancelled";
        if !self.is_in_session() && !can_cancel {
            return Ok(Meaning::Nothing);
        }
        // A notification gets no answer, so one that is malformed means nothing.
        let id_in = |member| Id::from_json(self.read_member(member).ok()??);
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
        if message.is_none() && !self.is_in_session() {
            return Ok(Meaning::Nothing);
        }
        Ok(self.take_client_message(message.unwrap_or(ClientMessage::Other), parts))
    }

    /// Without a session we ask nothing of clients, so it answers somebody else.
    fn interpret_response(&self, parts: &mut RequestParts) -> Result<Meaning, RpcError> {
        let error = self.message.error.map(|error| self.text(error));
        if parts.id.is_none() && error.is_none() {
            return Err(RpcError::invalid_request(
                "invalid request: an answer needs the `id` of the question",
            ));
        }
        // JSON-RPC 2.0 section 5.1: whoever could not read a request does not know its id.
        let Some(id) = parts.id.take().filter(|_| self.is_in_session()) else {
            return Ok(Meaning::Nothing);
        };
        let result = self.message.result.map_or("", |result| self.text(result));
        let answer = match error {
            Some(error) => Err(RpcError::read(error)),
            None => serde_json::from_str(result)
                .map_err(|_| RpcError::internal("the client's answer cannot be read again")),
        };
        Ok(self.take_client_message(ClientMessage::Answer { id, answer }, parts))
    }

    fn legacy_revision(&self) -> Revision {
        self.settled.map_or_else(|| legacy::revision_of(self.field), |settled| settled.revision)
    }

    fn take_client_message(&self, message: ClientMessage, parts: &mut RequestParts) -> Meaning {
        parts.method = McpMethod::ClientMessage;
        parts.revision = self.legacy_revision();
        parts.message = Some(Box::new(message));
        parts.is_of_session = true;
        parts.session = self.settled.and_then(|settled| settled.session);
        Meaning::Call
    }

    fn interpret_request(
        &self,
        method: &str,
        parts: &mut RequestParts,
    ) -> Result<Meaning, RpcError> {
        if let Some(meta) = self.meta {
            meta.check()?;
        }
        if self.message.params.is_some() && self.message.members().is_none() {
            return Err(RpcError::invalid_params("invalid params: `params` must be an object"));
        }
        parts.revision = match self.era {
            Era::Legacy => self.legacy_revision(),
            Era::Modern => {
                modern::check_version(self.head, self.field, self.body, self.meta, self.declared)?;
                modern::check_method(self.head, method)?;
                Revision::V2026_07_28
            }
        };
        if let Some(id) = &parts.id
            && let Some(immediate) = self.immediate(method, id)?
        {
            return Ok(Meaning::Immediate(immediate));
        }
        parts.is_of_session = self.is_in_session();
        parts.method = McpMethod::find(method, self.endpoint, self.era, parts.is_of_session)
            .ok_or_else(|| RpcError::method_not_found(method))?;
        let absent;
        let members = match self.message.members() {
            Some(members) => members,
            None => {
                absent = Members::default();
                &absent
            }
        };
        match parts.method {
            McpMethod::Initialize => self.read_initialize(members, parts)?,
            _ => self.read_parts(members, parts)?,
        }
        Ok(Meaning::Call)
    }

    /// A request that the protocol itself answers.
    fn immediate(&self, method: &str, id: &Id) -> Result<Option<Immediate>, RpcError> {
        let id = || id.clone();
        Ok(match (self.era, method) {
            (Era::Legacy, "initialize") if !self.endpoint.keeps_sessions => {
                Some(Immediate::Initialize { id: id(), revision: self.negotiate()? })
            }
            // By line, a session is not idle while its connection is there, and a ping is answered
            // whatever it is at work on.
            (Era::Legacy, "ping") if !self.is_in_session() || self.settled.is_some() => {
                Some(Immediate::Ping { id: id() })
            }
            (Era::Modern, "server/discover") => Some(Immediate::Discover { id: id() }),
            _ => None,
        })
    }

    fn negotiate(&self) -> Result<Revision, RpcError> {
        let requested = self.message.members().and_then(|members| members.protocol_version);
        legacy::negotiate(requested.map(|requested| self.text(requested)))
    }

    fn read_parts(&self, members: &Members, parts: &mut RequestParts) -> Result<(), RpcError> {
        let absent;
        let meta = match self.meta {
            Some(meta) => meta,
            None => {
                absent = Meta::default();
                &absent
            }
        };
        let method = parts.method;
        match method {
            McpMethod::Complete => {
                parts.completion = Some(Box::new(Completion::parse(members, self.body)?));
            }
            McpMethod::Listen => parts.subscription = Some(Arc::new(self.read_filter(members)?)),
            McpMethod::Extension(_) => parts.params = self.message.params,
            _ => {}
        }
        let log_level = match method {
            McpMethod::SetLogLevel => Some(self.read_member("level")?.ok_or_else(|| {
                RpcError::invalid_params("invalid params: `level` must be a string")
            })?),
            _ if self.era == Era::Modern => {
                meta.log_level.map(|level| self.text(level)).filter(|level| *level != NULL)
            }
            _ => None,
        };
        parts.name = self.read_subject(method, members)?;
        // All that an extension asks with is for the extension to say.
        if !matches!(method, McpMethod::Extension(_)) {
            parts.cursor = self.optional(
                members.cursor,
                |cursor| self.read_text(cursor),
                "invalid params: `cursor` must be a string",
            )?;
            parts.arguments = self.optional_object(
                members.arguments,
                "invalid params: `arguments` must be an object",
            )?;
        }
        parts.progress_token = self.optional(
            meta.progress_token,
            |token| Id::from_json(self.text(token)),
            "invalid params: `_meta.progressToken` must be a string or an integer",
        )?;
        if let Some(level) = log_level {
            let level = serde_json::from_str(level).map_err(|_| {
                RpcError::invalid_params(
                    "invalid params: a log level must be one of syslog, such as \"info\"",
                )
            })?;
            parts.log_level = Some(level).filter(|_| self.capabilities().logging.is_some());
        }
        if self.era == Era::Modern && method.may_require_input() {
            parts.input_responses = self.optional_object(
                members.input_responses,
                "invalid params: `inputResponses` must be an object",
            )?;
            parts.request_state = self.optional(
                members.request_state,
                |state| self.read_text(state),
                "invalid params: `requestState` must be a string",
            )?;
        }
        parts.meta = meta.object;
        // In the 2025 revisions these keys mean nothing: `initialize` says it.
        if self.era == Era::Modern {
            parts.client_info = meta.client_info;
            parts.client_capabilities = meta.client_capabilities;
        }
        parts.session = self.settled.and_then(|settled| settled.session);
        Ok(())
    }

    /// What a client says of itself when it begins a session.
    fn read_initialize(&self, members: &Members, parts: &mut RequestParts) -> Result<(), RpcError> {
        parts.revision = self.negotiate()?;
        parts.is_of_session = true;
        parts.client_info = self.optional_object(
            members.client_info,
            "invalid params: `clientInfo` must be an object",
        )?;
        parts.client_capabilities = self.optional_object(
            self.find_member("capabilities")?,
            "invalid params: `capabilities` must be an object",
        )?;
        Ok(())
    }

    /// A member of `params` that few methods have.
    fn find_member(&self, name: &str) -> Result<Option<Part>, RpcError> {
        let Some(params) = self.message.params else {
            return Ok(None);
        };
        let (mut found, mut is_repeated) = (None, false);
        // It has been walked over before, so this can fail only for what is no object.
        let mut scanner = Scanner::at(self.body, params);
        let walk = scanner.object(|scanner, key| {
            let value = scanner.value()?;
            if key == name.as_bytes() {
                is_repeated |= found.replace(value).is_some();
            }
            Ok(())
        });
        match walk {
            Ok(_) if is_repeated => Err(repeated(name)),
            Ok(_) => Ok(found),
            Err(_) => Ok(None),
        }
    }

    fn read_member(&self, name: &str) -> Result<Option<&'a str>, RpcError> {
        Ok(self.find_member(name)?.map(|member| self.text(member)))
    }

    /// What a client wants to hear of, as far as it is offered: that much is acknowledged.
    fn read_filter(&self, members: &Members) -> Result<SubscriptionFilter, RpcError> {
        let filter = members.notifications.ok_or_else(|| {
            RpcError::invalid_params("invalid params: `notifications` must be an object")
        })?;
        Ok(self.capabilities().offered_of(SubscriptionFilter::parse(self.text(filter))?))
    }

    /// What the request is about, which on 2026-07-28 stands in the head as well.
    fn read_subject(&self, method: McpMethod, members: &Members) -> Result<Text, RpcError> {
        let (member, value) = match (method, method.subject()) {
            (McpMethod::Extension(position), _) => {
                let Some(member) = &self.endpoint.methods[position].subject else {
                    return Ok(Text::Nothing);
                };
                (member.as_str(), self.find_member(member)?)
            }
            (_, Subject::Nothing) => return Ok(Text::Nothing),
            (_, Subject::Name) => ("name", members.name),
            (_, Subject::Uri) => ("uri", members.uri),
        };
        let text = value.and_then(|value| self.read_text(value)).ok_or_else(|| {
            RpcError::invalid_params(format!("invalid params: `{member}` must be a string"))
        })?;
        if self.era == Era::Modern {
            modern::check_name(self.head, text.as_str(self.body))?;
        }
        Ok(text)
    }

    /// Reads a member that may be left out. Some clients write null for that.
    fn optional<T>(
        &self,
        member: Option<Part>,
        read: impl FnOnce(Part) -> Option<T>,
        complaint: &'static str,
    ) -> Result<Option<T>, RpcError> {
        match member {
            Some(member) if self.text(member) != NULL => {
                read(member).map(Some).ok_or_else(|| RpcError::invalid_params(complaint))
            }
            _ => Ok(None),
        }
    }

    fn optional_object(
        &self,
        member: Option<Part>,
        complaint: &'static str,
    ) -> Result<Option<Part>, RpcError> {
        self.optional(member, |member| member.is_object(self.body).then_some(member), complaint)
    }
}

/// Other parsers on the way may have read the other value.
fn repeated(key: &str) -> RpcError {
    RpcError::invalid_request(format!("invalid request: the key {key:?} comes twice"))
}

/// How some clients say that there is nothing.
const NULL: &str = "null";

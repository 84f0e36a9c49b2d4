//! Functions as resources: what they take, and what they may return.

use mcp_proto::{
    Call, ReadResourceResult, Reply, Resource, ResourceContents, ResourceTemplate, RpcError,
    UriTemplate,
};
use serde::de::DeserializeOwned;

use crate::arguments;
use crate::failure::any_rpc_error;
use crate::handler::{Arguments, IntoReply, Kind};

/// The kind of handler that is a resource.
#[derive(Debug)]
pub enum Resources {}

/// What is known of a resource, or of a template of resources, since it was added.
#[doc(hidden)]
#[derive(Debug)]
pub struct ResourceInfo {
    mime_type: Option<String>,
    template: Option<UriTemplate>,
}

impl From<&Resource> for ResourceInfo {
    fn from(resource: &Resource) -> Self {
        Self { mime_type: resource.mime_type.clone(), template: None }
    }
}

impl From<&ResourceTemplate> for ResourceInfo {
    fn from(template: &ResourceTemplate) -> Self {
        Self {
            mime_type: template.mime_type.clone(),
            template: Some(template.uri_template.clone()),
        }
    }
}

/// The resource that is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceSubject {
    /// The URI it was asked for by.
    pub uri: String,
    /// Its media type, as it was added.
    pub mime_type: Option<String>,
}

impl Kind for Resources {
    type Info = ResourceInfo;
    type Subject = ResourceSubject;

    fn subject(call: &Call, info: &ResourceInfo) -> ResourceSubject {
        let uri = call.request().name().to_owned();
        ResourceSubject { uri, mime_type: info.mime_type.clone() }
    }
}

/// The variables of a template, by name; numbers may be numbers.
impl<A: DeserializeOwned> Arguments<Resources> for A {
    fn parse(call: &Call, info: &ResourceInfo) -> Result<Self, Reply> {
        let uri = call.request().name();
        let captures = match &info.template {
            Some(template) => template.match_uri(uri).unwrap_or_default(),
            None => Vec::new(),
        };
        arguments::from_texts(&captures).map_err(|error| {
            Reply::Error(match mistake(info.template.as_ref(), &error) {
                Some(mistake) => {
                    tracing::warn!("no URI fits a handler: {mistake}");
                    RpcError::internal(format!("internal error: {mistake}"))
                }
                None => RpcError::invalid_params(format!("invalid resource URI: {error}")),
            })
        })
    }
}

/// What is wrong with a handler that can be called for no URI at all: no client could do better.
fn mistake(template: Option<&UriTemplate>, error: &str) -> Option<String> {
    let Some(template) = template else {
        return Some("the handler of a resource takes no arguments but a `Context`".into());
    };
    let field = error.strip_prefix("missing field `")?.strip_suffix('`')?;
    let is_unknown = template.variables().all(|name| name != field);
    is_unknown.then(|| {
        format!("the handler takes `{field}`, which is no variable of {:?}", template.as_str())
    })
}

/// A value that a resource may return.
///
/// Text and bytes become one content with the URI that was asked for and the media type that the
/// resource was added with. An `Err` is answered as -32603 with its text, which the client gets to
/// read: keep secrets out of it. [`RpcError`] and [`AskError`](crate::AskError) are answered as what
/// they are.
#[diagnostic::on_unimplemented(
    message = "a resource cannot return `{Self}`",
    note = "return text, bytes, `ResourceContents`, `Vec<ResourceContents>`, `ReadResourceResult`, \
            or a `Result` of these"
)]
pub trait IntoResourceResult {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// If there is no result to send, only an error.
    fn into_resource_result(self, subject: ResourceSubject)
    -> Result<ReadResourceResult, RpcError>;
}

impl<R: IntoResourceResult> IntoReply<Resources> for R {
    fn into_reply(self, subject: ResourceSubject) -> Reply {
        self.into_resource_result(subject).map_or_else(Reply::Error, Reply::Resource)
    }
}

impl IntoResourceResult for ReadResourceResult {
    fn into_resource_result(self, _: ResourceSubject) -> Result<ReadResourceResult, RpcError> {
        Ok(self)
    }
}

impl IntoResourceResult for Vec<ResourceContents> {
    fn into_resource_result(self, _: ResourceSubject) -> Result<ReadResourceResult, RpcError> {
        Ok(ReadResourceResult::new(self))
    }
}

impl IntoResourceResult for ResourceContents {
    fn into_resource_result(self, _: ResourceSubject) -> Result<ReadResourceResult, RpcError> {
        Ok(ReadResourceResult::new(vec![self]))
    }
}

impl IntoResourceResult for String {
    fn into_resource_result(
        self,
        subject: ResourceSubject,
    ) -> Result<ReadResourceResult, RpcError> {
        let mut contents = ResourceContents::text(subject.uri, self);
        contents.mime_type = subject.mime_type;
        Ok(ReadResourceResult::new(vec![contents]))
    }
}

impl IntoResourceResult for &'static str {
    fn into_resource_result(
        self,
        subject: ResourceSubject,
    ) -> Result<ReadResourceResult, RpcError> {
        self.to_owned().into_resource_result(subject)
    }
}

impl IntoResourceResult for Vec<u8> {
    fn into_resource_result(
        self,
        subject: ResourceSubject,
    ) -> Result<ReadResourceResult, RpcError> {
        let mut contents = ResourceContents::blob(subject.uri, &self);
        contents.mime_type = subject.mime_type;
        Ok(ReadResourceResult::new(vec![contents]))
    }
}

impl IntoResourceResult for &'static [u8] {
    fn into_resource_result(
        self,
        subject: ResourceSubject,
    ) -> Result<ReadResourceResult, RpcError> {
        self.to_owned().into_resource_result(subject)
    }
}

impl<T: IntoResourceResult, E: std::fmt::Display + 'static> IntoResourceResult for Result<T, E> {
    fn into_resource_result(
        self,
        subject: ResourceSubject,
    ) -> Result<ReadResourceResult, RpcError> {
        self.map_err(|error| any_rpc_error(&error))?.into_resource_result(subject)
    }
}

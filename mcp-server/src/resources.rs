//! Functions as resources: what they take, and what they may return.

use mcp_proto::{
    Call, ReadResourceResult, Reply, Resource, ResourceContents, ResourceTemplate, RpcError,
    UriTemplate,
};
use serde::de::DeserializeOwned;

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
        // The same text that a form of these values would be sent as.
        serde_urlencoded::to_string(&captures)
            .map_err(|error| error.to_string())
            .and_then(|form| serde_urlencoded::from_str(&form).map_err(|error| error.to_string()))
            .map_err(|error| {
                Reply::Error(RpcError::invalid_params(format!("invalid resource URI: {error}")))
            })
    }
}

/// A value that a resource may return.
///
/// Text and bytes become one content with the URI that was asked for and the media type that the
/// resource was added with. An `Err` is answered as -32603 with its text, which the client gets to
/// read: keep secrets out of it. [`RpcError`] and [`AskError`](crate::AskError) are answered as what
/// they are.
#[diagnostic::on_unimplemented(
    message = "a resource cannot return `{Self}`",
    note = "return text, bytes, `ResourceContents`, `Vec<ResourceContents>`, or a `Result` of \
            these"
)]
pub trait IntoResourceContents {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// If there is none but that something went wrong.
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError>;
}

impl<R: IntoResourceContents> IntoReply<Resources> for R {
    fn into_reply(self, subject: ResourceSubject) -> Reply {
        match self.into_contents(subject) {
            Ok(contents) => Reply::Resource(ReadResourceResult::new(contents)),
            Err(error) => Reply::Error(error),
        }
    }
}

impl IntoResourceContents for Vec<ResourceContents> {
    fn into_contents(self, _: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        Ok(self)
    }
}

impl IntoResourceContents for ResourceContents {
    fn into_contents(self, _: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        Ok(vec![self])
    }
}

impl IntoResourceContents for String {
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        let mut contents = ResourceContents::text(subject.uri, self);
        contents.mime_type = subject.mime_type;
        Ok(vec![contents])
    }
}

impl IntoResourceContents for &'static str {
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        self.to_owned().into_contents(subject)
    }
}

impl IntoResourceContents for Vec<u8> {
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        let mut contents = ResourceContents::blob(subject.uri, &self);
        contents.mime_type = subject.mime_type;
        Ok(vec![contents])
    }
}

impl IntoResourceContents for &'static [u8] {
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        self.to_owned().into_contents(subject)
    }
}

impl<T: IntoResourceContents, E: std::fmt::Display + 'static> IntoResourceContents
    for Result<T, E>
{
    fn into_contents(self, subject: ResourceSubject) -> Result<Vec<ResourceContents>, RpcError> {
        self.map_err(|error| any_rpc_error(&error))?.into_contents(subject)
    }
}

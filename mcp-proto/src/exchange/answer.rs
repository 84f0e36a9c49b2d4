//! The response to one call, as a JSON object or as an event stream.
//!
//! Which of the two follows the handler: the first thing it does decides. Once the head of a
//! stream is out, everything else goes into that stream.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::call::{Notification, Reply};
use crate::endpoint::{Endpoint, ResponseMode};
use crate::error::Status;
use crate::http::{BodyEncoding, ResponseHead, ResponseWriter};
use crate::jsonrpc::Id;
use crate::limits::Deadlines;
use crate::logging::LogLevel;
use crate::media::{self, Accepts};
use crate::method::McpMethod;
use crate::request::Request;
use crate::revision::{Era, Revision};
use crate::sse;
use crate::subscription::SubscriptionFilter;
use crate::time::Instant;

use super::encode::{
    json_head, write_acknowledged, write_changed, write_log, write_progress, write_reply,
    wrong_kind_of_reply,
};

/// What a response needs to know of its request, and how far it has come.
pub(crate) struct Answer {
    id: Id,
    revision: Revision,
    method: McpMethod,
    progress_token: Option<Id>,
    log_level: Option<LogLevel>,
    accepts: Accepts,
    mode: ResponseMode,
    last_progress: Option<f64>,
    /// Of a call to `subscriptions/listen`.
    subscription: Option<Subscription>,
    shape: Shape,
}

struct Subscription {
    filter: Arc<SubscriptionFilter>,
    /// Whether the client has been told. Nothing else goes out before that.
    is_acknowledged: bool,
}

enum Shape {
    /// Nothing has been sent.
    Open { since: Instant },
    /// The head of an event stream is out.
    Stream { encoding: BodyEncoding, last_sent: Instant },
}

impl Answer {
    pub(crate) fn new(
        request: &Request,
        accepts: Accepts,
        mode: ResponseMode,
        now: Instant,
    ) -> Self {
        Self {
            id: request.id().clone(),
            revision: request.revision(),
            method: request.method(),
            progress_token: request.progress_token().cloned(),
            log_level: request.log_level(),
            accepts,
            mode,
            last_progress: None,
            subscription: request
                .subscription()
                .map(|filter| Subscription { filter: filter.clone(), is_acknowledged: false }),
            shape: Shape::Open { since: now },
        }
    }

    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether it is a stream of changes, which goes on until its client leaves or the server shuts
    /// down.
    pub(crate) const fn is_subscription(&self) -> bool {
        self.subscription.is_some()
    }

    /// Sends a notification, if the client wants it and there is a stream to send it on.
    pub(crate) fn notify(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        notification: &Notification,
    ) {
        if !self.accepts.event_stream {
            return;
        }
        if let Some(subscription) = &mut self.subscription {
            let filter = subscription.filter.clone();
            match notification {
                Notification::Subscribed if !subscription.is_acknowledged => {
                    subscription.is_acknowledged = true;
                    let id = self.id.clone();
                    self.send_event(writer, now, |out| write_acknowledged(out, &id, &filter));
                }
                Notification::Changed(change)
                    if subscription.is_acknowledged && filter.includes(change) =>
                {
                    let id = self.id.clone();
                    self.send_event(writer, now, |out| write_changed(out, &id, change));
                }
                _ => {}
            }
            return;
        }
        match notification {
            Notification::Progress(progress) => {
                let Some(token) = self.progress_token.clone() else {
                    return;
                };
                // It must increase each time (2026-07-28, basic/patterns/progress).
                let has_increased = self.last_progress.is_none_or(|last| progress.progress > last);
                if progress.progress.is_finite() && has_increased {
                    self.last_progress = Some(progress.progress);
                    self.send_event(writer, now, |out| write_progress(out, &token, progress));
                }
            }
            Notification::Log(log) => {
                if self.log_level.is_some_and(|least| log.level >= least) {
                    self.send_event(writer, now, |out| write_log(out, log));
                }
            }
            Notification::Subscribed | Notification::Changed(_) => {}
        }
    }

    fn send_event(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        message: impl FnOnce(&mut Vec<u8>),
    ) {
        let encoding = self.stream(writer, now);
        writer.write_piece(encoding, |out| sse::write_event(out, message));
    }

    /// Sends the final response.
    pub(crate) fn reply(
        mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        endpoint: &Endpoint,
        mut reply: Reply,
    ) {
        let fits = match &reply {
            Reply::Error(_) => true,
            Reply::List(list) => list.method == self.method,
            Reply::Tool(result) => {
                // The 2025 revisions know one type of result.
                let is_known = result.extension.is_none() || self.revision.era() == Era::Modern;
                self.method == McpMethod::CallTool && is_known
            }
            Reply::Prompt(_) => self.method == McpMethod::GetPrompt,
            Reply::Resource(_) => self.method == McpMethod::ReadResource,
            Reply::Completion(_) => self.method == McpMethod::Complete,
            Reply::InputRequired(_) => {
                self.revision.era() == Era::Modern && self.method.may_require_input()
            }
            Reply::SubscriptionEnded => self.method == McpMethod::Listen,
            Reply::Extension(_) => matches!(self.method, McpMethod::Extension(_)),
        };
        if !fits {
            reply = Reply::Error(wrong_kind_of_reply());
        }
        if matches!(reply, Reply::SubscriptionEnded) {
            // The acknowledgment is the first message, even of one that ends as it begins.
            self.notify(writer, now, &Notification::Subscribed);
        }
        let status = match &reply {
            Reply::Error(error) => error.status(self.revision.era()),
            _ => Status::Ok,
        };
        // An error has a status of its own, which a stream could not carry.
        let is_pinned = self.mode == ResponseMode::EventStream && !matches!(reply, Reply::Error(_));
        let is_streaming = matches!(self.shape, Shape::Stream { .. });
        if is_streaming || is_pinned || !self.accepts.json {
            let encoding = self.stream(writer, now);
            writer.write_piece(encoding, |out| {
                sse::write_event(out, |out| {
                    write_reply(out, &self.id, self.revision, endpoint, &reply);
                });
            });
            writer.end_stream(encoding);
        } else {
            writer.write_whole(json_head(status), |out| {
                write_reply(out, &self.id, self.revision, endpoint, &reply);
            });
        }
    }

    /// When [`Answer::keep_alive`] is due.
    pub(crate) fn deadline(&self, deadlines: &Deadlines) -> Option<Instant> {
        match self.shape {
            Shape::Open { .. } if !self.accepts.event_stream => None,
            Shape::Open { since } => Some(since + deadlines.stream_after),
            Shape::Stream { last_sent, .. } => Some(last_sent + deadlines.keep_alive),
        }
    }

    /// Tells the client and the proxies on the way that somebody is still at work.
    pub(crate) fn keep_alive(&mut self, writer: &mut ResponseWriter<'_>, now: Instant) {
        let encoding = self.stream(writer, now);
        writer.write_piece(encoding, sse::write_keep_alive);
    }

    /// Begins the event stream if that has not happened yet.
    fn stream(&mut self, writer: &mut ResponseWriter<'_>, now: Instant) -> BodyEncoding {
        let encoding = match self.shape {
            Shape::Stream { encoding, .. } => encoding,
            Shape::Open { .. } => writer.begin_stream(ResponseHead {
                status: Status::Ok,
                content_type: Some(media::EVENT_STREAM),
                // The second keeps nginx from holding events back until its buffer is full.
                fields: "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n",
            }),
        };
        self.shape = Shape::Stream { encoding, last_sent: now };
        encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallKey;
    use crate::config::Config;
    use crate::server_info::{ServerInfo, ToolsCapability};
    use crate::session::{Input, Output, Session};
    use crate::subscription::Change;
    use crate::time::Now;
    use alloc::format;
    use alloc::string::String;

    const NOW: Now = Now::new(Instant::from_micros(0), 0);

    /// A session in which a client listens for tools, with the key of that call.
    fn listening() -> (Session, CallKey) {
        let mut info = ServerInfo::new("t", "1");
        info.capabilities.tools = Some(ToolsCapability { list_changed: true });
        let config = Config::new([Endpoint::new("/mcp", info).unwrap()]);
        let body = concat!(
            r#"{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"#,
            r#""notifications":{"toolsListChanged":true,"promptsListChanged":true},"_meta":{"#,
            r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
            r#""io.modelcontextprotocol/clientCapabilities":{}}}}"#
        );
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
             Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut session = Session::new(Arc::new(config), NOW);
        session.handle(NOW, Input::Bytes(head.as_bytes()));
        match session.poll_output() {
            Some(Output::Call(call)) => (session, call.key()),
            other => panic!("{other:?}"),
        }
    }

    /// What has been sent since, as the names of notifications and `result`.
    fn sent(session: &mut Session) -> String {
        let bytes = session.transmit().to_vec();
        session.handle(NOW, Input::Written(bytes.len()));
        let text = String::from_utf8(bytes).unwrap();
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let name = |event: &str| match event.split_once("notifications/") {
            Some((_, name)) => name.split_once('"').map_or("", |(name, _)| name).into(),
            None if event.contains(r#""id":"l","result""#) => "result".into(),
            None => format!("[{event}]"),
        };
        events.map(name).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn nothing_comes_before_the_acknowledgment_and_nothing_that_was_not_granted_after_it() {
        let (mut session, key) = listening();
        let notify = |session: &mut Session, notification| {
            session.handle(NOW, Input::Notify(key, notification));
            sent(session)
        };
        let changed = Notification::Changed;
        assert_eq!(notify(&mut session, changed(Change::Tools)), "");
        let acknowledged = "subscriptions/acknowledged";
        assert_eq!(notify(&mut session, Notification::Subscribed), acknowledged);
        assert_eq!(notify(&mut session, Notification::Subscribed), "");
        // Asked for, and not among the capabilities; and not asked for.
        assert_eq!(notify(&mut session, changed(Change::Prompts)), "");
        assert_eq!(notify(&mut session, changed(Change::resource("a:"))), "");
        assert_eq!(notify(&mut session, changed(Change::Tools)), "tools/list_changed");
        session.handle(NOW, Input::Reply(key, Reply::SubscriptionEnded));
        assert_eq!(sent(&mut session), "result");
        assert_eq!(notify(&mut session, changed(Change::Tools)), "");
    }

    #[test]
    fn the_end_is_no_first_message() {
        let (mut session, key) = listening();
        session.handle(NOW, Input::Reply(key, Reply::SubscriptionEnded));
        assert_eq!(sent(&mut session), "subscriptions/acknowledged result");
    }
}

//! The response to one HTTP request, as JSON or as an event stream.
//!
//! Which of the two follows the handler: the first thing it does decides. Once the head of a
//! stream is out, everything else goes into that stream.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::encode::{json_head, write_accepted};
use super::messages::Messages;
use crate::call::{Call, CallKey, Notification, Reply, ResponseForm};
use crate::endpoint::Endpoint;
use crate::error::{RpcError, Status};
use crate::http::{BodyEncoding, ResponseHead, ResponseWriter};
use crate::hub::{SessionId, StreamEvent, StreamStart};
use crate::limits::Deadlines;
use crate::method::McpMethod;
use crate::sse;
use crate::time::Instant;

/// What a response needs to know of the calls it answers, and how far it has come.
pub(crate) struct Answer {
    calls: Calls,
    form: ResponseForm,
    shape: Shape,
    /// The stream of a session that it reads, once that is known.
    stream: Option<StreamStart>,
    /// The session that begins with it, once that is known.
    session: Option<SessionId>,
}

enum Calls {
    One(CallKey, Messages),
    /// The calls that are still open, and the responses that are ready and not out.
    Batch(BTreeMap<CallKey, Messages>, Vec<Vec<u8>>),
    None,
}

enum Shape {
    /// Nothing has been sent.
    Open { since: Instant },
    /// The head of an event stream is out.
    Stream { encoding: BodyEncoding, last_sent: Instant },
}

impl Answer {
    /// The response to one call.
    pub(crate) fn new(call: &Call, now: Instant) -> Self {
        Self {
            calls: Calls::One(call.key, Messages::new(&call.request)),
            form: call.form,
            shape: Shape::Open { since: now },
            stream: None,
            session: None,
        }
    }

    /// The response to a batch, of which `calls` are to be answered, and `ready` has been.
    pub(crate) fn batch(
        calls: &[Call],
        ready: Vec<Vec<u8>>,
        form: ResponseForm,
        now: Instant,
    ) -> Self {
        let calls = calls.iter().map(|call| (call.key, Messages::new(&call.request))).collect();
        Self {
            calls: Calls::Batch(calls, ready),
            form,
            shape: Shape::Open { since: now },
            stream: None,
            session: None,
        }
    }

    /// The calls that have not been answered.
    pub(crate) fn open(&self) -> impl Iterator<Item = (CallKey, &Messages)> {
        let (one, batch) = match &self.calls {
            Calls::One(key, messages) => (Some((*key, messages)), None),
            Calls::Batch(calls, _) => (None, Some(calls)),
            Calls::None => (None, None),
        };
        let batch = batch.into_iter().flatten();
        one.into_iter().chain(batch.map(|(key, messages)| (*key, messages)))
    }

    pub(crate) fn has(&self, key: CallKey) -> bool {
        match &self.calls {
            Calls::One(open, _) => *open == key,
            Calls::Batch(calls, _) => calls.contains_key(&key),
            Calls::None => false,
        }
    }

    /// Whether every call has been answered, and the response is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.open().next().is_none()
    }

    pub(crate) const fn is_batch(&self) -> bool {
        self.form.is_batch
    }

    /// Whether it is a stream of changes, which goes on until its client leaves or the server shuts
    /// down.
    pub(crate) fn is_subscription(&self) -> bool {
        matches!(&self.calls, Calls::One(_, messages) if messages.is_subscription())
    }

    /// Whether it is a stream that a client of the 2025 revisions has opened by itself, to listen or
    /// to come back to another.
    pub(crate) fn is_opened_stream(&self) -> bool {
        self.is_of(McpMethod::OpenStream)
    }

    /// Whether it answers a call that cannot be in a batch.
    fn is_of(&self, method: McpMethod) -> bool {
        matches!(&self.calls, Calls::One(_, messages) if messages.method() == method)
    }

    /// Takes note of the session that a call belongs to.
    pub(crate) fn admit(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        key: CallKey,
        start: StreamStart,
    ) {
        if let Some(messages) = self.messages(key) {
            messages.set_revision(start.revision);
        }
        self.stream = Some(start);
        if self.is_opened_stream() {
            // The client waits for the head to know that it is heard.
            let encoding = self.stream(writer, now);
            if self.stream.as_ref().is_none_or(|start| start.event_id.is_none()) {
                writer.write_piece(encoding, sse::write_keep_alive);
            }
        }
    }

    /// Whether the response has become an event stream.
    pub(crate) const fn is_streaming(&self) -> bool {
        matches!(self.shape, Shape::Stream { .. })
    }

    /// Whether the response has become an event stream of a session.
    pub(crate) const fn is_streaming_session(&self) -> bool {
        self.stream.is_some() && self.is_streaming()
    }

    /// Sends a notification, if the client wants it and there is a stream to send it on.
    pub(crate) fn notify(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        key: CallKey,
        notification: &Notification,
    ) {
        if !self.form.takes_events {
            return;
        }
        if let Notification::Event(event) = notification {
            return self.send_stream_event(writer, now, event);
        }
        if self.messages(key).is_some_and(|messages| messages.let_through(notification)) {
            let encoding = self.stream(writer, now);
            if let Some(messages) = self.messages(key) {
                writer.write_piece(encoding, |out| {
                    sse::write_event(out, None, |out| messages.write(out, notification));
                });
            }
        }
    }

    /// Sends a message as it stands in a session's stream.
    fn send_stream_event(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        event: &StreamEvent,
    ) {
        let encoding = self.stream(writer, now);
        writer.write_piece(encoding, |out| {
            sse::write_event(out, Some(event.id), |out| {
                out.extend_from_slice(event.message.as_bytes());
            });
        });
    }

    fn send_event(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        message: impl FnOnce(&mut Vec<u8>),
    ) {
        let encoding = self.stream(writer, now);
        writer.write_piece(encoding, |out| sse::write_event(out, None, message));
    }

    /// Answers a call.
    pub(crate) fn reply(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        endpoint: &Endpoint,
        key: CallKey,
        reply: &mut Reply,
    ) {
        if matches!(reply, Reply::SubscriptionEnded) {
            // The acknowledgment is the first message, even of one that ends as it begins.
            self.notify(writer, now, key, &Notification::Subscribed);
        }
        let Some((messages, is_batch)) = self.take(key) else {
            return;
        };
        messages.fit(reply);
        let is_streaming = self.is_streaming();
        if matches!(reply, Reply::NoResponse)
            && !is_streaming
            && !self.form.takes_events
            && !is_batch
        {
            // Without a stream to end, something has to be said.
            *reply = Reply::Error(RpcError::internal("the request was cancelled"));
        }
        let has_status = messages.has_status(reply);
        let is_pinned = self.form.wants_events && !matches!(reply, Reply::Error(_));
        let is_silent = matches!(reply, Reply::NoResponse)
            || (matches!(reply, Reply::Done) && messages.id().is_none());
        if let Reply::Initialized(session) = &*reply {
            self.session = *session;
        }
        if is_batch {
            if !is_silent {
                self.gather(writer, now, |out| messages.write_reply(out, endpoint, reply));
            }
            if self.is_done() {
                self.finish_batch(writer, now);
            }
        } else if let (Reply::Done, McpMethod::EndSession) = (&*reply, messages.method()) {
            writer.write_empty(ResponseHead::new(Status::NoContent, ""));
        } else if let (Reply::Done, McpMethod::ClientMessage) = (&*reply, messages.method()) {
            write_accepted(writer);
        } else if is_streaming || is_pinned || is_silent || !(self.form.takes_json || has_status) {
            if !is_silent {
                self.send_event(writer, now, |out| messages.write_reply(out, endpoint, reply));
            }
            let encoding = self.stream(writer, now);
            writer.end_stream(encoding);
        } else {
            let head = ResponseHead { session: self.session, ..json_head(messages.status(reply)) };
            writer.write_whole(head, |out| messages.write_reply(out, endpoint, reply));
        }
    }

    /// Keeps a response of a batch until it is settled how it goes out, if it is not yet.
    fn gather(
        &mut self,
        writer: &mut ResponseWriter<'_>,
        now: Instant,
        response: impl FnOnce(&mut Vec<u8>),
    ) {
        let is_streaming = self.is_streaming();
        match &mut self.calls {
            Calls::Batch(_, ready) if !is_streaming => {
                let mut message = Vec::new();
                response(&mut message);
                ready.push(message);
            }
            _ => self.send_event(writer, now, response),
        }
    }

    /// Sends what is left of a batch: one array, or the end of the stream.
    pub(crate) fn finish_batch(&mut self, writer: &mut ResponseWriter<'_>, now: Instant) {
        let is_streaming = self.is_streaming();
        if matches!(&self.calls, Calls::Batch(_, ready) if ready.is_empty() && !is_streaming) {
            return write_accepted(writer);
        }
        if is_streaming || self.form.wants_events || !self.form.takes_json {
            let encoding = self.stream(writer, now);
            return writer.end_stream(encoding);
        }
        let Calls::Batch(_, ready) = core::mem::replace(&mut self.calls, Calls::None) else {
            return;
        };
        writer.write_whole(json_head(Status::Ok), |out| {
            for (position, message) in ready.iter().enumerate() {
                out.push(if position == 0 { b'[' } else { b',' });
                out.extend_from_slice(message);
            }
            out.push(b']');
        });
    }

    /// The messages of an open call.
    fn messages(&mut self, key: CallKey) -> Option<&mut Messages> {
        match &mut self.calls {
            Calls::One(open, messages) => (*open == key).then_some(messages),
            Calls::Batch(calls, _) => calls.get_mut(&key),
            Calls::None => None,
        }
    }

    /// Takes a call that is to be answered, and whether it is of a batch.
    fn take(&mut self, key: CallKey) -> Option<(Messages, bool)> {
        match &mut self.calls {
            Calls::Batch(calls, _) => Some((calls.remove(&key)?, true)),
            Calls::One(open, _) if *open == key => {
                match core::mem::replace(&mut self.calls, Calls::None) {
                    Calls::One(_, messages) => Some((messages, false)),
                    _ => None,
                }
            }
            Calls::One(..) | Calls::None => None,
        }
    }

    /// When [`Answer::keep_alive`] is due.
    pub(crate) fn deadline(&self, deadlines: &Deadlines) -> Option<Instant> {
        match self.shape {
            Shape::Open { .. } if !self.form.takes_events => None,
            // The head names the session, which is not known yet.
            Shape::Open { .. } if self.is_of(McpMethod::Initialize) => None,
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
        if let Shape::Stream { encoding, .. } = self.shape {
            self.shape = Shape::Stream { encoding, last_sent: now };
            return encoding;
        }
        // The last field keeps nginx from holding events back until its buffer is full.
        let fields = "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
                      X-Accel-Buffering: no\r\n";
        let head = ResponseHead { session: self.session, ..ResponseHead::new(Status::Ok, fields) };
        let encoding = writer.begin_stream(head);
        self.shape = Shape::Stream { encoding, last_sent: now };
        if let Some(StreamStart { event_id: Some(id), retry, .. }) = &self.stream {
            writer.write_piece(encoding, |out| sse::write_priming_event(out, *id, *retry));
        }
        if let Calls::Batch(_, ready) = &mut self.calls {
            for message in core::mem::take(ready) {
                writer.write_piece(encoding, |out| {
                    sse::write_event(out, None, |out| out.extend_from_slice(&message));
                });
            }
        }
        encoding
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

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

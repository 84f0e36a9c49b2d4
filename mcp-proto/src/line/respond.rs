//! From replies to lines.

use alloc::vec::Vec;

use super::{LineSession, Phase};
use crate::call::{CallKey, Notification, Reply};
use crate::exchange::write_subscription_cancelled;
use crate::json::flatten;
use crate::method::McpMethod;
use crate::revision::Revision;
use crate::session::{ByteQueue, Event, Output};

impl LineSession {
    pub(super) fn reply(&mut self, key: CallKey, reply: Reply) {
        if self.phase == Phase::EndSession(key) {
            return self.close();
        }
        self.answer(key, reply);
        self.advance();
    }

    pub(super) fn answer(&mut self, key: CallKey, mut reply: Reply) {
        if matches!(reply, Reply::SubscriptionEnded) {
            // The acknowledgment is the first message, even of one that ends as it begins.
            self.notify(key, &Notification::Subscribed);
        }
        let Some(open) = self.open.remove(&key) else {
            return;
        };
        open.messages.fit(&mut reply);
        if !matches!(reply, Reply::NoResponse) && open.is_request() {
            let config = self.config.clone();
            self.write_line(|out| open.messages.write_reply(out, &config.endpoints[0], &reply));
        }
        match reply {
            // 2026-07-28 has both: basic/patterns/subscriptions, "Graceful Closure", has the answer, and
            // basic/patterns/cancellation has the server take back, by line, what it ends.
            Reply::SubscriptionEnded => {
                if let Some(id) = open.messages.id() {
                    self.write_line(|out| write_subscription_cancelled(out, id));
                }
            }
            Reply::Initialized(session) => {
                self.settle(session, open.messages.revision());
                self.open_stream();
            }
            Reply::Refused(refusal) => {
                self.outputs.push(Output::Event(Event::Refused { endpoint: Some(0), refusal }));
            }
            _ => {}
        }
    }

    /// Listens to what a client would hear on a GET. A session to which somebody listens is not
    /// idle.
    fn open_stream(&mut self) {
        if let Some(request) = self.request_of_session(McpMethod::OpenStream, None) {
            self.begin_call(request, 0);
        }
    }

    pub(super) fn notify(&mut self, key: CallKey, notification: &Notification) {
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        if let Notification::Event(event) = notification {
            let message = event.message.clone();
            return self.write_line(|out| out.extend_from_slice(message.as_bytes()));
        }
        if open.messages.let_through(notification) {
            write_line(&mut self.out, |out| open.messages.write(out, notification));
        }
    }

    pub(super) fn admit(&mut self, key: CallKey, revision: Revision) {
        if let Some(open) = self.open.get_mut(&key) {
            open.messages.set_revision(revision);
        }
    }

    pub(super) fn write_line(&mut self, message: impl FnOnce(&mut Vec<u8>)) {
        write_line(&mut self.out, message);
    }

    pub(super) fn written(&mut self, count: usize) {
        self.out.consume(count);
        self.advance();
    }
}

/// Appends a message, which has a line of its own whatever the application has put into it.
fn write_line(queue: &mut ByteQueue, message: impl FnOnce(&mut Vec<u8>)) {
    queue.append(|out| {
        let start = out.len();
        message(out);
        flatten(&mut out[start..]);
        out.push(b'\n');
    });
}

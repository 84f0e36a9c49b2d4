//! How messages get to those who read them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;
use core::time::Duration;

use super::Hub;
use super::names::{EventId, ReaderKey, SessionCallKey, SessionId};
use super::session::{Session, SessionCall};
use super::{News, ReplayLog};
use crate::call::ResponseForm;
use crate::error::Refusal;
use crate::exchange::write_changed_in_session;
use crate::revision::Revision;
use crate::time::Instant;

/// A sequence of events, which may take several connections to reach its client.
pub(super) struct Stream {
    /// Whether the client has opened it to listen. If not, it is the response to calls.
    pub(super) is_opened: bool,
    pub(super) form: ResponseForm,
    /// The calls that it has to carry the responses of.
    pub(super) calls: Vec<SessionCallKey>,
    /// Whether the client may know the id of one of its events. If not, it cannot come back.
    pub(super) is_begun: bool,
    /// Whether it is an event stream by now, and no other form of response.
    pub(super) is_streaming: bool,
    pub(super) last_event: u64,
    pub(super) reader: Option<Reader>,
    /// Where it stands in `Hub::left`, if it does.
    pub(super) left_since: Option<Instant>,
}

pub(super) struct Reader {
    pub(super) key: ReaderKey,
    /// What it has yet to take.
    pub(super) queue: VecDeque<StreamEvent>,
    /// Whether there is nothing after that.
    pub(super) ends: bool,
}

/// A message as it stands in a stream.
#[derive(Clone, Debug)]
pub struct StreamEvent {
    pub(crate) id: EventId,
    pub(crate) message: Arc<str>,
}

/// What a session tells a call's response: for [`Input::Admit`](crate::Input::Admit).
#[derive(Clone, Debug)]
pub struct StreamStart {
    /// The revision that was settled with the client.
    pub(crate) revision: Revision,
    /// The id of the beginning of the stream, for clients that know what to do with it.
    pub(crate) event_id: Option<EventId>,
    pub(crate) retry: Duration,
}

/// What there is for a reader.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle both")]
pub enum FromStream {
    /// The next event: hand it in as a [`Notification::Event`](crate::Notification::Event).
    Event(StreamEvent),
    /// There is nothing more for this reader: answer its calls with
    /// [`Reply::NoResponse`](crate::Reply::NoResponse).
    End,
}

impl Stream {
    pub(super) const fn new(is_opened: bool, form: ResponseForm) -> Self {
        Self {
            is_opened,
            form,
            calls: Vec::new(),
            is_begun: is_opened,
            is_streaming: is_opened,
            last_event: 0,
            reader: None,
            left_since: None,
        }
    }

    /// Whether there will be no more events.
    pub(super) fn has_ended(&self) -> bool {
        !self.is_opened && self.calls.is_empty()
    }

    /// Tells the reader that there is nothing after what it has.
    pub(super) fn end(&mut self) -> Option<News> {
        let reader = self.reader.as_mut()?;
        reader.ends = true;
        Some(News::Reader(reader.key))
    }
}

impl Session {
    /// The id by which a client can come back to the beginning of a stream. Older clients take an
    /// event without data for a broken one.
    pub(super) fn start_of(&self, stream: u32, retry: Duration) -> StreamStart {
        let revision = self.client.revision;
        let event_id = revision.primes_streams().then_some(EventId { stream, number: 0 });
        StreamStart { revision, event_id, retry }
    }

    /// Adds an event to a stream.
    fn append(
        &mut self,
        log: &mut dyn ReplayLog,
        now: Instant,
        at: u32,
        message: String,
    ) -> Option<StreamEvent> {
        let key = self.stream_key(at);
        let stream = self.streams.get_mut(&at)?;
        stream.is_begun = true;
        stream.is_streaming = true;
        stream.last_event += 1;
        let message = message.into();
        if !self.is_by_line {
            log.append(now, key, stream.last_event, &message);
        }
        Some(StreamEvent { id: EventId { stream: at, number: stream.last_event }, message })
    }
}

impl Hub {
    /// Takes what comes next for a reader, as soon as its connection can take it. `None` if there is
    /// nothing yet: then [`Hub::poll_news`] names it when there is.
    #[must_use]
    pub fn next_event(&mut self, now: Instant, reader: ReaderKey) -> Option<FromStream> {
        let Some(&(id, at)) = self.readers.get(&reader) else {
            return Some(FromStream::End);
        };
        let session = self.sessions.get_mut(&id)?;
        let stream = session.streams.get_mut(&at)?;
        let current = stream.reader.as_mut()?;
        if let Some(event) = current.queue.pop_front() {
            if current.queue.is_empty() {
                wake_waiting(&stream.calls, &mut self.calls, &mut self.news);
            }
            return Some(FromStream::Event(event));
        }
        if current.ends {
            return Some(FromStream::End);
        }
        if !stream.is_opened || !session.is_initialized {
            return None;
        }
        let mut changes =
            iter::from_fn(|| self.session_subscriptions.next_change(session.subscription));
        let change = changes.find(|change| !session.hidden.contains(change))?;
        let mut message = Vec::new();
        write_changed_in_session(&mut message, &change);
        session.append(&mut *self.log, now, at, text(message)).map(FromStream::Event)
    }

    /// The response that a reader sends has become an event stream, though no event was taken. Its client
    /// may know how to come back, if that has been told how it begins.
    pub fn begin_stream(&mut self, reader: ReaderKey) {
        let Some((id, at)) = self.readers.get(&reader) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(id)
            && let Some(stream) = session.streams.get_mut(at)
        {
            stream.is_streaming = true;
            stream.is_begun |= session.client.revision.primes_streams();
        }
    }

    /// A reader has gone. What is left of its stream waits for the client to come back.
    pub fn detach(&mut self, now: Instant, reader: ReaderKey) {
        self.news.remove(&News::Reader(reader));
        let Some((id, at)) = self.readers.remove(&reader) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id)
            && let Some(stream) = session.streams.get_mut(&at)
        {
            stream.reader = None;
            wake_waiting(&stream.calls, &mut self.calls, &mut self.news);
        }
        self.leave_stream(now, id, at);
        self.settle(now, id);
    }

    /// Decides what is kept of a stream that nobody reads now.
    pub(super) fn leave_stream(&mut self, now: Instant, id: SessionId, at: u32) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(stream) = session.streams.get_mut(&at).filter(|stream| stream.reader.is_none())
        else {
            return;
        };
        if session.is_by_line {
            return self.forget_stream(id, at);
        }
        if stream.has_ended() {
            if stream.is_begun {
                let since = *stream.left_since.get_or_insert(now);
                self.left.insert((since, id, at));
            } else {
                self.forget_stream(id, at);
                return;
            }
        }
        if stream.calls.is_empty() && !session.left.contains(&at) {
            session.left.push(at);
        }
        if session.left.len() > self.limits.streams
            && let Some(oldest) = session.left.iter().copied().min()
        {
            self.forget_stream(id, oldest);
        }
    }

    /// Forgets a stream that has no reader.
    pub(super) fn forget_stream(&mut self, id: SessionId, at: u32) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.streams.get(&at).is_some_and(|stream| stream.reader.is_none()) {
            session.left.retain(|left| *left != at);
            let stream = session.streams.remove(&at);
            let left_since = stream.and_then(|stream| stream.left_since);
            if let Some(since) = left_since {
                self.left.remove(&(since, id, at));
            }
            self.log.forget_stream(session.stream_key(at));
        }
    }

    /// Opens a stream for a client that listens.
    pub(super) fn open_stream(&mut self, id: SessionId, form: ResponseForm) -> Option<Opened> {
        let reader = ReaderKey(self.next_key());
        let session = self.sessions.get_mut(&id)?;
        session.last_stream += 1;
        let at = session.last_stream;
        let mut stream = Stream::new(true, form);
        stream.reader = Some(Reader { key: reader, queue: VecDeque::new(), ends: false });
        session.streams.insert(at, stream);
        self.readers.insert(reader, (id, at));
        Some((reader, session.start_of(at, self.deadlines.retry)))
    }

    /// Leads a client back to a stream, behind the last event that it has seen. If another
    /// connection has that stream, that must be one that the client has given up.
    pub(super) fn resume_stream(
        &mut self,
        id: SessionId,
        last_seen: &[u8],
    ) -> Result<Opened, Refusal> {
        let reader = ReaderKey(self.next_key());
        let last_seen = core::str::from_utf8(last_seen).ok().and_then(EventId::parse);
        let EventId { stream: at, number } = last_seen.ok_or(Refusal::UnknownEvent)?;
        let session = self.sessions.get_mut(&id).ok_or(Refusal::UnknownSession)?;
        let key = session.stream_key(at);
        let stream = session.streams.get_mut(&at).ok_or(Refusal::UnknownEvent)?;
        if !stream.is_begun || number > stream.last_event {
            return Err(Refusal::UnknownEvent);
        }
        // Who has not answered must hear of the question, whatever the log has forgotten.
        let calls = stream.calls.iter().filter_map(|call| self.calls.get(call));
        let open = calls.flat_map(|call| &call.questions).filter_map(|it| it.event.as_ref());
        let mut missed: BTreeMap<u64, Arc<str>> = open
            .filter(|event| event.id.number > number)
            .map(|event| (event.id.number, event.message.clone()))
            .collect();
        let mut last = number;
        while let Some((number, message)) = self.log.next(key, last) {
            last = number;
            missed.insert(number, message);
        }
        let event = |(number, message)| StreamEvent { id: EventId { stream: at, number }, message };
        let keeps_up = missed.is_empty();
        let queue = missed.into_iter().map(event).collect();
        // Without its end, a stream is no use.
        let ends = stream.has_ended();
        if ends && last != stream.last_event {
            return Err(Refusal::UnknownEvent);
        }
        if let Some(other) = stream.reader.replace(Reader { key: reader, queue, ends }) {
            self.readers.remove(&other.key);
            self.news.insert(News::Reader(other.key));
        }
        if keeps_up {
            wake_waiting(&stream.calls, &mut self.calls, &mut self.news);
        }
        self.readers.insert(reader, (id, at));
        session.left.retain(|left| *left != at);
        if let Some(since) = stream.left_since.take() {
            self.left.remove(&(since, id, at));
        }
        let start = session.start_of(at, self.deadlines.retry);
        Ok((reader, StreamStart { event_id: None, ..start }))
    }

    /// Sends a message on a stream, if its client could ever get it. Returns what was sent.
    pub(super) fn push(
        &mut self,
        now: Instant,
        id: SessionId,
        at: u32,
        message: Vec<u8>,
    ) -> Option<StreamEvent> {
        let session = self.sessions.get_mut(&id)?;
        let can_arrive = session.streams.get(&at).is_some_and(|stream| {
            stream.form.takes_events && (stream.is_begun || stream.reader.is_some())
        });
        if !can_arrive {
            return None;
        }
        let event = session.append(&mut *self.log, now, at, text(message))?;
        let reader = session.streams.get_mut(&at).and_then(|stream| stream.reader.as_mut());
        if let Some(reader) = reader {
            reader.queue.push_back(event.clone());
            self.news.insert(News::Reader(reader.key));
        }
        Some(event)
    }
}

/// Names those calls of a stream that have waited for its reader.
fn wake_waiting(
    of_stream: &[SessionCallKey],
    calls: &mut BTreeMap<SessionCallKey, SessionCall>,
    news: &mut BTreeSet<News>,
) {
    for key in of_stream {
        if let Some(call) = calls.get_mut(key).filter(|call| call.waits) {
            call.waits = false;
            news.insert(News::Call(*key));
        }
    }
}

pub(super) type Opened = (ReaderKey, StreamStart);

/// What we write is UTF-8, since all that goes into it is.
fn text(message: Vec<u8>) -> String {
    String::from_utf8(message).unwrap_or_default()
}

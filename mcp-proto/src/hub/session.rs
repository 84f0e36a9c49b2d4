//! What a session of the 2025 revisions consists of.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::value::RawValue;

use super::calls::QuestionFailure;
use super::names::{QuestionKey, ReaderKey, SessionCallKey, StreamKey};
use super::streams::{Stream, StreamEvent};
use super::subscriptions::SubscriptionKey;
use crate::exchange::Messages;
use crate::jsonrpc::Id;
use crate::logging::LogLevel;
use crate::revision::Revision;
use crate::subscription::Change;
use crate::time::Instant;

/// A client that has been initialized.
pub(super) struct Session {
    /// Names it where its id would be a secret.
    pub(super) number: u64,
    pub(super) client: Arc<SessionClient>,
    /// Who opened it. Nobody else gets in.
    pub(super) principal: Option<Box<str>>,
    /// The least severe messages that its client hears of, if the server has any.
    pub(super) log_level: Option<LogLevel>,
    /// Whether the client has said so. Before, it is told of no changes.
    pub(super) is_initialized: bool,
    /// Whether it is that of a connection on which messages go line by line: it ends with it, and
    /// there is nothing to come back to.
    pub(super) is_by_line: bool,
    /// Whether there is a way for its answers. If not, there is no point in questions.
    pub(super) can_answer: bool,
    /// What its client hears of on streams that it opens.
    pub(super) subscription: SubscriptionKey,
    /// What of that was not for it to see when it asked. It counts like all that is not there.
    pub(super) hidden: BTreeSet<Change>,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// Those of them that nobody reads and that carry no call: they are kept to be come back to.
    pub(super) left: Vec<u32>,
    pub(super) last_stream: u32,
    pub(super) calls: Vec<SessionCallKey>,
    /// What its client calls those that have an id, which several may share.
    pub(super) ids: BTreeSet<(Id, SessionCallKey)>,
    /// What its client has been asked and has not answered, and by which call. Keys ascend.
    pub(super) questions: Vec<(QuestionKey, SessionCallKey)>,
    pub(super) last_question: u64,
    /// Where it stands in `Hub::idle`, if it does.
    pub(super) idle_since: Option<Instant>,
}

/// What a client has said in `initialize`, and what was settled.
pub(crate) struct SessionClient {
    pub(crate) revision: Revision,
    pub(crate) info: Option<Box<str>>,
    pub(crate) capabilities: Option<Box<str>>,
}

/// A call that is being served.
pub(super) struct SessionCall {
    pub(super) session: super::SessionId,
    pub(super) stream: u32,
    pub(super) messages: Messages,
    /// Whether it is to be named when its client has caught up.
    pub(super) waits: bool,
    /// What its client has been asked and has not answered. Keys ascend.
    pub(super) questions: Vec<Question>,
    pub(super) answers: VecDeque<(QuestionKey, Result<Box<RawValue>, QuestionFailure>)>,
}

pub(super) struct Question {
    pub(super) key: QuestionKey,
    /// When the time for an answer is over, and when it is however much progress there is.
    pub(super) deadline: Instant,
    pub(super) latest: Instant,
    /// What its client is to get to read.
    pub(super) event: Option<StreamEvent>,
    /// The same, while it has to wait until its client is ready.
    pub(super) held: Option<Vec<u8>>,
}

impl Session {
    /// Whether nothing happens in it: no call is in flight, and nobody reads a stream.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.left.len() == self.streams.len()
    }

    pub(super) const fn stream_key(&self, stream: u32) -> StreamKey {
        StreamKey { session: self.number, stream }
    }

    /// Who reads the streams that its client has opened.
    pub(super) fn open_readers(&self) -> impl Iterator<Item = ReaderKey> {
        let opened = self.streams.values().filter(|stream| stream.is_opened);
        opened.filter_map(|stream| stream.reader.as_ref().map(|reader| reader.key))
    }
}

//! Brings the two directions of a connection together: which response answers which request.

use std::collections::{BTreeMap, BTreeSet};

use mcp_proto::Revision;

use crate::http::{Response, Responses, read_responses};
use crate::messages;
use crate::schema;
use crate::script::Script;
use crate::sent::{Sent, members_of, read_requests};
use crate::simulation::Turn;
use crate::simulation::elsewhere::{FIRST_SESSIONS, INITIALIZED, session_name};

/// The requests and responses of a connection, the nth of the one for the nth of the other.
pub struct Exchanges {
    /// As far as they had come when their responses began, or have come now.
    pub requests: Vec<Sent>,
    /// The responses.
    pub responses: Responses,
    keeps_sessions: bool,
}

/// The revision that a response to `initialize` settles on.
fn settled(response: &Response) -> Revision {
    let messages = response.messages();
    let message = messages.last().expect("a message");
    let all = Revision::ALL.into_iter();
    let mut named = all.filter(|it| message.contains(&format!("\"protocolVersion\":\"{it}\"")));
    named.next().expect("a revision")
}

impl Exchanges {
    /// Reads what was sent in `turns`, the first ones of a trace.
    ///
    /// `fed` bytes of the stream have been received by now. Bytes that come behind a refusal are
    /// not read any more, so each response is seen with those that were there when it began.
    /// Whatever message is in it is valid by its [`schema`].
    pub fn read(turns: &[Turn], emitted: &[u8], script: &Script, fed: usize) -> Self {
        let (stream, keeps_sessions) = (&script.stream[..], script.setup.keeps_sessions);
        let request_at = |number: usize, offset: usize| {
            let turn = turns.iter().find(|turn| turn.emitted.contains(&offset));
            let fed = turn.map_or(0, |turn| turn.fed);
            let mut requests = read_requests(&stream[..fed]);
            assert!(number < requests.len(), "a response to nothing");
            requests.swap_remove(number)
        };
        let end = turns.last().map_or(0, |turn| turn.emitted.end);
        let responses = read_responses(&emitted[..end], |number, offset| {
            request_at(number, offset).method == "HEAD"
        });
        let starts = responses.finals.iter().map(|response| response.start);
        let mut requests: Vec<_> =
            starts.enumerate().map(|(number, offset)| request_at(number, offset)).collect();
        let all = read_requests(&stream[..fed]);
        requests.extend(all.into_iter().skip(responses.finals.len()));
        let mut exchanges = Self { requests, responses, keeps_sessions };
        exchanges.find_sessions();
        for (response, request) in exchanges.pairs() {
            for message in response.messages() {
                let asked = messages::asked_by(message, request).map(|asked| asked.method);
                // A GET comes back for the answer to another request; and where several of a batch
                // have one id, it is not known which is answered. `messages` checks what it can.
                let method = asked.filter(|method| !method.is_empty());
                let is_result = members_of(message).is_some_and(|it| it.contains_key("result"));
                if method.is_some() || !is_result {
                    schema::check(request.revision(), message, method.as_deref());
                }
            }
        }
        exchanges
    }

    /// Finds out which session each request was of. A session that is not known by then has not been
    /// there, or none is: then the request was refused, or served without.
    fn find_sessions(&mut self) {
        let first = FIRST_SESSIONS.iter().zip(1..);
        let mut sessions: BTreeMap<String, Revision> = first
            .map(|(name, number)| (session_name(number), Revision::from_name(name).expect("one")))
            .collect();
        let mut initialized = BTreeSet::from(INITIALIZED.map(session_name));
        for (number, request) in self.requests.iter_mut().enumerate() {
            let is_legacy = request.revision() < Revision::V2026_07_28;
            request.session = request
                .field("mcp-session-id")
                .filter(|_| is_legacy && self.keeps_sessions)
                .and_then(|name| sessions.get(name).copied());
            let name = request.field("mcp-session-id").unwrap_or_default().to_owned();
            let mut messages =
                request.batch().unwrap_or_default().into_iter().chain(request.message());
            if messages.any(|message| message.method == "notifications/initialized") {
                initialized.insert(name.clone());
            }
            request.is_initialized = initialized.contains(&name);
            let response = self.responses.finals.get(number);
            if let Some((response, name)) =
                response.and_then(|response| Some((response, response.field("mcp-session-id")?)))
            {
                let asked = request.message().unwrap_or_default().method;
                assert_eq!(asked, "initialize", "a session that was not asked for");
                let is_new = sessions.insert(name.to_owned(), settled(response)).is_none();
                assert!(is_new, "the session {name} begins twice");
            }
        }
    }

    /// Each response with its request.
    pub fn pairs(&self) -> impl Iterator<Item = (&Response, &Sent)> {
        self.responses.finals.iter().zip(&self.requests)
    }
}

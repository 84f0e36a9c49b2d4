//! Brings the two directions of a connection together: which response answers which request.

use crate::http::{Response, Responses, read_responses};
use crate::messages;
use crate::schema;
use crate::sent::{Sent, read_requests};
use crate::simulation::Turn;

/// The requests and responses of a connection, the nth of the one for the nth of the other.
pub struct Exchanges {
    /// As far as they had come when their responses began, or have come now.
    pub requests: Vec<Sent>,
    /// The responses.
    pub responses: Responses,
}

impl Exchanges {
    /// Reads what was sent in `turns`, the first ones of a trace.
    ///
    /// `fed` bytes of `stream` have been received by now. Bytes that come behind a refusal are
    /// not read any more, so each response is seen with those that were there when it began.
    /// Whatever message is in it is valid by its [`schema`].
    pub fn read(turns: &[Turn], emitted: &[u8], stream: &[u8], fed: usize) -> Self {
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
        let exchanges = Self { requests, responses };
        for (response, request) in exchanges.pairs() {
            for message in response.messages() {
                let asked = messages::asked_by(message, request);
                let method = asked.map(|asked| asked.method);
                schema::check(request.revision(), message, method.as_deref());
            }
        }
        exchanges
    }

    /// Each response with its request.
    pub fn pairs(&self) -> impl Iterator<Item = (&Response, &Sent)> {
        self.responses.finals.iter().zip(&self.requests)
    }
}

//! What a session reports for the log and for counters. Nothing has to be done about it.

use core::fmt;

use crate::call::CallKey;
use crate::error::Refusal;

/// Something worth a line in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer left before a request of its was answered. Reported once for the request in hand,
    /// and once for whatever was pipelined behind it; nothing else is affected. Worth a warning, at
    /// most.
    RequestLost(LostRequest),
    /// A request was refused and the peer has been told why.
    Refused {
        /// The position of the endpoint in [`Config::endpoints`](crate::Config::endpoints), if
        /// the request got that far.
        endpoint: Option<usize>,
        /// Why.
        refusal: Refusal,
    },
    /// A subscription, or a stream that a client of the 2025 revisions has opened, has ended because
    /// its client has left, or the server shuts down.
    StreamEnded {
        /// The position of the endpoint in [`Config::endpoints`](crate::Config::endpoints).
        endpoint: Option<usize>,
    },
}

/// A request whose client left before the answer was out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostRequest {
    /// The position of the endpoint in [`Config::endpoints`](crate::Config::endpoints), if the
    /// head was complete.
    pub endpoint: Option<usize>,
    /// The call that it had become, if that is not answered yet: one of them, for a batch.
    pub call: Option<CallKey>,
    /// How far the request had come.
    pub stage: Lost,
    /// Bytes received: of the body, or of the head if that was still incomplete.
    pub received: u64,
    /// Bytes the body was announced to have. `None` while the head is incomplete, and for a
    /// chunked body.
    pub announced: Option<u64>,
}

/// How far a lost request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lost {
    /// Its head was incomplete, or waited behind another request (pipelining).
    InHead,
    /// It waited to be let in; of its body nothing had been looked at.
    InAuthorization,
    /// Its body was incomplete.
    InBody,
    /// Its line was incomplete.
    InLine,
    /// The application was at work on it.
    InCall,
    /// The answer was ready but not yet written.
    InResponse,
}

impl fmt::Display for LostRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received;
        match (self.stage, self.announced) {
            (Lost::InHead, _) => write!(f, "client left within the head, after {received} bytes"),
            (Lost::InAuthorization, _) => write!(f, "client left while it waited to be let in"),
            (Lost::InBody, Some(announced)) => {
                write!(f, "client left within the body, after {received} of {announced} bytes")
            }
            (Lost::InBody, None) => {
                write!(f, "client left within a chunked body, after {received} bytes")
            }
            (Lost::InLine, _) => write!(f, "client left within a line, after {received} bytes"),
            (Lost::InCall, _) => write!(f, "client left during the call"),
            (Lost::InResponse, _) => write!(f, "client left before the answer was written"),
        }
    }
}

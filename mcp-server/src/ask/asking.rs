//! What a call has asked its client, and what it knows of the answers.

use std::collections::{BTreeMap, BTreeSet};

use mcp_proto::{ClientCapabilities, Era, InputRequest, McpMethod, QuestionFailure, RpcError};
use serde_json::value::RawValue;

use super::AskError;
use crate::context::Context;
use crate::request_state::Remembered;

/// What a handler has asked, and what it knows.
#[derive(Default)]
pub(crate) struct Asking {
    /// From earlier rounds, and for later ones.
    pub(crate) remembered: Remembered,
    /// Whether the call is of a session, in which questions are asked at once.
    pub(super) is_in_session: bool,
    /// In the order asked. What is no request for input asks whether the client is there.
    pub(crate) asked: Vec<(String, Option<InputRequest>)>,
    /// Questions of a session whose answers nobody waits for any more.
    pub(crate) withdrawn: Vec<String>,
    /// Why questions of a session have no answer.
    failed: BTreeMap<String, AskError>,
    /// Whether the client is to come back for the answer to its call.
    pub(crate) is_released: bool,
    pings: u64,
    /// The keys of questions and of steps that have come up in this round.
    questions: BTreeSet<String>,
    steps: BTreeSet<String>,
    /// What the client has answered in this round, read when the first question is asked: it may be
    /// much, and most handlers have no question. What nobody asks for is left here.
    responses: Option<BTreeMap<String, Box<RawValue>>>,
    /// What the client can do, likewise. Without its extensions, which no question needs.
    capabilities: Option<ClientCapabilities>,
}

impl Asking {
    pub(crate) fn new(remembered: Remembered, is_in_session: bool) -> Self {
        Self { remembered, is_in_session, ..Self::default() }
    }

    /// Finds the answer to a question, or asks it.
    pub(super) fn ask(
        &mut self,
        key: &str,
        request: Result<Option<InputRequest>, AskError>,
        context: &Context,
    ) -> Result<Option<Box<RawValue>>, AskError> {
        take(&mut self.questions, key)?;
        if self.is_in_session {
            let request = request?;
            if let Some(request) = &request {
                context.client_capabilities().check(request)?;
            }
            self.asked.push((key.to_owned(), request));
            return Ok(None);
        }
        // Only these can be called again with an answer (2026-07-28, basic/patterns/mrtr, "Supported
        // Requests").
        let has_rounds = matches!(
            context.request().method(),
            McpMethod::CallTool | McpMethod::GetPrompt | McpMethod::ReadResource
        );
        if context.revision().era() == Era::Legacy || !has_rounds {
            return Err(AskError::NobodyToAsk);
        }
        if let Some(answer) = self.remembered.answers.get(key) {
            return Ok(Some(answer.clone()));
        }
        let responses = match &mut self.responses {
            Some(responses) => responses,
            unread => unread.insert(read_responses(key, context)?),
        };
        if let Some((key, answer)) = responses.remove_entry(key) {
            self.remembered.answers.insert(key, answer.clone());
            return Ok(Some(answer));
        }
        // It has no pings.
        let request = request?.ok_or(AskError::NobodyToAsk)?;
        let capabilities = self.capabilities.get_or_insert_with(|| {
            let mut capabilities = context.client_capabilities();
            capabilities.extensions = BTreeMap::new();
            capabilities
        });
        capabilities.check(&request)?;
        self.asked.push((key.to_owned(), Some(request)));
        Ok(None)
    }

    /// The key of another ping, which its handler need not name.
    pub(super) fn next_ping(&mut self) -> String {
        self.pings += 1;
        format!("ping {}", self.pings)
    }

    /// The answer to a question that was asked in a session, if it is there.
    pub(super) fn take_answer(&mut self, key: &str) -> Option<Result<Box<RawValue>, AskError>> {
        match self.failed.remove(key) {
            Some(error) => Some(Err(error)),
            None => self.remembered.answers.remove(key).map(Ok),
        }
    }

    /// Takes back a question. In a session, its client may have heard of it.
    pub(super) fn withdraw(&mut self, key: String) {
        let asked = self.asked.len();
        self.asked.retain(|(other, _)| *other != key);
        if self.is_in_session && self.asked.len() == asked {
            self.withdrawn.push(key);
        }
    }

    /// Takes in answers of the client.
    pub(crate) fn answer(&mut self, answers: Vec<(String, Answered)>) {
        for (key, answer) in answers {
            match answer {
                Answered::With(answer) => drop(self.remembered.answers.insert(key, answer)),
                Answered::Refused(error) => {
                    drop(self.failed.insert(key.clone(), AskError::Refused { key, error }));
                }
                Answered::TimedOut => {
                    drop(self.failed.insert(key.clone(), AskError::TimedOut { key }));
                }
                Answered::Left => drop(self.failed.insert(key.clone(), AskError::Left { key })),
                Answered::Not(error) => drop(self.failed.insert(key, error)),
            }
        }
    }

    /// Finds the outcome of a step, if it has been done.
    pub(super) fn begin_step(&mut self, key: &str) -> Result<Option<Box<RawValue>>, AskError> {
        take(&mut self.steps, key)?;
        Ok(self.remembered.done.get(key).cloned())
    }

    /// The step was dropped, perhaps before it was done: then it can be begun again.
    pub(super) fn leave_step(&mut self, key: &str) {
        if !self.remembered.done.contains_key(key) {
            self.steps.remove(key);
        }
    }
}

/// What has become of a question.
pub(crate) enum Answered {
    With(Box<RawValue>),
    Refused(RpcError),
    TimedOut,
    Left,
    /// It was not asked.
    Not(AskError),
}

impl From<Result<Box<RawValue>, QuestionFailure>> for Answered {
    fn from(answer: Result<Box<RawValue>, QuestionFailure>) -> Self {
        match answer {
            Ok(answer) => Self::With(answer),
            Err(QuestionFailure::Refused(error)) => Self::Refused(error),
            Err(QuestionFailure::TimedOut) => Self::TimedOut,
            Err(QuestionFailure::Left) => Self::Left,
        }
    }
}

/// Reads all answers, to find that to the question `key`.
fn read_responses(
    key: &str,
    context: &Context,
) -> Result<BTreeMap<String, Box<RawValue>>, AskError> {
    let responses = context.request().input_responses().unwrap_or("{}");
    serde_json::from_str(responses).map_err(|error| AskError::Answer {
        key: key.to_owned(),
        reason: format!("`inputResponses`: {error}"),
    })
}

/// One answer for two questions would be that to the first: a handler that asks until it likes the
/// answer would never come to an end, and one that does a step for each of many would do the first.
fn take(keys: &mut BTreeSet<String>, key: &str) -> Result<(), AskError> {
    if keys.insert(key.to_owned()) {
        Ok(())
    } else {
        Err(AskError::KeyTaken { key: key.to_owned() })
    }
}

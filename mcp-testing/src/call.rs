//! One request on its way to its result: what the server tells and asks meanwhile.

use std::collections::VecDeque;
use std::fmt;

use mcp_proto::ErrorCode;
use serde_json::{Map, Value, json};

use crate::client::{Client, encoded};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::listening::change_in;
use crate::results::{Log, Progress, Question, ToolResult};
use crate::world::Stalled;

/// A call that is being answered. To drop it is to [hang up](Self::hang_up).
///
/// Whatever it waits for, the servers run meanwhile, on this thread. What comes before what is
/// waited for is kept: progress, log messages and questions each in their order.
///
/// A question on 2026-07-28 ends a round: when all questions of the round have been answered, the
/// request is sent again, with the answers. On the 2025 revisions an answer goes out at once. A test
/// sees the same of both.
#[must_use = "dropping it hangs up"]
pub struct Call {
    client: Client,
    method: String,
    params: Map<String, Value>,
    /// What is called, for errors.
    what: String,
    id: u64,
    exchange: Exchange,
    /// Of the last event that had one, on whichever connection.
    last_event_id: Option<String>,
    progress: VecDeque<Progress>,
    logs: VecDeque<Log>,
    /// Those without an answer.
    questions: VecDeque<Question>,
    /// The answers of the round, by their keys.
    answers: Map<String, Value>,
    /// What the next round is sent with.
    state: Value,
    /// Parameters of a tool that are mirrored into fields.
    mirrored: Option<Vec<(String, String)>>,
    /// Whether a round has ended with questions.
    is_between_rounds: bool,
    outcome: Option<Result<Value, Error>>,
    has_ended: bool,
}

impl Call {
    pub(crate) fn begin(
        client: Client,
        method: &str,
        params: Map<String, Value>,
    ) -> Result<Self, Error> {
        let subject = subject(&params);
        let what = match subject {
            Some(subject) => format!("{method} {subject:?}"),
            None => method.to_owned(),
        };
        let (id, exchange) = send(&client, method, params.clone(), &[])?;
        Ok(Self {
            client,
            method: method.to_owned(),
            params,
            what,
            id,
            exchange,
            last_event_id: None,
            progress: VecDeque::new(),
            logs: VecDeque::new(),
            questions: VecDeque::new(),
            answers: Map::new(),
            state: Value::Null,
            mirrored: None,
            is_between_rounds: false,
            outcome: None,
            has_ended: false,
        })
    }

    /// Waits for the next report of progress.
    ///
    /// # Errors
    ///
    /// If the call ends before, or cannot go on.
    pub fn next_progress(&mut self) -> Result<Progress, Error> {
        self.wait("progress", |call| call.progress.pop_front())
    }

    /// Waits for the next log message.
    ///
    /// # Errors
    ///
    /// If the call ends before, or cannot go on.
    pub fn next_log(&mut self) -> Result<Log, Error> {
        self.wait("a log message", |call| call.logs.pop_front())
    }

    /// Waits until the server asks something. The oldest question without an answer comes first, and
    /// again until it has one.
    ///
    /// # Errors
    ///
    /// If the call ends before, or cannot go on.
    pub fn next_question(&mut self) -> Result<Question, Error> {
        self.wait("a question", |call| call.questions.front().cloned())
    }

    /// The reports of progress that come until nothing more happens by itself, and were not taken.
    ///
    /// # Errors
    ///
    /// If the server sends what is no HTTP or JSON-RPC.
    pub fn take_progress(&mut self) -> Result<Vec<Progress>, Error> {
        self.settle()?;
        Ok(self.progress.drain(..).collect())
    }

    /// The log messages that come until nothing more happens by itself, and were not taken.
    ///
    /// # Errors
    ///
    /// As for [`take_progress`](Self::take_progress).
    pub fn take_logs(&mut self) -> Result<Vec<Log>, Error> {
        self.settle()?;
        Ok(self.logs.drain(..).collect())
    }

    /// Answers the oldest question, which it waits for, with the result that a client would send.
    ///
    /// # Errors
    ///
    /// As for [`next_question`](Self::next_question).
    pub fn answer(&mut self, result: Value) -> Result<(), Error> {
        self.next_question()?;
        self.reply(result)
    }

    /// Answers the oldest question, which has to be for the user: with [`accept`](crate::accept),
    /// [`decline`](crate::decline) or [`cancel`](crate::cancel).
    ///
    /// # Errors
    ///
    /// If another question comes, and as for [`next_question`](Self::next_question).
    pub fn answer_elicitation(&mut self, result: Value) -> Result<(), Error> {
        self.expect_question("elicitation/create")?;
        self.reply(result)
    }

    /// Answers the oldest question, which has to be for the client's model, with text.
    ///
    /// # Errors
    ///
    /// If another question comes, and as for [`next_question`](Self::next_question).
    pub fn answer_sampling(&mut self, text: &str) -> Result<(), Error> {
        self.expect_question("sampling/createMessage")?;
        self.reply(json!({
            "role": "assistant",
            "content": {"type": "text", "text": text},
            "model": "mcp-testing",
            "stopReason": "endTurn",
        }))
    }

    /// Answers the oldest question, which has to be for the folders of the user, with their URIs.
    ///
    /// # Errors
    ///
    /// If another question comes, and as for [`next_question`](Self::next_question).
    pub fn answer_roots(&mut self, uris: &[&str]) -> Result<(), Error> {
        self.expect_question("roots/list")?;
        let roots: Vec<_> = uris.iter().map(|uri| json!({"uri": uri})).collect();
        self.reply(json!({"roots": roots}))
    }

    /// Answers the oldest question with an error.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] on 2026-07-28, where questions have no errors; and as for
    /// [`next_question`](Self::next_question).
    pub fn refuse(&mut self, code: i32, message: &str) -> Result<(), Error> {
        let question = self.next_question()?;
        if self.client.is_modern() {
            let reason = "questions of 2026-07-28 are not answered with errors";
            return Err(Error::Argument(reason.into()));
        }
        self.questions.pop_front();
        let error = json!({"code": code, "message": message});
        self.client.send(&json!({"jsonrpc": "2.0", "id": question.key, "error": error}))
    }

    /// Waits for the result of a tool.
    ///
    /// # Errors
    ///
    /// [`Error::Rpc`] if the server answers with an error; others if there is no answer, or the server
    /// waits for one itself.
    pub fn finish(&mut self) -> Result<ToolResult, Error> {
        self.result().map(ToolResult::new)
    }

    /// Waits for the result, as it is.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn result(&mut self) -> Result<Value, Error> {
        self.wait("a result", |call| {
            let outcome = call.outcome.take()?;
            call.has_ended = true;
            Some(outcome)
        })?
    }

    /// Whether the call has neither ended nor asked anything when nothing more happens by itself: its
    /// handler waits for something else.
    ///
    /// # Errors
    ///
    /// If the server sends what is no HTTP or JSON-RPC.
    pub fn is_waiting(&mut self) -> Result<bool, Error> {
        self.settle()?;
        Ok(!self.has_ended && self.outcome.is_none() && self.questions.is_empty())
    }

    /// Closes the connection of the call and runs the server until nothing more happens by itself. On
    /// 2026-07-28 that drops the future of the handler; on the 2025 revisions it goes on, and
    /// [`lose_connection`](Self::lose_connection) keeps the call to come back to it.
    pub fn hang_up(self) {
        let client = self.client.clone();
        drop(self);
        client.settle();
    }

    /// Cancels the call: by hanging up on 2026-07-28, and by `notifications/cancelled` on the 2025
    /// revisions.
    ///
    /// # Errors
    ///
    /// If the server does not accept that.
    pub fn cancel(self) -> Result<(), Error> {
        if !self.client.is_modern() {
            let params = json!({"requestId": self.id});
            let method = "notifications/cancelled";
            self.client.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))?;
        }
        self.hang_up();
        Ok(())
    }

    /// Closes the connection of the call as if the network were gone, and comes back to its stream by
    /// another. On the 2025 revisions, once the stream has begun.
    ///
    /// # Errors
    ///
    /// [`Error::HungUp`] if there is nothing to come back to.
    pub fn lose_connection(&mut self) -> Result<(), Error> {
        self.update()?;
        match self.last_event_id() {
            Some(id) if self.outcome.is_none() => self.resume(&id),
            _ => Err(Error::HungUp { request: self.what.clone() }),
        }
    }

    /// The id of the session that the response begins.
    pub(crate) fn session_id(&self) -> Option<String> {
        self.exchange.response().session_id().map(str::to_owned)
    }

    /// Where to come back to. A stream that is come back to need not say so again.
    fn last_event_id(&mut self) -> Option<String> {
        if let Some(id) = self.exchange.response().last_event_id() {
            self.last_event_id = Some(id.to_owned());
        }
        self.last_event_id.clone()
    }

    fn resume(&mut self, last_event_id: &str) -> Result<(), Error> {
        let request = self.client.get(Some(last_event_id));
        // The old connection goes first, as its stream has one reader only.
        self.exchange = Exchange::begin(&self.client, &request)?;
        Ok(())
    }

    fn expect_question(&mut self, method: &str) -> Result<(), Error> {
        let question = self.next_question()?;
        if question.method == method {
            return Ok(());
        }
        Err(Error::unexpected(format!("a question of {method}"), format!("there is {question}")))
    }

    /// Answers the oldest question.
    fn reply(&mut self, result: Value) -> Result<(), Error> {
        let Some(question) = self.questions.pop_front() else {
            return Ok(());
        };
        if !self.client.is_modern() {
            let answer = json!({"jsonrpc": "2.0", "id": question.key, "result": result});
            return self.client.send(&answer);
        }
        self.answers.insert(key(&question), result);
        self.end_round()
    }

    /// Sends the request again if all questions of its round have been answered.
    fn end_round(&mut self) -> Result<(), Error> {
        if self.is_between_rounds && self.questions.is_empty() {
            self.is_between_rounds = false;
            let mut params = self.params.clone();
            params
                .insert("inputResponses".into(), Value::Object(std::mem::take(&mut self.answers)));
            if !self.state.is_null() {
                params.insert("requestState".into(), self.state.take());
            }
            self.send(params)?;
        }
        Ok(())
    }

    fn send(&mut self, params: Map<String, Value>) -> Result<(), Error> {
        let fields = self.mirrored.as_deref().unwrap_or_default();
        self.last_event_id = None;
        (self.id, self.exchange) = send(&self.client, &self.method, params, fields)?;
        Ok(())
    }

    /// Waits for `expected`, which `take` finds.
    fn wait<T>(
        &mut self,
        expected: &str,
        take: impl Fn(&mut Self) -> Option<T>,
    ) -> Result<T, Error> {
        let world = self.client.world.clone();
        let found = world.wait(|| {
            self.update()?;
            if let Some(found) = take(self) {
                return Ok(Some(found));
            }
            match self.obstacle() {
                Some(came) => Err(Error::unexpected(format!("{expected} of {}", self.what), came)),
                None => Ok(None),
            }
        })?;
        found.map_err(|Stalled| world.stalled(format!("{expected} of {}", self.what)))
    }

    /// Why nothing more will come.
    fn obstacle(&self) -> Option<String> {
        if self.has_ended {
            return Some("its result has been taken already".into());
        }
        match &self.outcome {
            Some(Ok(result)) => return Some(format!("it has ended with {result}")),
            Some(Err(error)) => return Some(error.to_string()),
            None => {}
        }
        // A handler that has asked may go on with something else.
        let question = self.questions.front().filter(|_| self.client.world.is_quiet())?;
        Some(format!("it waits for an answer to {question}"))
    }

    /// Runs the servers until nothing more happens by itself, and takes in what has arrived.
    fn settle(&mut self) -> Result<(), Error> {
        self.client.settle();
        self.update()
    }

    /// Takes in what has arrived.
    fn update(&mut self) -> Result<(), Error> {
        while self.outcome.is_none() && !self.has_ended && !self.is_between_rounds {
            match self.exchange.next_message()? {
                Some(message) => self.hear(message)?,
                None if self.exchange.is_over() => self.go_on()?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The response has ended without the answer: on the 2025 revisions the client comes back.
    fn go_on(&mut self) -> Result<(), Error> {
        match self.last_event_id() {
            Some(id) if !self.client.is_modern() && !self.client.world.is_stopped() => {
                self.resume(&id)
            }
            _ => {
                self.outcome = Some(Err(self.exchange.error(&self.what)));
                Ok(())
            }
        }
    }

    fn hear(&mut self, mut message: Value) -> Result<(), Error> {
        let params = message["params"].take();
        match (message["method"].as_str(), message.get("id")) {
            (None, _) => self.end(message),
            (Some("ping"), Some(id)) => {
                self.client.send(&json!({"jsonrpc": "2.0", "id": id, "result": {}}))
            }
            (Some(method), Some(key)) => {
                self.ask(Question { key: key.clone(), method: method.to_owned(), params })
            }
            (Some("notifications/progress"), None) => {
                self.progress.push_back(Progress::read(&params));
                Ok(())
            }
            (Some("notifications/message"), None) => {
                self.logs.push_back(Log::read(&params));
                Ok(())
            }
            (Some("notifications/cancelled"), None) => {
                self.questions.retain(|question| question.key != params["requestId"]);
                Ok(())
            }
            (Some(method), None) => {
                let change = change_in(method, &params);
                if let (Some(session), Some(change)) = (&self.client.session, change) {
                    session.changes.borrow_mut().push_back(change);
                }
                Ok(())
            }
        }
    }

    /// Asks the test, or whom it has charged with that.
    fn ask(&mut self, question: Question) -> Result<(), Error> {
        let answering = self.client.answering.clone();
        let answer = answering.and_then(|answering| (answering.borrow_mut())(&question));
        match answer {
            Some(answer) => {
                self.questions.push_front(question);
                self.reply(answer)
            }
            None => {
                self.questions.push_back(question);
                Ok(())
            }
        }
    }

    /// The response is there.
    fn end(&mut self, mut message: Value) -> Result<(), Error> {
        let error = message["error"].take();
        if error.is_null() {
            let mut result = message["result"].take();
            if result["resultType"] != "input_required" {
                self.outcome = Some(Ok(result));
                return Ok(());
            }
            self.state = result["requestState"].take();
            let Value::Object(asked) = result["inputRequests"].take() else {
                self.outcome = Some(Err(Error::Malformed(format!("no questions in {result}"))));
                return Ok(());
            };
            for (key, mut request) in asked {
                let method = request["method"].as_str().unwrap_or_default().to_owned();
                let params = request["params"].take();
                self.ask(Question { key: Value::String(key), method, params })?;
            }
            self.is_between_rounds = true;
            return self.end_round();
        }
        let code = error["code"].as_i64().unwrap_or_default();
        if code == i64::from(ErrorCode::HEADER_MISMATCH.0) && self.mirror()? {
            return Ok(());
        }
        self.outcome = Some(Err(Error::Rpc {
            request: self.what.clone(),
            code,
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error["data"].clone(),
            status: self.exchange.response().status().unwrap_or_default(),
        }));
        Ok(())
    }

    /// Sends a call again with the parameters that have to be mirrored into fields, which the list
    /// of tools says (2026-07-28, basic/transports/streamable-http, "Client Behavior").
    fn mirror(&mut self) -> Result<bool, Error> {
        if self.method != "tools/call" || self.mirrored.is_some() {
            return Ok(false);
        }
        let tools = self.client.list_tools()?;
        let tool = tools.iter().find(|tool| self.params["name"] == tool.name());
        let mut fields = Vec::new();
        if let Some(tool) = tool {
            mirror(&tool.json()["inputSchema"], &self.params["arguments"], &mut fields);
        }
        self.mirrored = Some(fields);
        self.send(self.params.clone())?;
        Ok(true)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("what", &self.what)
            .field("questions", &self.questions)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// Sends a request; its id, and what becomes of it.
fn send(
    client: &Client,
    method: &str,
    mut params: Map<String, Value>,
    fields: &[(String, String)],
) -> Result<(u64, Exchange), Error> {
    let id = client.next_id();
    client.add_meta(&mut params, id);
    let subject = subject(&params).filter(|_| SUBJECTS.contains(&method)).map(str::to_owned);
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let request = client.post(&message, subject.as_deref(), fields);
    Ok((id, Exchange::begin(client, &request)?))
}

/// The methods whose subject is in a field of the head (2026-07-28,
/// basic/transports/streamable-http, "Standard Headers").
const SUBJECTS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// What a request is about.
fn subject(params: &Map<String, Value>) -> Option<&str> {
    params.get("name").or_else(|| params.get("uri"))?.as_str()
}

fn key(question: &Question) -> String {
    question.key.as_str().unwrap_or_default().to_owned()
}

/// The fields for the parameters that a schema marks.
fn mirror(schema: &Value, arguments: &Value, fields: &mut Vec<(String, String)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let value = match &arguments[name] {
            Value::Null => continue,
            Value::String(text) => encoded(text),
            other => other.to_string(),
        };
        match property["x-mcp-header"].as_str() {
            Some(header) => fields.push((format!("Mcp-Param-{header}"), value)),
            None => mirror(property, &arguments[name], fields),
        }
    }
}

//! The application behind a simulated session: what it answers is a function of the call.

use std::sync::LazyLock;

use mcp_proto::{
    Call, CallKey, CallToolResult, Catalog, Change, CompleteResult, Config, ElicitProperty,
    ElicitRequest, ElicitSchema, Era, ErrorCode, ExtensionResult, GetPromptResult, Hub, Input,
    InputRequest, InputRequired, Instant, LogLevel, LogMessage, McpMethod, MemoryLog, Notification,
    Output, Progress, ReadResourceResult, Refusal, Reply, ResourceContents, Revision, RpcError,
    Session, SessionCallKey, SessionId, SubscriptionFilter, SubscriptionKey,
};
use serde_json::value::RawValue;

use crate::script::{Changed, Gate, Mode, News, Pace, Setup, Size, To, With, offers};
use crate::simulation::Seen;

/// The calls of one session, and the hub that it shares with others.
pub struct Application {
    pub(crate) calls: Vec<Task>,
    pub(crate) hub: Hub,
    /// Which of its offers is served.
    offer: usize,
}

/// One call, as the application keeps it.
#[derive(Debug)]
pub struct Task {
    /// What to answer to.
    pub key: CallKey,
    /// The revision of its request.
    pub revision: Revision,
    /// The text that answers it.
    pub text: String,
    /// What the catalog answers to it.
    looked_up: Option<Reply>,
    /// What it is a call of.
    method: McpMethod,
    /// What it is about.
    name: String,
    progress: f64,
    /// What it asks to hear of.
    filter: Option<SubscriptionFilter>,
    /// Once it has been taken up.
    subscription: Option<SubscriptionKey>,
    /// Whether its connection waits for an answer.
    pub(crate) is_open: bool,
    /// Whether the hub answers it, or has answered it, by its stream.
    pub(crate) is_streamed: bool,
    /// Whether the application is at work on it, though its connection may have gone.
    pub(crate) is_working: bool,
    /// What it is called in the hub.
    pub(crate) in_session: Option<SessionCallKey>,
    /// The session that it names, and its id, as JSON.
    pub(crate) session_id: Option<String>,
    pub(crate) id: Option<String>,
    /// What begins a session once the application has nothing against it.
    initialize: Option<Call>,
    /// How often its client was asked.
    pub(crate) asked: usize,
}

impl Task {
    /// Whether it is a stream that goes on until its client leaves: of any revision.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        matches!(self.method, McpMethod::Listen | McpMethod::OpenStream)
    }

    /// Whether it is a stream that only the hub has something for.
    pub(crate) fn is_read(&self) -> bool {
        self.is_open && self.is_streamed
    }

    /// Whether the work goes on when the client leaves.
    #[must_use]
    pub fn survives(&self) -> bool {
        self.revision.era() == Era::Legacy
            && !matches!(self.method, McpMethod::OpenStream | McpMethod::Initialize)
    }

    /// The reply to what is no call of a tool and not looked up.
    fn reply_of_its_own_kind(&self) -> Option<Reply> {
        let text = self.text.as_str();
        Some(match self.method {
            _ if self.looked_up.is_some() => return None,
            McpMethod::GetPrompt => Reply::Prompt(GetPromptResult::text(text)),
            McpMethod::ReadResource => {
                let contents = ResourceContents::text(self.name.as_str(), text);
                Reply::Resource(ReadResourceResult::new(vec![contents]))
            }
            McpMethod::Complete => Reply::Completion(CompleteResult::new(vec![text.into()])),
            McpMethod::Listen => Reply::SubscriptionEnded,
            McpMethod::Extension(_) => Reply::Extension(extended("complete", text)),
            _ => return None,
        })
    }
}

/// Answers larger than this do not fit in a socket's buffer.
const HUGE: usize = 3000;

impl Application {
    /// With a hub in which nothing is kept.
    pub(crate) fn new(setup: Setup) -> Self {
        let (limits, deadlines) = (setup.size.hub_limits(), setup.pace.hub_deadlines());
        let log = MemoryLog::new(&limits, deadlines.replay);
        let hub = Hub::with(limits, deadlines, Box::new(log));
        Self { calls: Vec::new(), hub, offer: 0 }
    }

    /// Takes note of a call.
    pub(crate) fn begin(&mut self, call: &Call) -> Seen {
        let request = call.request();
        self.calls.push(Task {
            key: call.key(),
            revision: request.revision(),
            text: match request.method() {
                McpMethod::Extension(_) => answer_to(request.name(), request.params()),
                _ => answer_to(request.name(), request.arguments()),
            },
            looked_up: FIXTURES.catalogs[self.offer].answer(call),
            method: request.method(),
            name: request.name().to_owned(),
            progress: 0.0,
            filter: request.subscription().map(|filter| (**filter).clone()),
            subscription: None,
            is_open: true,
            is_streamed: false,
            is_working: !matches!(
                request.method(),
                McpMethod::OpenStream | McpMethod::EndSession | McpMethod::ClientMessage
            ),
            in_session: None,
            session_id: request.session_id().map(ToOwned::to_owned),
            id: request.id().map(|id| id.to_string()),
            initialize: None,
            asked: 0,
        });
        let description = format!(
            "endpoint {}, {request:?}, {}, cursor {:?}, token {:?}, meta {:?}, client {:?}, \
             can {:?}, listens {:?}, answers {:?}, state {:?}, {:?}",
            call.endpoint(),
            request.arguments(),
            request.cursor(),
            request.progress_token(),
            request.meta(),
            request.client_info(),
            request.client_capabilities(),
            request.subscription(),
            request.input_responses(),
            request.request_state(),
            request.head(),
        );
        Seen::Call(self.calls.len() - 1, description)
    }

    /// The number of the call with that key.
    pub(crate) fn number_of(&self, key: CallKey) -> usize {
        let call = self.calls.iter().position(|task| task.key == key);
        call.expect("only calls that were made can end")
    }

    /// Finds the call that is meant: its key, its number, and whether it is open.
    pub(crate) fn choose(&self, to: To) -> (CallKey, Option<usize>, bool) {
        let last = self.calls.len().checked_sub(1);
        let call = match to {
            To::Newest => self.calls.iter().rposition(|task| task.is_working).or(last),
            To::Oldest => self.calls.iter().position(|task| task.is_working).or(last),
            To::Nth(number) if !self.calls.is_empty() => {
                Some(usize::from(number) % self.calls.len())
            }
            To::Nth(_) | To::Nobody => None,
        };
        match call {
            Some(call) => (self.calls[call].key, Some(call), self.calls[call].is_open),
            None => (FIXTURES.nobody, None, false),
        }
    }

    /// A reply to a call.
    pub(crate) fn reply(&self, call: Option<usize>, with: With) -> Reply {
        let task = call.map(|call| &self.calls[call]);
        let text = task.map_or("", |task| &task.text);
        let raw = |json: String| RawValue::from_string(json).expect("JSON");
        let is_own = !matches!(
            with,
            With::Error | With::WrongKind | With::Question | With::Refusal | With::Silence
        );
        if let (Some(task), true) = (task, is_own)
            && let Some(reply) = task.reply_of_its_own_kind()
        {
            return reply;
        }
        match (with, task.and_then(|task| task.looked_up.clone())) {
            (With::Refusal, _) => Reply::Refused(Refusal::UnknownSession),
            (With::Silence, _) => Reply::NoResponse,
            (With::Error, _) => Reply::Error(RpcError::new(ErrorCode(-7), text.to_owned())),
            (With::Extended, None) => {
                Reply::Tool(CallToolResult::extension(extended("laws", text)))
            }
            (With::Question, _) => {
                let schema = ElicitSchema::new().required("a", ElicitProperty::string());
                let form = ElicitRequest::form("Which \"a\"?\n", schema);
                let asked = vec![
                    ("a".to_owned(), InputRequest::Elicit(form)),
                    ("roots".to_owned(), InputRequest::ListRoots),
                ];
                let required = InputRequired::new(asked, Some(text.to_owned()));
                Reply::InputRequired(required.expect("two questions"))
            }
            (With::WrongKind, None) => Reply::List(FIXTURES.tools.clone()),
            (With::WrongKind, Some(_)) => Reply::Tool(CallToolResult::text(text)),
            (_, Some(reply)) => reply,
            (With::Text, None) => Reply::Tool(CallToolResult::text(text)),
            (With::Object, None) => Reply::Tool(CallToolResult::structured(raw(format!(
                "{{\n  \"text\":\r\n  {}}}",
                serde_json::to_string(text).expect("a string")
            )))),
            (With::Array, None) => {
                let mut result = CallToolResult::text(text);
                result.structured = Some(raw("[\n1]".into()));
                Reply::Tool(result)
            }
            (With::Failure, None) => Reply::Tool(CallToolResult::error(text)),
            (With::Huge, None) => {
                let mut result = CallToolResult::text(text);
                result.content.push(mcp_proto::Content::text("x".repeat(HUGE)));
                Reply::Tool(result)
            }
        }
    }

    /// Takes note of what a call has become in its session.
    pub(crate) fn admitted(&mut self, number: usize, call: &Call, key: SessionCallKey) {
        let task = &mut self.calls[number];
        task.in_session = Some(key);
        task.revision = call.request().revision();
        task.looked_up = FIXTURES.catalogs[self.offer].answer(call);
    }

    /// Keeps what begins a session until the application has made up its mind.
    pub(crate) fn keep(&mut self, call: usize, initialize: Call) {
        self.calls[call].initialize = Some(initialize);
    }

    /// Lets a client begin a session.
    pub(crate) fn open_session(
        &mut self,
        now: Instant,
        config: &Config,
        id: SessionId,
        call: usize,
    ) -> Option<Reply> {
        let call = self.calls[call].initialize.take()?;
        let endpoint = &config.endpoints[call.endpoint()];
        Some(self.hub.open_session(now, id, call.request(), endpoint, None))
    }

    /// Whether a call is one to listen that the application has not taken up yet.
    pub(crate) fn is_new_subscription(&self, call: Option<usize>) -> bool {
        call.is_some_and(|call| {
            let task = &self.calls[call];
            task.is_open && task.method == McpMethod::Listen && task.subscription.is_none()
        })
    }

    /// Takes up a call to listen.
    pub(crate) fn subscribe(&mut self, call: Option<usize>) {
        if let Some(task) = call.map(|call| &mut self.calls[call])
            && let Some(filter) = &task.filter
        {
            let subscribed = self.hub.subscribe(filter);
            task.subscription = Some(subscribed.expect("a filter within the limits"));
        }
    }

    /// The next progress of a call.
    pub(crate) fn progress(&mut self, call: Option<usize>, news: News) -> Notification {
        if call.is_some_and(|call| self.calls[call].method == McpMethod::Listen) {
            return match news {
                News::More => Notification::Changed(Change::Tools),
                News::Same => Notification::Changed(Change::resource("law:one")),
                News::Less => Notification::Changed(Change::Prompts),
                News::Nan => Notification::Changed(Change::resource("law:%22")),
                News::Infinite | News::Log => Notification::Subscribed,
            };
        }
        let last = call.map_or(0.0, |call| self.calls[call].progress);
        let value = match news {
            News::More => last + 0.5,
            News::Same => last,
            News::Less => last - 1.0,
            News::Nan => f64::NAN,
            News::Infinite => f64::INFINITY,
            News::Log => {
                let data = RawValue::from_string("{\n\"a\":1}".into()).expect("JSON");
                return Notification::Log(LogMessage::new(LogLevel::Info, data));
            }
        };
        if let (News::More, Some(call)) = (news, call) {
            self.calls[call].progress = value;
        }
        let mut progress = Progress::new(value);
        if matches!(news, News::More) {
            progress.total = Some(f64::INFINITY);
            progress.message = Some("a\n\"b\"".repeat(200));
        }
        Notification::Progress(progress)
    }

    /// Changes what is offered, or what is in it.
    pub(crate) fn change(&mut self, changed: Changed) {
        match changed {
            Changed::Tools => {
                self.offer = (self.offer + 1) % FIXTURES.catalogs.len();
                self.hub.publish(&Change::Tools);
            }
            Changed::Resource => self.hub.publish(&Change::resource("law:one")),
            Changed::Prompts => self.hub.publish(&Change::Prompts),
        }
        while self.hub.poll_news().is_some() {}
    }

    /// The next change that somebody listens for.
    pub(crate) fn next_change(&mut self) -> Option<(CallKey, usize, Change)> {
        let hub = &mut self.hub;
        let mut listening = self.calls.iter().enumerate();
        listening.find_map(|(number, task)| {
            let change = hub.next_change(task.subscription.filter(|_| task.is_open)?)?;
            Some((task.key, number, change))
        })
    }

    /// Forgets that a call is open.
    pub(crate) fn end(&mut self, call: Option<usize>) {
        if let Some(call) = call {
            let task = &mut self.calls[call];
            task.is_open = false;
            task.is_working = false;
            task.initialize = None;
            if let Some(subscription) = task.subscription {
                self.hub.unsubscribe(subscription);
            }
        }
    }

    /// How many subscriptions there are.
    pub(crate) fn subscriptions(&self) -> usize {
        self.hub.subscriptions()
    }

    /// Whether there is work to do.
    pub(crate) fn is_working(&self) -> bool {
        self.calls.iter().any(|task| task.is_working)
    }

    /// How many calls are open.
    pub(crate) fn open_calls(&self) -> usize {
        self.calls.iter().filter(|task| task.is_open).count()
    }

    /// The calls, without what was kept of them.
    pub(crate) fn take_calls(&mut self) -> Vec<Task> {
        for task in &mut self.calls {
            task.initialize = None;
        }
        std::mem::take(&mut self.calls)
    }
}

fn extended(result_type: &'static str, text: &str) -> ExtensionResult {
    let members = serde_json::json!({"text": text, "lines": "a\nb"});
    ExtensionResult::new(result_type, &members).expect("an object")
}

/// The text that answers a call: a function of nothing but the request.
#[must_use]
pub fn answer_to(name: &str, arguments: &str) -> String {
    format!("{name}({arguments})")
}

/// What can only be had from a session.
struct Fixtures {
    /// One for each offer.
    catalogs: [Catalog; 2],
    /// The answer to `tools/list`.
    tools: mcp_proto::Listing,
    /// The key of a call that no script comes to.
    nobody: CallKey,
}

static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    let catalogs = offers().map(|offer| Catalog::new(&offer).expect("a valid offer"));
    let setup = Setup {
        size: Size::Usual,
        pace: Pace::Steady,
        mode: Mode::Auto,
        answer_half_closed: false,
        has_clock: false,
        keeps_sessions: false,
        gate: Gate::Open,
    };
    let now = Instant::default().into();
    let mut session = Session::new(setup.config(), now);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut last = None;
    for _ in 0..1000 {
        session.handle(now, Input::Bytes(request.as_bytes()));
        while let Some(output) = session.poll_output() {
            if let Output::Call(call) = output {
                let reply = catalogs[0].answer(&call).expect("the catalog lists tools");
                last = Some((call.key(), reply.clone()));
                session.handle(now, Input::Reply(call.key(), reply));
            }
        }
        session.handle(now, Input::Written(usize::MAX));
    }
    match last {
        Some((nobody, Reply::List(tools))) => Fixtures { catalogs, tools, nobody },
        other => panic!("no tools in {other:?}"),
    }
});

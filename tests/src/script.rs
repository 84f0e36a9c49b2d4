//! What happens to one connection, written down: a configuration, the bytes its peer sends, and
//! the steps in which everything happens.
//!
//! A script is plain data. The property tests generate it, the fuzzer decodes it from its input,
//! and a failing one prints as Rust, to be pasted into `tests/protocol/regressions.rs`.

use std::cell::RefCell;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    CompletionsCapability, Config, Deadlines, Endpoint, ExtensionMethod, HubDeadlines, HubLimits,
    Limits, LoggingCapability, Offer, Origins, Prompt, PromptArgument, PromptsCapability,
    ProtectedResource, Resource, ResourceTemplate, ResponseMode, ServerInfo, Tool,
};
use serde_json::json;

/// One connection from accept to close.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// How the server is configured.
    pub setup: Setup,
    /// All that the peer sends, given out by [`Step::Feed`].
    pub stream: Vec<u8>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// A configuration, chosen from few so that each is met often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The limits.
    pub size: Size,
    /// The deadlines.
    pub pace: Pace,
    /// How the endpoint `/mcp` answers. The other one, `/other/mcp`, has the defaults.
    pub mode: Mode,
    /// Whether `/mcp` answers a peer that has closed its sending half.
    pub answer_half_closed: bool,
    /// Whether there is a wall clock for the `Date` field.
    pub has_clock: bool,
    /// Whether both endpoints keep sessions of the 2025 revisions. They share them.
    pub keeps_sessions: bool,
    /// Who is let in, at both endpoints.
    pub gate: Gate,
}

/// Whether requests have to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// No.
    Open,
    /// Each is let in at once.
    Prompt,
    /// Each waits for [`Step::Authorize`].
    Slow,
}

/// How large things may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Hardly a request fits.
    Tiny,
    /// Requests fit, a few of them do not.
    Small,
    /// The defaults.
    Usual,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Milliseconds, all of them different.
    Quick,
    /// The defaults.
    Steady,
    /// For ever, but for the comments on silent streams, which come every 10 ms.
    Patient,
}

/// [`ResponseMode`], which cannot be compared exhaustively outside its crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// [`ResponseMode::Auto`].
    Auto,
    /// [`ResponseMode::Json`].
    Json,
    /// [`ResponseMode::EventStream`].
    Stream,
}

/// One thing that happens. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The peer sends the next bytes of the stream.
    Feed(u16),
    /// The peer closes its sending half.
    Fin,
    /// The connection breaks.
    Reset,
    /// The application says whether a request is let in: the last one that has waited for that.
    Authorize(Verdict),
    /// The application answers a call.
    Reply(To, With),
    /// The application reports progress.
    Notify(To, News),
    /// The application asks the client of a session something.
    Ask(To, Asked),
    /// The application lets go of the response to a call of a session, not of its stream.
    Release(To),
    /// The client of a session does something on another connection.
    Elsewhere(Elsewhere),
    /// Time passes, and each deadline is met when it comes.
    Wait(u16),
    /// Time passes with nobody looking at the clock until the end.
    Oversleep(u16),
    /// The clock is set back.
    ClockBack(u16),
    /// Time passes until the next deadline, if there is one.
    Deadline,
    /// The timer goes off although nothing is due.
    FalseAlarm,
    /// The peer stops reading.
    Stall,
    /// The peer reads that many bytes at most.
    Read(u16),
    /// The peer reads whatever there is, from now on.
    Resume,
    /// The server shuts down, that long from now.
    Shutdown(u16),
    /// What the application offers changes while it is served, and those who listen are told.
    Change(Changed),
}

/// What is said of a request that waits to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is let in.
    LetIn,
    /// It has no token.
    NoToken,
    /// Its token is not good, for a reason that holds what no field value may.
    InvalidToken,
    /// Its token is not good for this.
    InsufficientScope,
    /// Nobody could tell.
    Failed,
}

/// What a client is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Whether it is there.
    Ping,
    /// A form, which not every revision has.
    Form,
    /// Its roots.
    Roots,
}

/// What the client of a session does on another connection, which it leaves at once. It is about the
/// call of a session that came last, of those that are served if there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// It cancels that call.
    Cancel,
    /// It answers the last question, or says that there is progress, or that it will not.
    Answer,
    /// Likewise.
    Progress,
    /// Likewise.
    Refuse,
    /// It takes over the stream of the call.
    Resume,
    /// It ends the session.
    End,
}

/// What of an offer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A tool comes or goes, and with it the order of the others.
    Tools,
    /// What is in a resource.
    Resource,
    /// Something that nobody can listen for.
    Prompts,
}

/// Which call is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The one that came last, of those that are open if there are any.
    Newest,
    /// The one that came first of those that are open, and else the one that came last.
    Oldest,
    /// One of all there have been, counted round: mostly one that has ended.
    Nth(u8),
    /// One that never was.
    Nobody,
}

/// What the application answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// Text, derived from the request; for `tools/list`, the tools.
    Text,
    /// A JSON object over several lines.
    Object,
    /// A JSON array, which old revisions do not take for a structured result.
    Array,
    /// A failure of the tool.
    Failure,
    /// A JSON-RPC error.
    Error,
    /// The answer to another method.
    WrongKind,
    /// More than a socket takes at once.
    Huge,
    /// A question, with state to be brought back.
    Question,
    /// A result of a type that an extension defines.
    Extended,
    /// That it should not have been made.
    Refusal,
    /// Nothing at all.
    Silence,
}

/// What progress the application reports. To a subscription, the first report is that it has begun,
/// and each of these stands for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// More than before.
    More,
    /// As much as before.
    Same,
    /// Less than before.
    Less,
    /// Not a number.
    Nan,
    /// More than any number.
    Infinite,
    /// No progress but a line for the log, which only sessions hear of.
    Log,
}

/// The origin of a page on another site that may use the server.
pub const PAGE: &str = "https://app.example.com";

thread_local! {
    /// To make a configuration takes longer than most scripts.
    static CONFIGS: RefCell<Vec<(Setup, Arc<Config>)>> = const { RefCell::new(Vec::new()) };
}

impl Setup {
    /// The configuration, which all connections with this setup share.
    #[must_use]
    pub fn config(self) -> Arc<Config> {
        CONFIGS.with_borrow_mut(|configs| {
            if let Some((_, config)) = configs.iter().find(|(setup, _)| *setup == self) {
                return config.clone();
            }
            let config = Arc::new(self.make_config());
            configs.push((self, config.clone()));
            config
        })
    }

    fn make_config(self) -> Config {
        let mut info = ServerInfo::new("laws", "1.0.0");
        info.title = Some("The laws".into());
        info.capabilities.tools.get_or_insert_default().list_changed = true;
        info.capabilities.prompts = Some(PromptsCapability::default());
        info.capabilities.resources.get_or_insert_default().subscribe = true;
        info.capabilities.completions = Some(CompletionsCapability::default());
        info.capabilities.logging = Some(LoggingCapability::default());
        let endpoint = |path| Endpoint::new(path, info.clone()).expect("a plain path");
        let mut first = endpoint("/mcp");
        first.response_mode = match self.mode {
            Mode::Auto => ResponseMode::Auto,
            Mode::Json => ResponseMode::Json,
            Mode::Stream => ResponseMode::EventStream,
        };
        first.answer_half_closed = self.answer_half_closed;
        first.keeps_sessions = self.keeps_sessions;
        first.methods = vec![
            ExtensionMethod::new("laws/get").subject("law"),
            ExtensionMethod::new("laws/count"),
        ];
        let mut other = endpoint("/other/mcp");
        other.keeps_sessions = self.keeps_sessions;
        let resource = ProtectedResource::new("https://laws.example/mcp", ["https://a.example"]);
        first.protected_resource = Some(resource.expect("a resource"));
        for endpoint in [&mut first, &mut other] {
            endpoint.requires_authorization = self.gate != Gate::Open;
        }
        let mut config = Config::new([first, other]);
        config.limits = self.size.limits();
        config.deadlines = self.pace.deadlines();
        config.origins = Origins::same().allow(PAGE);
        config
    }
}

impl Size {
    /// The limits.
    #[must_use]
    pub fn limits(self) -> Limits {
        let mut limits = Limits::default();
        match self {
            Self::Tiny => {
                limits.head = 320;
                limits.fields = 9;
                limits.body = 320;
                limits.chunk_overhead = 16;
                limits.batch = 2;
                limits.json_depth = 6;
                limits.read_ahead = 64;
                limits.unsent = 128;
                limits.drain = 100;
            }
            Self::Small => {
                limits.head = 1000;
                limits.fields = 20;
                limits.body = 1500;
                limits.chunk_overhead = 64;
                limits.batch = 4;
                limits.json_depth = 16;
                limits.read_ahead = 700;
                limits.unsent = 1000;
                limits.drain = 1000;
            }
            Self::Usual => {}
        }
        limits
    }
}

impl Size {
    /// The limits of the hub.
    #[must_use]
    pub fn hub_limits(self) -> HubLimits {
        let limits = HubLimits::default();
        match self {
            // One more than there are at the start.
            Self::Tiny => HubLimits {
                filter_bytes: 800,
                sessions: 4,
                calls: 3,
                client_bytes: 100,
                streams: 1,
                replay_bytes: 2000,
                total_replay_bytes: 3000,
                ..limits
            },
            Self::Small => HubLimits {
                filter_bytes: 1000,
                sessions: 6,
                client_bytes: 500,
                streams: 3,
                replay_bytes: 6000,
                total_replay_bytes: 10_000,
                ..limits
            },
            Self::Usual => limits,
        }
    }
}

impl Pace {
    /// The deadlines of the hub.
    #[must_use]
    pub fn hub_deadlines(self) -> HubDeadlines {
        let ms = Duration::from_millis;
        let deadlines = HubDeadlines::default();
        match self {
            Self::Quick => {
                HubDeadlines { session_idle: ms(700), replay: ms(300), answer: ms(40), ..deadlines }
            }
            Self::Steady => deadlines,
            Self::Patient => HubDeadlines {
                session_idle: Duration::MAX,
                replay: Duration::MAX,
                answer: Duration::MAX,
                ..deadlines
            },
        }
    }

    /// The deadlines.
    #[must_use]
    pub fn deadlines(self) -> Deadlines {
        let mut deadlines = Deadlines::default();
        let ms = Duration::from_millis;
        match self {
            Self::Quick => {
                deadlines.head = ms(50);
                deadlines.authorization = ms(40);
                deadlines.body = ms(70);
                deadlines.idle = ms(110);
                deadlines.write_stall = ms(60);
                deadlines.drain = ms(20);
                deadlines.stream_after = ms(30);
                deadlines.keep_alive = ms(10);
            }
            Self::Steady => {}
            Self::Patient => {
                deadlines.head = Duration::MAX;
                deadlines.authorization = Duration::MAX;
                deadlines.body = Duration::MAX;
                deadlines.idle = Duration::MAX;
                deadlines.write_stall = Duration::MAX;
                deadlines.drain = Duration::MAX;
                deadlines.stream_after = ms(30);
                deadlines.keep_alive = ms(10);
            }
        }
        deadlines
    }
}

/// What the application offers at first and, when that has changed, with less in it.
#[must_use]
pub fn offers() -> [Offer; 2] {
    let first = offer();
    let mut second = first.clone();
    second.tools.rotate_left(1);
    second.tools.pop();
    second.resources.clear();
    [first, second]
}

fn offer() -> Offer {
    let object = json!({ "type": "object" });
    let mut echo = Tool::new("echo", "Returns it", &object).with_output_schema(&object);
    echo.title = Some("Echo".into());
    let array = json!({ "type": "array" });
    let list = Tool::new("list", "Lists it", &object).with_output_schema(&array);
    let mut prompt = Prompt::new("echo", "Says it");
    prompt.arguments = vec![PromptArgument::new("a", false)];
    let template = "law:{number}".parse().expect("a template");
    Offer {
        tools: vec![echo, list],
        prompts: vec![prompt, Prompt::new("other", "Says nothing")],
        resources: vec![Resource::new("law:one", "one").mime_type("text/plain")],
        resource_templates: vec![ResourceTemplate::new(template, "law")],
        // One tool, one prompt at a time.
        page_size: NonZeroUsize::new(1),
        ..Offer::default()
    }
}

/// Prints Rust that makes this script.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Script {{")?;
        writeln!(f, "    setup: {:?},", self.setup)?;
        writeln!(f, "    stream: b\"{}\".to_vec(),", Literal(&self.stream))?;
        writeln!(f, "    steps: vec!{:?},", self.steps)?;
        write!(f, "}}")
    }
}

/// The inside of a byte string literal, a line of source for each line sent.
struct Literal<'a>(&'a [u8]);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.0.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if number > 0 {
                f.write_str("\\\n        ")?;
            }
            // Rust skips white space at the start of a continued line.
            let (blank, line) = match line.strip_prefix(b" ") {
                Some(line) if number > 0 => ("\\x20", line),
                _ => ("", line),
            };
            write!(f, "{blank}{}", line.escape_ascii())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_prints_as_rust() {
        let script = Script {
            setup: Setup {
                size: Size::Tiny,
                pace: Pace::Quick,
                mode: Mode::Auto,
                answer_half_closed: false,
                has_clock: true,
                keeps_sessions: false,
                gate: Gate::Slow,
            },
            stream: b"GET / HTTP/1.1\r\n \"x\xff".to_vec(),
            steps: vec![Step::Feed(3), Step::Reply(To::Nth(1), With::Text)],
        };
        assert_eq!(
            format!("{script:?}"),
            "Script {\n    setup: Setup { size: Tiny, pace: Quick, mode: Auto, \
             answer_half_closed: false, has_clock: true, keeps_sessions: false, \
             gate: Slow },\n    \
             stream: b\"GET / HTTP/1.1\\r\\n\\\n        \\x20\\\"x\\xff\".to_vec(),\n    \
             steps: vec![Feed(3), Reply(Nth(1), Text)],\n}"
        );
    }
}

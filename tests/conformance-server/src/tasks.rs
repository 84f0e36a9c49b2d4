//! The tasks extension: tools that answer with a task at once, and methods to ask how it goes.
//!
//! A task here does nothing but wait. So it needs no thread: what has become of it follows from the
//! time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use mcp_smol::{
    BoxError, CallToolResult, ClientCapability, Context, ErrorCode, ExtensionMethod,
    ExtensionResult, RpcError, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Sleep;

const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// How long a task is kept.
const TTL: Duration = Duration::from_secs(300);
/// How often clients should ask.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How many tasks are kept.
const MOST_TASKS: usize = 1000;

/// All tasks, by their ids.
#[derive(Clone, Default)]
struct Tasks {
    tasks: Arc<Mutex<BTreeMap<String, Task>>>,
    created: Arc<AtomicU64>,
}

struct Task {
    created: SystemTime,
    updated: SystemTime,
    state: State,
}

enum State {
    /// Until then.
    Working(SystemTime, Outcome),
    /// Until all these have been answered.
    Asking(BTreeMap<String, Value>),
    Done(Outcome),
    Cancelled,
}

#[derive(Clone)]
enum Outcome {
    Result(Value),
    Error { code: i32, message: String },
}

impl Outcome {
    fn text(text: impl Into<String>) -> Self {
        Self::Result(json!({"content": [{"type": "text", "text": text.into()}]}))
    }

    fn failure(text: &str) -> Self {
        Self::Result(json!({"content": [{"type": "text", "text": text}], "isError": true}))
    }
}

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a task and tells the client of it.
    fn create(&self, state: State) -> Result<CallToolResult, BoxError> {
        let now = SystemTime::now();
        let id = format!("task-{}", self.created.fetch_add(1, Ordering::Relaxed));
        let task = Task { created: now, updated: now, state };
        let result = ExtensionResult::new("task", &Value::Object(task.members(&id)))?;
        let mut tasks = self.lock();
        tasks.retain(|_, task| now < task.created + TTL);
        if tasks.len() >= MOST_TASKS {
            return Err(RpcError::internal("internal error: too many tasks, try later").into());
        }
        tasks.insert(id, task);
        Ok(CallToolResult::extension(result))
    }

    fn work(&self, duration: Duration, outcome: Outcome) -> Result<CallToolResult, BoxError> {
        self.create(State::Working(SystemTime::now() + duration, outcome))
    }

    fn ask(&self, questions: &[(&str, &str)]) -> Result<CallToolResult, BoxError> {
        let question = |message| {
            json!({"method": "elicitation/create", "params": {
                "mode": "form",
                "message": message,
                "requestedSchema": {
                    "type": "object",
                    "properties": {"confirm": {"type": "boolean"}},
                    "required": ["confirm"],
                },
            }})
        };
        let questions = questions.iter().map(|(key, text)| ((*key).to_owned(), question(text)));
        self.create(State::Asking(questions.collect()))
    }

    /// Lends out a task as it is now.
    fn with<R>(&self, id: &str, with: impl FnOnce(&mut Task) -> R) -> Result<R, RpcError> {
        let mut tasks = self.lock();
        let task = tasks.get_mut(id).ok_or_else(|| {
            RpcError::new(ErrorCode::INVALID_PARAMS, format!("there is no task {id:?}"))
        })?;
        let now = SystemTime::now();
        if let State::Working(until, outcome) = &task.state
            && *until <= now
        {
            (task.updated, task.state) = (*until, State::Done(outcome.clone()));
        }
        Ok(with(task))
    }
}

impl Task {
    fn change(&mut self, state: State) {
        (self.updated, self.state) = (SystemTime::now(), state);
    }

    /// What is always told of a task.
    fn members(&self, id: &str) -> serde_json::Map<String, Value> {
        let time = |time| humantime::format_rfc3339_millis(time).to_string();
        let members = json!({
            "taskId": id,
            "status": match &self.state {
                State::Working(..) => "working",
                State::Asking(_) => "input_required",
                State::Done(Outcome::Result(_)) => "completed",
                State::Done(Outcome::Error { .. }) => "failed",
                State::Cancelled => "cancelled",
            },
            "createdAt": time(self.created),
            "lastUpdatedAt": time(self.updated),
            "ttlMs": TTL.as_millis() as u64,
            "pollIntervalMs": POLL_INTERVAL.as_millis() as u64,
        });
        members.as_object().cloned().unwrap_or_default()
    }

    /// What is told when a client asks for it.
    fn details(&self, id: &str) -> Value {
        let mut members = self.members(id);
        let (key, value) = match &self.state {
            State::Asking(questions) => ("inputRequests", json!(questions)),
            State::Done(Outcome::Result(result)) => ("result", result.clone()),
            State::Done(Outcome::Error { code, message }) => {
                ("error", json!({"code": code, "message": message}))
            }
            State::Working(..) | State::Cancelled => return members.into(),
        };
        members.insert(key.into(), value);
        members.into()
    }
}

#[derive(Deserialize, JsonSchema)]
struct Compute {
    seconds: Option<f64>,
    label: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Delete {
    filename: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskId {
    task_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    task_id: String,
    #[serde(default)]
    input_responses: BTreeMap<String, Value>,
}

fn takes_tasks() -> ClientCapability {
    ClientCapability::Extension(EXTENSION.into())
}

pub(crate) fn add_to(server: Server, sleep: fn(Duration) -> Sleep) -> Server {
    let tasks = Tasks::default();
    with_methods(with_tools(server.extension(EXTENSION, json!({})), &tasks, sleep), &tasks)
}

fn with_tools(server: Server, tasks: &Tasks, sleep: fn(Duration) -> Sleep) -> Server {
    let [computing, failing, broken, deleting, asking, named] = [(); 6].map(|()| tasks.clone());
    server
        .tool("slow_compute", "Takes its time", move |args: Compute, ctx: Context| {
            let tasks = computing.clone();
            async move {
                let duration = args.seconds.unwrap_or_default().clamp(0.0, 600.0);
                let duration = Duration::from_secs_f64(duration);
                let text = format!("computed {}", args.label.as_deref().unwrap_or("it"));
                if ctx.require(takes_tasks()).is_ok() {
                    return tasks.work(duration, Outcome::text(text));
                }
                sleep(duration).await;
                Ok::<_, BoxError>(CallToolResult::text(text))
            }
        })
        .tool("failing_job", "Fails after a second", move |ctx: Context| {
            ctx.require(takes_tasks())?;
            failing.work(Duration::from_secs(1), Outcome::failure("The job has failed."))
        })
        .tool("protocol_error_job", "Fails as no tool should", move |ctx: Context| {
            ctx.require(takes_tasks())?;
            let message = "The job could not be run.".into();
            broken.work(Duration::from_millis(100), Outcome::Error { code: -32603, message })
        })
        .tool("confirm_delete", "Asks before it deletes", move |args: Delete, ctx: Context| {
            ctx.require(takes_tasks())?;
            let file = args.filename.as_deref().unwrap_or("it");
            deleting.ask(&[("confirm", &format!("Delete {file}?"))])
        })
        .tool("multi_input", "Asks two questions", move |ctx: Context| {
            ctx.require(takes_tasks())?;
            asking.ask(&[("first", "What comes first?"), ("second", "And then?")])
        })
        .tool("test_tool_with_task", "Asks, and then works", move |ctx: Context| {
            let tasks = named.clone();
            async move {
                ctx.require(takes_tasks())?;
                let name = ctx.elicit::<Name>("user_name", "What is your name?").await?;
                let name = name.accepted().map_or_else(|| "nobody".into(), |given| given.name);
                tasks.work(Duration::from_millis(100), Outcome::text(format!("Done for {name}.")))
            }
        })
}

fn with_methods(server: Server, tasks: &Tasks) -> Server {
    let [getting, updating, cancelling] = [(); 3].map(|()| tasks.clone());
    let method = |name: &str| ExtensionMethod::new(name).subject("taskId");
    server
        .method(method("tasks/get"), move |params: TaskId, ctx: Context| {
            ctx.require(takes_tasks())?;
            let id = params.task_id;
            let details = getting.with(&id, |task| task.details(&id))?;
            Ok::<_, BoxError>(ExtensionResult::complete(&details)?)
        })
        .method(method("tasks/update"), move |params: Update, ctx: Context| {
            ctx.require(takes_tasks())?;
            updating.with(&params.task_id, |task| {
                if let State::Asking(questions) = &mut task.state {
                    // An answer to nothing is ignored.
                    questions.retain(|key, _| !params.input_responses.contains_key(key));
                    if questions.is_empty() {
                        task.change(State::Done(Outcome::text("All has been answered.")));
                    }
                }
            })?;
            Ok::<_, BoxError>(ExtensionResult::complete(&json!({}))?)
        })
        .method(method("tasks/cancel"), move |params: TaskId, ctx: Context| {
            ctx.require(takes_tasks())?;
            cancelling.with(&params.task_id, |task| {
                if matches!(task.state, State::Working(..) | State::Asking(_)) {
                    task.change(State::Cancelled);
                }
            })?;
            Ok::<_, BoxError>(ExtensionResult::complete(&json!({}))?)
        })
}

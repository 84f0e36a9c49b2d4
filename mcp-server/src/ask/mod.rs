//! Questions to the client, from within a handler.
//!
//! In a session of the 2025 revisions a question goes out while the handler runs, and its answer
//! comes back to the same future.
//!
//! On 2026-07-28 nothing is sent while a handler runs. A question without an answer ends the round:
//! the driver replies with all that was asked and drops the handler's future. The client gathers the
//! answers and sends its request again; the handler runs anew, and what it asks is there at once.

mod asking;
mod error;

pub(crate) use asking::{Answered, Asking};
pub use error::AskError;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};

use mcp_proto::{
    ClientCapabilities, ClientCapability, CreateMessageRequest, CreateMessageResult, ElicitAction,
    ElicitRequest, ElicitResult, ElicitSchema, InputRequest, ListRootsResult, MissingCapability,
    Root,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::arguments::{self, schema_of};
use crate::context::Context;

/// Characters of what is wrong with an answer. A parser quotes what it found, however long that is.
const LONGEST_REASON: usize = 200;

/// A step that is being done.
struct Step<'a> {
    context: &'a Context,
    key: &'a str,
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.context.asking(|asking| asking.leave_step(self.key));
    }
}

/// # Questions to the client
///
/// Each has a key, which names it among the questions of one call: the answer is found by it when the
/// call is repeated. Keep keys and their order the same from round to round, and use each key for one
/// question only: to ask again, number them. Several questions can be asked at once, by awaiting them
/// together.
///
/// In a session of the 2025 revisions the question goes to the client while the handler waits, and
/// the answer comes back to the same future.
///
/// On 2026-07-28 the handler starts from its beginning when the answers are there, as another call:
/// whatever came before the question is done again, unless it was done [once](Self::once). Code
/// behind a question that is not answered never runs. With a question open, the handler is dropped
/// the next time it waits, with all that it does beside: so do not race a question against a timer,
/// and have work done before you ask. A client may answer some questions and not others; what it has
/// answered is kept.
///
/// ```
/// use mcp_server::{AskError, Context, Elicited};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Contact {
///     /// Where to send the confirmation.
///     email: String,
/// }
///
/// async fn book(ctx: Context) -> Result<String, AskError> {
///     match ctx.elicit::<Contact>("contact", "How can we reach you?").await? {
///         Elicited::Accepted(contact) => Ok(format!("Booked for {}.", contact.email)),
///         Elicited::Declined | Elicited::Cancelled => Ok("Nothing was booked.".into()),
///     }
/// }
/// ```
///
/// Several at once, with any way to await futures together:
///
/// ```
/// # use mcp_server::{AskError, Context, CreateMessageRequest};
/// # async fn example(ctx: Context, poem: CreateMessageRequest) -> Result<(), AskError> {
/// let (poem, roots) =
///     futures_lite::future::try_zip(ctx.sample("poem", poem), ctx.list_roots("roots")).await?;
/// # Ok(())
/// # }
/// ```
impl Context {
    /// Asks the user to fill in a form, whose fields are those of `T`: texts, numbers, booleans,
    /// and enums without data, or lists of those.
    ///
    /// Not for secrets: for them there is [`elicit_url`](Self::elicit_url).
    ///
    /// # Errors
    ///
    /// [`AskError::Missing`], [`NotInRevision`](AskError::NotInRevision) and
    /// [`NobodyToAsk`](AskError::NobodyToAsk) if the client cannot be asked,
    /// [`Refused`](AskError::Refused) and [`TimedOut`](AskError::TimedOut) if it does not answer,
    /// [`Answer`](AskError::Answer) if it has answered with something else,
    /// [`KeyTaken`](AskError::KeyTaken) if the key is that of another question,
    /// [`Form`](AskError::Form) if `T` has fields that forms cannot have. An answer is held to the
    /// type: check lengths, ranges and formats yourself.
    ///
    /// Cancel-safe: a question that is dropped before it was polled is not asked, and one that is
    /// dropped later is taken back.
    pub fn elicit<T: DeserializeOwned + JsonSchema>(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Ask<'_, Elicited<T>> {
        let schema = ElicitSchema::try_from(schema_of::<T>().as_value());
        let request = schema.map(|schema| ElicitRequest::form(message, schema));
        let request = request.map(|request| Some(InputRequest::Elicit(request)));
        self.ask(key, request.map_err(AskError::Form), form)
    }

    /// Asks the user to fill in a form that is described by hand.
    ///
    /// # Errors
    ///
    /// As for [`elicit`](Self::elicit).
    pub fn elicit_form<T: DeserializeOwned>(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        schema: ElicitSchema,
    ) -> Ask<'_, Elicited<T>> {
        let request = ElicitRequest::form(message, schema);
        self.ask(key, Ok(Some(InputRequest::Elicit(request))), form)
    }

    /// Asks the user to visit a page, where what they do is between them and that page. That it was
    /// accepted does not mean that they are done there.
    ///
    /// # Errors
    ///
    /// As for [`elicit`](Self::elicit).
    pub fn elicit_url(
        &self,
        key: impl Into<String>,
        message: impl Into<String>,
        url: impl Into<String>,
    ) -> Ask<'_, Elicited<()>> {
        let request = ElicitRequest::url(message, url);
        let request = Ok(Some(InputRequest::Elicit(request)));
        self.ask(key, request, |answer| elicited(answer, |_| Ok(())))
    }

    /// Asks the client's model.
    ///
    /// # Errors
    ///
    /// As for [`elicit`](Self::elicit).
    pub fn sample(
        &self,
        key: impl Into<String>,
        request: CreateMessageRequest,
    ) -> Ask<'_, CreateMessageResult> {
        self.ask(key, Ok(Some(InputRequest::Sample(Box::new(request)))), json)
    }

    /// Asks the client which files and folders the user is at work on.
    ///
    /// # Errors
    ///
    /// As for [`elicit`](Self::elicit).
    pub fn list_roots(&self, key: impl Into<String>) -> Ask<'_, Vec<Root>> {
        self.ask(key, Ok(Some(InputRequest::ListRoots)), |answer| {
            json::<ListRootsResult>(answer).map(|result| result.roots)
        })
    }

    /// Asks the client whether it is there, in a session of the 2025 revisions.
    ///
    /// # Errors
    ///
    /// As for [`elicit`](Self::elicit). [`AskError::NobodyToAsk`] on 2026-07-28, which has no such
    /// question: there, a client that is gone has cancelled its call.
    pub fn ping(&self) -> Ask<'_, ()> {
        let key = self.asking(Asking::next_ping);
        self.ask(key, Ok(None), |_| Ok(()))
    }

    /// Lets go of the connection by which the client waits for the answer to its call, but not of
    /// the call: the client comes back for the rest after a while. For work that takes longer than
    /// connections last. Does nothing where the client would not come back, which is before
    /// 2025-11-25, on 2026-07-28, and without a session.
    ///
    /// What is said until then has to be kept: a result of more than
    /// [`HubLimits::replay_bytes`](crate::HubLimits::replay_bytes) is lost if nobody reads when it comes.
    pub fn release_connection(&self) {
        self.asking(|asking| asking.is_released = asking.is_in_session);
        self.wake_driver();
    }

    /// Does something once, however often the handler starts anew to get the answers to its
    /// questions: later rounds are given the outcome of the first. Each step has a key of its own.
    ///
    /// The outcome travels sealed through the client, who can neither read nor change it, but who
    /// can begin again from the start. Where it is a `Result`, a failure is kept like a success: the
    /// error has to be JSON as well.
    ///
    /// ```
    /// # async fn order() -> u64 { 7 }
    /// # async fn example(ctx: mcp_server::Context) -> Result<(), mcp_server::AskError> {
    /// let number: u64 = ctx.once("order", || order()).await?;
    /// let roots = ctx.list_roots("roots").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the outcome cannot be kept as JSON, or the key is that of another step.
    ///
    /// Not cancel-safe: a step that is dropped midway is begun anew when it comes up again, in this round
    /// or in the next. So await it before a question, and not beside one.
    pub async fn once<T, F, Fut>(&self, key: &str, step: F) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let not_kept = |error: serde_json::Error| AskError::Step {
            key: key.to_owned(),
            reason: error.to_string(),
        };
        let done = match self.asking(|asking| asking.begin_step(key))? {
            Some(done) => done,
            None => {
                let _begun = Step { context: self, key };
                let done = serde_json::value::to_raw_value(&step().await).map_err(not_kept)?;
                self.asking(|asking| asking.remembered.done.insert(key.to_owned(), done.clone()));
                done
            }
        };
        // In the first round, too: all rounds see the same, and what gets lost is known at once.
        serde_json::from_str(done.get()).map_err(not_kept)
    }

    /// What the client can do. In the 2025 revisions, only sessions know it.
    #[must_use]
    pub fn client_capabilities(&self) -> ClientCapabilities {
        let capabilities = self.request().client_capabilities();
        // What is malformed has not been declared.
        let capabilities: ClientCapabilities =
            capabilities.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        capabilities.declared_on(self.revision())
    }

    /// Fails unless the client can do that, with an error that tells it what to declare. Asking does
    /// so by itself.
    ///
    /// # Errors
    ///
    /// If the client has not declared the capability.
    pub fn require(&self, capability: ClientCapability) -> Result<(), MissingCapability> {
        self.client_capabilities().require(capability)
    }

    fn ask<T>(
        &self,
        key: impl Into<String>,
        request: Result<Option<InputRequest>, AskError>,
        read: fn(&RawValue) -> Result<T, String>,
    ) -> Ask<'_, T> {
        Ask {
            context: self,
            key: key.into(),
            request: Some(request),
            is_open: false,
            read,
            answer: PhantomData,
        }
    }
}

/// A question on its way. Resolves to the answer of the client, or when the call has ended.
#[must_use = "a question is asked when it is awaited"]
pub struct Ask<'a, T> {
    context: &'a Context,
    key: String,
    /// Gone when it has been asked.
    request: Option<Result<Option<InputRequest>, AskError>>,
    /// Whether it was asked and has no answer yet.
    is_open: bool,
    read: fn(&RawValue) -> Result<T, String>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Future for Ask<'_, T> {
    type Output = Result<T, AskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let context = this.context;
        if let Some(request) = this.request.take() {
            match context.asking(|asking| asking.ask(&this.key, request, context)) {
                Ok(Some(answer)) => return Poll::Ready(this.read(&answer)),
                Ok(None) => {
                    this.is_open = true;
                    context.wake_driver();
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // Without a session the round ends with this poll of the handler, unless it is not the
        // handler that polls.
        if context.poll_ended(cx).is_ready() {
            this.is_open = false;
            return Poll::Ready(Err(AskError::Ended));
        }
        let answer = match this.is_open {
            true => context.asking(|asking| asking.take_answer(&this.key)),
            false => None,
        };
        let Some(answer) = answer else {
            return Poll::Pending;
        };
        this.is_open = false;
        Poll::Ready(answer.and_then(|answer| this.read(&answer)))
    }
}

impl<T> Ask<'_, T> {
    fn read(&mut self, answer: &RawValue) -> Result<T, AskError> {
        (self.read)(answer).map_err(|reason| AskError::Answer {
            key: std::mem::take(&mut self.key),
            reason: cut(reason),
        })
    }
}

impl<T> Drop for Ask<'_, T> {
    fn drop(&mut self) {
        if self.is_open {
            let key = std::mem::take(&mut self.key);
            self.context.asking(|asking| asking.withdraw(key));
            self.context.wake_driver();
        }
    }
}

impl<T> fmt::Debug for Ask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a user did with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these three")]
pub enum Elicited<T> {
    /// Answered it.
    Accepted(T),
    /// Said no.
    Declined,
    /// Put it away without a choice.
    Cancelled,
}

impl<T> Elicited<T> {
    /// The answer, if there is one.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(answer) => Some(answer),
            Self::Declined | Self::Cancelled => None,
        }
    }
}

fn json<T: DeserializeOwned>(answer: &RawValue) -> Result<T, String> {
    serde_json::from_str(answer.get()).map_err(|error| error.to_string())
}

/// A reason that quotes no more of an answer than a client needs to be told.
fn cut(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(end);
        reason.push_str("...");
    }
    reason
}

fn form<T: DeserializeOwned>(answer: &RawValue) -> Result<Elicited<T>, String> {
    elicited(answer, arguments::read)
}

fn elicited<T>(
    answer: &RawValue,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Elicited<T>, String> {
    let result: ElicitResult = json(answer)?;
    Ok(match result.action {
        ElicitAction::Accept => {
            Elicited::Accepted(read(result.content.as_deref().map_or("{}", RawValue::get))?)
        }
        ElicitAction::Decline => Elicited::Declined,
        ElicitAction::Cancel => Elicited::Cancelled,
    })
}

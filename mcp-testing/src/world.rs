//! What is around a server in a test: its connections, and a clock that the test moves. All of it
//! is polled on the thread of the test, whenever the test waits for something.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use mcp_server::{Endpoints, ManualClock, Report, Service};

use crate::error::Error;
use crate::pipe::{ClientEnd, pipe};

/// How long a test waits in real time for what only other threads can do.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long something may go on that wakes itself again and again, if no patience is longer.
const LONGEST_WORK: Duration = Duration::from_secs(1);

/// The most that the clock is moved at once: who has something to do now and then would do it for ever.
const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(crate) struct World {
    /// Gone when it has been stopped.
    service: RefCell<Option<Service>>,
    clock: ManualClock,
    tasks: RefCell<Vec<Task>>,
    alarm: Arc<Alarm>,
    pub(crate) patience: Cell<Duration>,
}

/// A connection, or what ends sessions that are idle, and what its timer is set to.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    deadline: Arc<Deadline>,
}

/// Nothing more happens by itself, and what was waited for is not there.
pub(crate) struct Stalled;

impl World {
    pub(crate) fn start(endpoints: Endpoints) -> Result<Self, Error> {
        let clock = ManualClock::new();
        let world = Self {
            service: RefCell::new(None),
            clock: clock.clone(),
            tasks: RefCell::default(),
            alarm: Arc::new(Alarm { is_ringing: AtomicBool::new(true), thread: thread::current() }),
            patience: Cell::new(PATIENCE),
        };
        let started = world.block_on(endpoints.clock(clock).start());
        let started = started.map_err(|Stalled| world.stalled("the start-up hooks"))?;
        let service = started.map_err(Error::Start)?;
        world.run(|timer| service.housekeeping(timer));
        *world.service.borrow_mut() = Some(service);
        Ok(world)
    }

    /// Opens a connection.
    pub(crate) fn connect(
        &self,
        attachment: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Result<ClientEnd, Error> {
        let service = self.service.borrow();
        let service = service.as_ref().ok_or(Error::Stopped)?;
        let (client, server) = pipe();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        self.run(|timer| {
            let connection = service.connection(server, timer, Some(peer));
            match attachment {
                Some(attachment) => connection.attach(attachment),
                None => connection,
            }
        });
        Ok(client)
    }

    /// Runs a task beside the others.
    fn run<F: Future<Output = ()> + 'static>(&self, task: impl FnOnce(Timer) -> F) {
        let deadline = Arc::<Deadline>::default();
        let timer = Timer { clock: self.clock.clone(), deadline: deadline.clone() };
        self.tasks.borrow_mut().push(Task { future: Box::pin(task(timer)), deadline });
        self.alarm.ring();
    }

    /// Polls what can go on, once. Whether there was anything.
    fn turn(&self) -> bool {
        if !self.alarm.is_ringing.swap(false, Ordering::AcqRel) {
            return false;
        }
        let waker = Waker::from(self.alarm.clone());
        let mut cx = Context::from_waker(&waker);
        // What is polled cannot get at the world: it is behind `Rc`, and handlers are `Send`.
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain_mut(|task| task.future.as_mut().poll(&mut cx).is_pending());
        true
    }

    /// Runs until nothing more happens by itself.
    pub(crate) fn settle(&self) {
        let begun = Instant::now();
        while self.turn() && begun.elapsed() < self.longest_work() {}
    }

    /// Runs until there is something, be it that other threads have to do it.
    pub(crate) fn wait<T>(
        &self,
        mut look: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<Result<T, Stalled>, Error> {
        let begun = Instant::now();
        loop {
            self.turn();
            if let Some(found) = look()? {
                return Ok(Ok(found));
            }
            let is_quiet = self.is_quiet();
            let most = if is_quiet { self.patience.get() } else { self.longest_work() };
            let left = most.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(Err(Stalled));
            }
            if is_quiet {
                thread::park_timeout(left);
            }
        }
    }

    fn longest_work(&self) -> Duration {
        self.patience.get().max(LONGEST_WORK)
    }

    /// Runs a future to its end, and everything else beside it.
    fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Stalled> {
        let mut future = pin!(future);
        let waker = Waker::from(self.alarm.clone());
        let mut cx = Context::from_waker(&waker);
        let done = self.wait(|| match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => Ok(Some(output)),
            Poll::Pending => Ok(None),
        });
        done.unwrap_or(Err(Stalled))
    }

    /// Moves the clock, from one deadline to the next.
    pub(crate) fn advance(&self, time: Duration) {
        let until = self.clock.now() + time.min(LONGEST_TIME);
        loop {
            self.settle();
            let now = self.clock.now();
            let next = self.next_deadline(now).map_or(until, |next| next.min(until));
            self.clock.advance(next - now);
            self.alarm.ring();
            if next == until {
                return self.settle();
            }
        }
    }

    /// The next deadline of a task.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let tasks = self.tasks.borrow();
        let deadlines = tasks.iter().filter_map(|task| task.deadline.read());
        deadlines.filter(|at| *at > now).min()
    }

    /// Stops the servers. What is still at work when nothing more happens by itself is given all
    /// of `drain`, on the clock of the test.
    pub(crate) fn stop(&self, drain: Duration) -> Result<Report, Error> {
        let service = self.service.borrow_mut().take().ok_or(Error::Stopped)?;
        let mut stop = pin!(service.stop(drain));
        let waker = Waker::from(self.alarm.clone());
        let mut is_over = false;
        let stopped = self.wait(|| {
            let polled = stop.as_mut().poll(&mut Context::from_waker(&waker));
            let can_end = drain <= LONGEST_TIME && !is_over;
            if polled.is_pending() && self.is_quiet() && can_end {
                is_over = true;
                self.advance(drain);
                self.alarm.ring();
            }
            Ok(match polled {
                Poll::Ready(report) => Some(report),
                Poll::Pending => None,
            })
        })?;
        stopped.map_err(|Stalled| self.stalled("the end of all connections and shut-down hooks"))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.service.borrow().is_none()
    }

    /// Whether nothing can go on by itself.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.alarm.is_ringing.load(Ordering::Acquire)
    }

    pub(crate) fn stalled(&self, waited_for: impl Into<String>) -> Error {
        Error::Stalled { waited_for: waited_for.into(), patience: self.patience.get() }
    }
}

/// Says that something can go on, from whichever thread.
struct Alarm {
    is_ringing: AtomicBool,
    thread: Thread,
}

impl Alarm {
    fn ring(&self) {
        self.is_ringing.store(true, Ordering::Release);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
        self.thread.unpark();
    }
}

/// What a timer is set to, if it is.
#[derive(Debug, Default)]
struct Deadline(Mutex<Option<Instant>>);

impl Deadline {
    fn read(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, deadline: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }
}

/// A timer on the clock of the test. Whoever moves that polls everything.
#[derive(Debug)]
struct Timer {
    clock: ManualClock,
    deadline: Arc<Deadline>,
}

impl mcp_server::runtime::Timer for Timer {
    fn reset(&mut self, deadline: Instant) {
        self.deadline.set(Some(deadline));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.deadline.read() {
            Some(deadline) if deadline <= self.clock.now() => {
                self.deadline.set(None);
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("tasks", &self.tasks.borrow().len()).finish_non_exhaustive()
    }
}

/// Everything that the clients of a test share.
pub(crate) type Shared = Rc<World>;

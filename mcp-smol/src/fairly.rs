//! Tasks and sockets in turns.

use std::future::Future;

use async_executor::Executor;
use futures_lite::future::{or, yield_now};

/// How many tasks run before the sockets get a look: as many as clients can hold up another one that
/// has just sent something. The executor by itself would run 200.
const TASKS: usize = 16;

/// Runs the tasks of an executor until `main` is done.
pub(crate) async fn run<T>(executor: &Executor<'_>, main: impl Future<Output = T>) -> T {
    let tasks = async {
        loop {
            for _ in 0..TASKS {
                executor.tick().await;
            }
            // Where this is awaited, the reactor comes next.
            yield_now().await;
        }
    };
    or(main, tasks).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    /// Counts how often whoever awaits is called back.
    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_busy_task_leaves_the_sockets_their_turn() {
        let turns = Arc::new(AtomicUsize::new(0));
        let executor = Executor::new();
        let counted = turns.clone();
        let busy = executor.spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        let calls = Arc::<Calls>::default();
        let waker = Waker::from(calls.clone());
        let mut run = pin!(run(&executor, pending::<()>()));
        for times in 1..=3 {
            // What polls this looks at the sockets in between, and has to come back.
            assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(turns.load(Ordering::Relaxed), times * TASKS);
            assert_eq!(calls.0.load(Ordering::Relaxed), times);
        }
        drop(busy);
    }
}

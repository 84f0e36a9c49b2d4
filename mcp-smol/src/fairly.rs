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
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_io::Async;

    #[test]
    fn a_busy_task_holds_up_nobody_who_has_something_to_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Async::new(listener.accept().unwrap().0).unwrap();
        let turns = Arc::new(AtomicUsize::new(0));

        let executor = Executor::new();
        let counted = turns.clone();
        let busy = executor.spawn(async move {
            loop {
                if counted.fetch_add(1, Ordering::Relaxed) == 100 {
                    client.write_all(b"x").unwrap();
                }
                yield_now().await;
            }
        });
        let turns = &turns;
        let reader = executor.spawn(async move {
            stream.read_with(|mut stream| stream.read(&mut [0])).await.unwrap();
        });
        let later = async_io::block_on(run(&executor, async {
            reader.await;
            turns.load(Ordering::Relaxed) - 100
        }));
        drop(busy);
        assert!(later <= 64, "the busy task had {later} turns before the byte was read");
    }
}

//! What the socket tests share: servers in the background, a raw client, the log.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

#[cfg(feature = "axum")]
pub mod axum;
pub mod client;
pub mod fixture;
pub mod log;
pub mod process;
pub mod random;
pub mod session;
pub mod subscription;
pub mod tokens;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcp_smol::{Endpoints, Report, ServeError};
use socket2::{Domain, Socket, Type};

/// The runtimes that each socket test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Smol,
    #[cfg(feature = "tokio")]
    Tokio,
    /// Inside an axum application, on tokio.
    #[cfg(feature = "axum")]
    Axum,
}

impl On {
    pub const ALL: &[Self] = &[
        Self::Smol,
        #[cfg(feature = "tokio")]
        Self::Tokio,
    ];

    /// And inside an application, where what comes before a request and after its response is not
    /// ours.
    pub const AND_INSIDE: &[Self] = &[
        Self::Smol,
        #[cfg(feature = "tokio")]
        Self::Tokio,
        #[cfg(feature = "axum")]
        Self::Axum,
    ];

    /// Waits on this runtime.
    pub fn sleep(self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Smol => Box::pin(async move {
                mcp_smol::async_io::Timer::after(duration).await;
            }),
            #[cfg(feature = "tokio")]
            Self::Tokio => Box::pin(mcp_tokio::tokio::time::sleep(duration)),
            #[cfg(feature = "axum")]
            Self::Axum => Self::Tokio.sleep(duration),
        }
    }

    /// Serves `endpoints` on two threads of this runtime until the result is stopped.
    pub fn serve(self, endpoints: Endpoints) -> Running {
        self.serve_with(endpoints, Duration::from_secs(5))
    }

    pub fn serve_with(self, endpoints: Endpoints, drain: Duration) -> Running {
        self.serve_at(listen(), endpoints, drain)
    }

    pub fn serve_at(self, listener: TcpListener, endpoints: Endpoints, drain: Duration) -> Running {
        Running::start(listener, move |listener, until| self.run(listener, endpoints, drain, until))
    }

    /// Serves on this thread and one more until `stop` is done.
    pub fn run(
        self,
        listener: TcpListener,
        endpoints: Endpoints,
        drain: Duration,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Report, ServeError> {
        match self {
            Self::Smol => {
                let serve = mcp_smol::Smol::new()
                    .threads(2)
                    .serve(listener.try_into().unwrap(), endpoints)
                    .until(stop)
                    .drain_deadline(drain);
                mcp_smol::block_on(serve)
            }
            #[cfg(feature = "tokio")]
            Self::Tokio => {
                use mcp_tokio::tokio;
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
                    listener.set_nonblocking(true).unwrap();
                    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                    mcp_tokio::serve(listener.into(), endpoints)
                        .until(stop)
                        .drain_deadline(drain)
                        .await
                })
            }
            #[cfg(feature = "axum")]
            Self::Axum => axum::run(listener, endpoints, drain, stop),
        }
    }

    /// Done when the process is asked to end.
    pub fn shutdown_signal(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Smol => Box::pin(mcp_smol::shutdown_signal()),
            #[cfg(feature = "tokio")]
            Self::Tokio => Box::pin(mcp_tokio::shutdown_signal()),
            #[cfg(feature = "axum")]
            Self::Axum => Self::Tokio.shutdown_signal(),
        }
    }
}

/// A listener for either runtime, ready for many clients at once.
pub fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

/// A server on threads of its own.
pub struct Running {
    pub address: SocketAddr,
    stop: async_channel::Sender<()>,
    thread: JoinHandle<Result<Report, ServeError>>,
}

/// Done when the server is to stop.
pub type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Running {
    /// Runs a server on a thread of its own.
    pub fn start(
        listener: TcpListener,
        run: impl FnOnce(TcpListener, Until) -> Result<Report, ServeError> + Send + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let until = Box::pin(async move {
            let _ = stopped.recv().await;
        });
        let writer = log::Writer::begin();
        let thread = std::thread::spawn(move || {
            let _writer = writer;
            run(listener, until)
        });
        Self { address, stop, thread }
    }

    /// Begins a shutdown.
    pub fn begin_stop(&self) {
        self.stop.close();
    }

    /// Waits for the end.
    pub fn stopped(self) -> Result<Report, ServeError> {
        self.thread.join().expect("the server does not panic")
    }

    pub fn stop(self) -> Result<Report, ServeError> {
        self.begin_stop();
        self.stopped()
    }
}

/// Waits until `condition` holds, at most five seconds; returns how long it took.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

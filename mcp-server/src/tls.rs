//! TLS for the listener of any runtime, through rustls.
//!
//! ```
//! use mcp_server::runtime::Listener;
//! use mcp_server::tls::{self, TlsListener};
//!
//! /// Takes what `mcp_smol::bind` or `mcp_tokio::bind` makes, and makes what `Serve::new` takes.
//! fn secure(listener: impl Listener) -> Result<impl Listener, tls::ConfigError> {
//!     let config = tls::config_from_pem_files("certificates.pem", "key.pem")?;
//!     Ok(TlsListener::new(listener, config))
//! }
//! ```
//!
//! A handshake is part of its connection, and takes place when that is first read: it holds nobody
//! else up, may take as long as a connection may be [idle](crate::Deadlines::idle) before its first
//! request, and when it fails, that is the peer's affair and a line at debug level.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{Accept, TlsAcceptor, server};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::runtime::{Address, Listener};

// For configurations of all kinds, in the version used here.
pub use rustls;

/// What clients that know several protocols have to agree on (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Reads a chain of certificates, the server's own first, and the private key of that one. Blocks
/// while it reads. TLS 1.2 and 1.3 are spoken, and clients are asked for no certificate.
///
/// # Errors
///
/// If a file cannot be read or has nothing of the kind in it, or if the key is not that of the
/// certificate.
pub fn config_from_pem_files(
    certificates: impl AsRef<Path>,
    key: impl AsRef<Path>,
) -> Result<ServerConfig, ConfigError> {
    let (certificates, key) = (certificates.as_ref(), key.as_ref());
    let in_file = |path: &Path| {
        let path = path.to_owned();
        move |error| ConfigError::File { path, error }
    };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(in_file(certificates))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(in_file(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(ConfigError::Rustls)
}

/// Why there is no configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read, or is not what it should be.
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// Certificate and key make no server.
    Rustls(rustls::Error),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "cannot use {}: {error}", path.display()),
            Self::Rustls(error) => write!(f, "certificate and key make no server: {error}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Rustls(error) => Some(error),
        }
    }
}

/// A listener whose connections speak TLS.
pub struct TlsListener<L> {
    inner: L,
    acceptor: TlsAcceptor,
}

impl<L: Listener> TlsListener<L> {
    /// Speaks TLS on what `listener` accepts. Whatever application protocols `config` has, HTTP/1.1
    /// is the one that is agreed on.
    pub fn new(listener: L, mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Self { inner: listener, acceptor: Arc::new(config).into() }
    }
}

impl<L: Listener> Listener for TlsListener<L> {
    type Stream = TlsStream<L::Stream>;

    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let (stream, peer) = ready!(self.inner.poll_accept(context))?;
        let state = State::Handshake(self.acceptor.accept(stream));
        Poll::Ready(Ok((TlsStream { state }, peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.inner.local_addr()
    }

    fn is_encrypted(&self) -> bool {
        true
    }
}

impl<L: fmt::Debug> fmt::Debug for TlsListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// A connection that speaks TLS. Dropped, it tells the peer that this is the end, if that can be
/// said without waiting.
pub struct TlsStream<S: AsyncRead + AsyncWrite + Unpin> {
    state: State<S>,
}

enum State<S> {
    Handshake(Accept<S>),
    Open(server::TlsStream<S>),
    Failed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// The stream behind the handshake.
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut server::TlsStream<S>>>> {
        if let State::Handshake(accept) = &mut self.state {
            self.state = match ready!(Pin::new(accept).poll(cx)) {
                Ok(stream) => State::Open(stream),
                Err(error) => {
                    tracing::debug!("the TLS handshake has failed: {error}");
                    State::Failed
                }
            };
        }
        Poll::Ready(match &mut self.state {
            State::Open(stream) => Ok(Pin::new(stream)),
            State::Handshake(_) | State::Failed => Err(io::ErrorKind::ConnectionAborted.into()),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    /// Sends `close_notify` (RFC 8446 section 6.1), then closes the sending half below it.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_close(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for TlsStream<S> {
    fn drop(&mut self) {
        if let State::Open(stream) = &mut self.state {
            let mut cx = Context::from_waker(Waker::noop());
            // A peer that is gone, or takes no bytes, cannot be told.
            let _ = Pin::new(stream).poll_close(&mut cx);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Handshake(_) => "Handshake",
            State::Open(_) => "Open",
            State::Failed => "Failed",
        };
        f.debug_struct("TlsStream").field("state", &state).finish_non_exhaustive()
    }
}

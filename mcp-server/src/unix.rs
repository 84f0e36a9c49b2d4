//! Unix sockets, as far as they are the same on every runtime: the file that stands for one.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The file of a Unix socket, which goes with this.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
}

impl SocketFile {
    /// Listens at `path`. A socket that a process has left there which is gone is replaced.
    ///
    /// # Errors
    ///
    /// Those of `bind(2)`: somebody listens there, or there is a file that is no socket.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<(UnixListener, Self)> {
        let path = path.as_ref();
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            listener => listener?,
        };
        Ok((listener, Self { path: path.to_owned() }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether nobody listens at a socket.
fn is_left_over(path: &Path) -> bool {
    let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If it is gone already, so be it.
        let _ = std::fs::remove_file(&self.path);
    }
}

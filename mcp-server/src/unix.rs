//! Unix sockets, as far as they are the same on every runtime: the file that stands for one.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The file of a Unix socket, which goes with this.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own there meanwhile.
    identity: Option<(u64, u64)>,
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
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let found = (identity(path), changed_at(path));
                if !is_left_over(path) {
                    return Err(error);
                }
                // Another process may have come before us, and listens there by now.
                if (identity(path), changed_at(path)) == found {
                    std::fs::remove_file(path)?;
                }
                UnixListener::bind(path)?
            }
            listener => listener?,
        };
        Ok((listener, Self { path: path.to_owned(), identity: identity(path) }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether nobody listens at a socket. Does not wait for one who has as many clients as it can have.
fn is_left_over(path: &Path) -> bool {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && connect().is_err_and(refused)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = path.symlink_metadata().ok()?;
    Some((file.dev(), file.ino()))
}

/// When anything about a file has changed. The number of an inode that is gone is given to the next.
fn changed_at(path: &Path) -> Option<(i64, i64)> {
    let file = path.symlink_metadata().ok()?;
    Some((file.ctime(), file.ctime_nsec()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // If it is gone by now, so be it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_another_process_has_put_there_stays() {
        let name = format!("mcp-socket-file-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let (first, file) = SocketFile::bind(&path).unwrap();
        assert!(SocketFile::bind(&path).is_err(), "somebody listens there");
        std::fs::remove_file(&path).unwrap();
        let (second, others) = SocketFile::bind(&path).unwrap();
        drop(file);
        assert!(path.exists(), "it is not the first one's");
        drop(others);
        assert!(!path.exists());
        drop((first, second));
    }
}

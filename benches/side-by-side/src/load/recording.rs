//! What our own server answers, kept in files for the peers that give fixed answers.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs, process};

use crate::BoxError;
use crate::client::{Client, Exchange};
use crate::server::MODEL;
use crate::subscription::Subscription;
use crate::system::{Cores, Placement};

/// The files, as long as this lives.
pub(crate) struct Recording {
    directory: PathBuf,
    has_events: bool,
    has_stream: bool,
}

impl Recording {
    /// Of nothing.
    pub(crate) fn new() -> Result<Self, BoxError> {
        let directory = env::temp_dir().join(format!("mcp-side-by-side-{}", process::id()));
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, has_events: false, has_stream: false })
    }

    /// Of the answer to a request.
    pub(crate) fn of_answer(
        cores: &Cores,
        exchange: &Exchange,
        more_tools: usize,
    ) -> Result<Self, BoxError> {
        let mut recording = Self::new()?;
        let server = MODEL.start(cores, Placement::Apart, &recording, more_tools)?;
        let mut client = Client::connect(server.address)?;
        client.call(exchange)?;
        recording.has_events = client.response.body().ends_with(b"\n\n");
        fs::write(recording.file("body"), client.response.body())?;
        fs::write(recording.file("response"), client.response.raw())?;
        Ok(recording)
    }

    /// Also of a stream, how it begins and how it goes on after a change.
    pub(crate) fn and_stream(
        mut self,
        cores: &Cores,
        subscription: &Subscription,
    ) -> Result<Self, BoxError> {
        let server = MODEL.start(cores, Placement::Apart, &self, 0)?;
        let mut listener = Client::connect(server.address)?;
        listener.subscribe(&subscription.listen)?;
        fs::write(self.file("stream"), listener.response.raw())?;
        listener.response.forget();
        Client::connect(server.address)?.call(&subscription.change)?;
        listener.wait_for_event(&subscription.changed)?;
        fs::write(self.file("event"), listener.response.raw())?;
        self.has_stream = true;
        Ok(self)
    }

    /// Tells `hyper-fixed` of it.
    pub(crate) fn of_bodies(&self) -> Vec<OsString> {
        let mut arguments = vec!["--body-from".into(), self.file("body").into()];
        if self.has_events {
            arguments.push("--events".into());
        }
        arguments
    }

    /// Tells `raw-fixed` of it.
    pub(crate) fn of_bytes(&self) -> Vec<OsString> {
        let mut arguments = vec!["--response-from".into(), self.file("response").into()];
        if self.has_stream {
            arguments.extend(["--stream-from".into(), self.file("stream").into()]);
            arguments.extend(["--event-from".into(), self.file("event").into()]);
        }
        arguments
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // What is left is in the system's directory for such things.
        drop(fs::remove_dir_all(&self.directory));
    }
}

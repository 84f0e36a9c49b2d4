//! The servers that ours is measured beside, each on one thread of tokio:
//!
//! - `peer hyper-fixed --body-from FILE [--events]`: hyper that reads each request and answers the same;
//!   with `--events` each event of the file is a chunk of its own.
//! - `peer raw-fixed --response-from FILE [--stream-from FILE --event-from FILE]`: sockets that read
//!   each request and answer the same bytes; with the others, also streams of events.
//! - `peer rmcp [--json] [--tools N]`: the official toolkit, with the tools of our own `echo-server`.
//!
//! Each takes `--nodelay`, which sets `TCP_NODELAY` on the sockets that it accepts.

mod hyper_fixed;
mod raw_fixed;
mod rmcp_echo;

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::LocalSet;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), BoxError> {
    let options = Options::parse()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(options))
}

async fn serve(options: Options) -> Result<(), BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    let nodelay = options.nodelay;
    match options.peer.as_str() {
        "hyper-fixed" => {
            let body = read(options.body, "--body-from")?;
            hyper_fixed::serve(listener, nodelay, body, options.events).await
        }
        "raw-fixed" => {
            let answers = raw_fixed::Answers {
                response: read(options.response, "--response-from")?,
                stream: options.stream.map(fs::read).transpose()?.unwrap_or_default(),
                event: options.event.map(fs::read).transpose()?.unwrap_or_default(),
            };
            raw_fixed::serve(listener, nodelay, answers).await
        }
        "rmcp" => rmcp_echo::serve(listener, nodelay, options.json, options.tools).await,
        other => Err(format!("unknown peer {other:?}").into()),
    }
}

fn read(path: Option<PathBuf>, option: &str) -> Result<Vec<u8>, BoxError> {
    let path = path.ok_or_else(|| format!("it needs {option}"))?;
    Ok(fs::read(path)?)
}

#[derive(Default)]
struct Options {
    peer: String,
    nodelay: bool,
    body: Option<PathBuf>,
    events: bool,
    response: Option<PathBuf>,
    stream: Option<PathBuf>,
    event: Option<PathBuf>,
    json: bool,
    tools: usize,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self::default();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(peer) if options.peer.is_empty() => options.peer = peer.string()?,
                Long("nodelay") => options.nodelay = true,
                Long("body-from") => options.body = Some(arguments.value()?.into()),
                Long("events") => options.events = true,
                Long("response-from") => options.response = Some(arguments.value()?.into()),
                Long("stream-from") => options.stream = Some(arguments.value()?.into()),
                Long("event-from") => options.event = Some(arguments.value()?.into()),
                Long("json") => options.json = true,
                Long("tools") => options.tools = arguments.value()?.parse()?,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}

//! What the laws of the protocol core are checked with.
//!
//! A [`script`] says what happens to a connection; [`traffic`] and [`generate`] make scripts for
//! the property tests, [`encoding`] makes them from the fuzzer's input. A [`simulation`] runs a
//! script through a session, with an [`application`] behind it, and writes down a trace. [`sent`],
//! [`http`] and [`messages`] read both directions of that trace with parsers of their own,
//! [`schema`] holds each message to the official schema, and [`laws`] compares what happened with
//! what should have. A hub has operations for a script, and a [`hub_model`] for the laws. Many
//! connections and a hub make a [`world`]. Each parser has an [oracle](oracles) besides.

pub mod application;
pub mod callgrind;
pub mod encoding;
pub mod generate;
pub mod http;
pub mod hub_model;
pub mod laws;
pub mod messages;
pub mod meter;
pub mod oracles;
pub mod peer;
#[cfg(feature = "schemas")]
pub mod schema;
pub mod script;
pub mod sent;
pub mod simulation;
pub mod traffic;
pub mod workloads;
pub mod world;

/// What tests call where there is no oracle: takes any message.
#[cfg(not(feature = "schemas"))]
pub mod schema {
    /// Does nothing without the feature `schemas`, whatever `MCP_SCHEMAS` says.
    pub fn check(_: mcp_proto::Revision, _: &str, _: Option<&str>) {}
}

/// The code in the README compiles. What it shows of files is compared with these (`tests/readme.rs`).
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The code in the guides compiles, and does what it says.
#[cfg(all(doctest, feature = "axum"))]
pub mod guides {
    #[doc = include_str!("../../docs/browsers.md")]
    pub struct Browsers;

    #[doc = include_str!("../../docs/deploy.md")]
    pub struct Deploy;

    #[doc = include_str!("../../docs/inside-axum.md")]
    pub struct InsideAxum;

    #[doc = include_str!("../../docs/migrating-from-rmcp.md")]
    pub struct MigratingFromRmcp;

    #[doc = include_str!("../../docs/security.md")]
    pub struct Security;

    #[doc = include_str!("../../docs/stdio.md")]
    pub struct Stdio;

    #[doc = include_str!("../../docs/testing.md")]
    pub struct Testing;

    #[doc = include_str!("../../docs/without-a-runtime.md")]
    pub struct WithoutARuntime;

    #[doc = include_str!("../../docs/writing-a-server.md")]
    pub struct WritingAServer;
}

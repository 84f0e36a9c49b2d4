//! What all connections of one listener share.

use alloc::vec::Vec;

use crate::endpoint::Endpoint;
use crate::guard::{Hosts, Origins};
use crate::json::Part;
use crate::limits::{Deadlines, Limits};

/// Endpoints, guards, limits and deadlines. Immutable once sessions use it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// What is served. Where two endpoints have the same path, the first is used.
    pub endpoints: Vec<Endpoint>,
    /// Which `Host` values are served.
    pub hosts: Hosts,
    /// Which web origins may use the endpoints.
    pub origins: Origins,
    /// How much a peer may send.
    pub limits: Limits,
    /// How long things may take.
    pub deadlines: Deadlines,
}

impl Config {
    /// Serves `endpoints` with the defaults for all else.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), ..Self::default() }
    }

    /// The limit on a head, within what offsets into it can express.
    pub(crate) fn head_limit(&self) -> usize {
        self.limits.head.min(usize::from(u16::MAX))
    }

    /// The limit on a body, within what offsets into it can express.
    pub(crate) fn body_limit(&self) -> usize {
        self.limits.body.min(Part::MOST)
    }
}

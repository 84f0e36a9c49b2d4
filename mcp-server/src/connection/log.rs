//! What a session reports, for the log and for metrics.

use mcp_proto::{Event, Refusal};

use super::Connection;
use crate::in_flight::InFlight;
use crate::machine::Machine;
use crate::runtime::Timer;

/// No host has a longer name (RFC 1035 section 2.3.4), and no origin is much longer.
const LONGEST_NAME: usize = 300;

impl<S, T: Timer, M: Machine> Connection<S, T, M> {
    #[cfg(feature = "metrics")]
    fn server_name(&self, endpoint: Option<usize>) -> Option<&str> {
        Some(&self.entry.shared.config.endpoints.get(endpoint?)?.info().name)
    }

    pub(super) fn log(&self, event: &Event) {
        let path = |endpoint: Option<usize>| {
            let endpoint = endpoint.and_then(|at| self.entry.shared.config.endpoints.get(at));
            endpoint.map_or("-", |endpoint| endpoint.path())
        };
        let peer = self.peer.map(tracing::field::display);
        match event {
            Event::RequestLost(lost) => {
                if let Some(mount) = lost.endpoint.and_then(|at| self.entry.shared.mounts.get(at)) {
                    mount.counters.count_lost_request();
                }
                #[cfg(feature = "metrics")]
                crate::meters::lost(lost, self.server_name(lost.endpoint));
                // Still there: what becomes of the call is said after this.
                let mut calls = self.work.iter().flat_map(|work| work.calls.iter());
                let call = lost.call.and_then(|key| calls.find(|call| call.key == key));
                tracing::warn!(
                    peer,
                    endpoint = path(lost.endpoint),
                    call = call.map(InFlight::name),
                    received = lost.received,
                    announced = lost.announced,
                    "{lost}"
                );
            }
            Event::Refused { endpoint, refusal } => {
                #[cfg(feature = "metrics")]
                crate::meters::refused(refusal, self.server_name(*endpoint));
                let hint = match refusal {
                    Refusal::ForeignHost { host } if host.len() <= LONGEST_NAME => {
                        format!("to allow it: Endpoints::hosts(Hosts::loopback().allow({host:?}))")
                    }
                    Refusal::ForeignOrigin { origin } if origin.len() <= LONGEST_NAME => format!(
                        "to allow it: Endpoints::origins(Origins::same().allow({origin:?}))"
                    ),
                    _ => {
                        tracing::debug!(peer, endpoint = path(*endpoint), "refused: {refusal}");
                        return;
                    }
                };
                tracing::info!(peer, endpoint = path(*endpoint), hint, "refused: {refusal}");
            }
            _ => tracing::debug!(peer, "{event:?}"),
        }
    }
}

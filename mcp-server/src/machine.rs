//! What a connection needs of the protocol that it speaks.

use mcp_proto::{Input, Instant, LineSession, Now, Output, Session};

/// A state machine of mcp-proto: see [`Session`] for the contract.
#[expect(unnameable_types, reason = "nobody else has one")]
pub trait Machine: std::fmt::Debug + Unpin {
    fn handle(&mut self, now: Now, input: Input<'_>);
    fn poll_output(&mut self) -> Option<Output>;
    fn transmit(&self) -> &[u8];
    fn wants_read(&self) -> bool;
    fn can_notify(&self) -> bool;
    fn poll_timeout(&self) -> Option<Instant>;
    fn is_closed(&self) -> bool;
}

macro_rules! impl_machine {
    ($machine:ty) => {
        impl Machine for $machine {
            fn handle(&mut self, now: Now, input: Input<'_>) {
                self.handle(now, input);
            }
            fn poll_output(&mut self) -> Option<Output> {
                self.poll_output()
            }
            fn transmit(&self) -> &[u8] {
                self.transmit()
            }
            fn wants_read(&self) -> bool {
                self.wants_read()
            }
            fn can_notify(&self) -> bool {
                self.can_notify()
            }
            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
        }
    };
}

impl_machine!(Session);
impl_machine!(LineSession);

//! What a connection needs of the protocol that it speaks.

use mcp_proto::{Input, Instant, LineSession, Now, Output, Session, Spare};

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
    /// Makes room for what is about to come, of what others have left. Does nothing for a
    /// `LineSession`: a process rarely has more than one.
    fn find_room(&mut self, _: &mut Spares) {}
    /// Leaves to others what it does not need.
    fn leave_room(&mut self, _: &mut Spares) {}
}

/// A thread rarely has more requests on their way that are not waiting for something.
const MOST_SPARES: usize = 16;

/// What the idle sessions of a thread have left for those that are not.
#[derive(Debug, Default)]
#[expect(unnameable_types, reason = "nobody else has them")]
pub struct Spares(Vec<Spare>);

macro_rules! impl_machine {
    ($machine:ty, $($room:item)*) => {
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
            $($room)*
        }
    };
}

impl_machine! {
    Session,
    fn find_room(&mut self, spares: &mut Spares) {
        if self.wants_spare()
            && let Some(spare) = spares.0.pop()
        {
            self.lend(spare);
        }
    }
    fn leave_room(&mut self, spares: &mut Spares) {
        if let Some(spare) = self.take_spare().filter(|_| spares.0.len() < MOST_SPARES) {
            spares.0.push(spare);
        }
    }
}

impl_machine!(LineSession,);

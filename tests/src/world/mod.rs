//! Many clients of the 2025 revisions, their connections, and the hub of one server, in virtual time.
//!
//! What happens when is decided by a seed: bytes arrive in pieces and late, connections break,
//! clients come back, cancel and leave, handlers report, ask and let go, time passes, the server
//! shuts down. The same seed makes the same schedule. `server` is what a driver of sessions and
//! hubs has to do and nothing more, `client` what a client does, and what it makes sure of;
//! `wire` reads what has arrived there.

mod client;
mod server;
mod wire;

use std::time::Duration;

pub use client::Totals;

use client::Client;
use server::Server;

/// How many steps a schedule has before everybody is left to finish.
const STEPS: u64 = 250;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A position in something of that length, which must not be empty.
    pub fn position(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}

/// Goes through the schedule of a seed. Whatever goes wrong is a panic that says so.
#[must_use]
pub fn check(seed: u64) -> Totals {
    let mut random = Random(seed);
    // In some schedules time makes leaps in which sessions and what was kept expire: there, clients
    // may lose what in others they must get.
    let leaps = random.one_in(3);
    let shuts_down = random.one_in(4);
    // In some, nothing is kept for who comes back.
    let forgets = random.one_in(4);
    let mut server = Server::new(forgets);
    let mut clients: Vec<Client> = (0..1 + random.below(6)).map(Client::new).collect();

    for _ in 0..STEPS {
        match random.below(20) {
            0..8 => {
                let at = random.position(clients.len());
                clients[at].act(&mut server, &mut random);
            }
            8..13 => server.move_bytes(&mut random),
            13..17 => server.work(&mut random),
            17 => server.publish(&mut random),
            18 if leaps && random.one_in(20) => server.pass(Duration::from_secs(200)),
            18 => server.pass(Duration::from_millis(random.below(1500))),
            _ => server.break_connection(&mut random),
        }
        for client in &mut clients {
            client.look(&mut server);
        }
    }

    if shuts_down {
        server.shut_down(Duration::from_secs(5));
    }
    finish(&mut server, &mut clients, shuts_down);
    let mut totals = Totals::default();
    if !leaps && !shuts_down && !forgets {
        clients.iter().for_each(|client| totals += client.check());
    }
    for client in &mut clients {
        client.leave(&mut server);
    }
    server.finish_all();
    server.check_nothing_left();
    totals
}

/// Lets everybody do what they have begun, and clients come back for what they miss.
fn finish(server: &mut Server, clients: &mut [Client], shuts_down: bool) {
    for _ in 0..60 {
        server.finish_all();
        for client in &mut *clients {
            client.look(server);
            if !shuts_down {
                client.come_back(server);
            }
        }
        // In all, longer than a question that is lost waits for its answer.
        server.pass(Duration::from_millis(1200));
    }
}

//! The protocol core, in virtual time and without a socket.

mod authorization;
mod catalog;
mod costs;
mod deadlines;
mod http;
mod hub;
mod law_1_no_write_after_close;
mod law_2_chunking_is_invisible;
mod law_3_calls_end_exactly_once;
mod law_4_no_panic_no_livelock;
mod law_5_memory_is_bounded;
mod law_6_responses_are_well_formed;
mod law_7_responses_in_request_order;
mod law_8_nothing_survives_its_owner;
mod law_9_disconnects_are_reported_once;
mod limits;
mod lines;
mod parsers;
mod regressions;
mod scripts_reach_everything;
mod sessions;
mod shown;
mod spares;
mod worlds;

use mcp_tests::meter::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

//! Every parser and encoder does what its oracle says, with ordinary inputs and with hostile ones.

use mcp_tests::generate::config;
use mcp_tests::oracles::{
    bytes, chunks, guards, head, inputs, lines, messages, request_state, sse, uri_template,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn heads_are_read_by_the_book(input in inputs::heads()) {
        head::check(&input);
    }

    #[test]
    fn chunked_bodies_are_decoded_by_the_book(input in inputs::chunked_bodies()) {
        chunks::check(&input);
    }

    #[test]
    fn messages_mean_what_they_say(input in inputs::messages()) {
        messages::check(&input);
    }

    #[test]
    fn guards_let_in_what_they_should(input in inputs::guarded_heads()) {
        guards::check(&input);
    }

    #[test]
    fn any_text_survives_an_event_stream(input in inputs::events()) {
        sse::check(&input);
    }

    #[test]
    fn state_opens_for_what_it_was_sealed_for(input in inputs::states()) {
        request_state::check(&input);
    }

    #[test]
    fn templates_match_what_they_could_have_made(input in inputs::templates()) {
        uri_template::check(&input);
    }

    #[test]
    fn a_client_is_served_line_by_line_whatever_happens(input in inputs::line_scripts()) {
        lines::check(&input);
    }

    #[test]
    fn bytes_are_answered_alike_in_any_pieces(input in inputs::streams()) {
        bytes::check(&input);
    }
}

/// The oracle took what stands behind a number for a part of it, and so for a level too many.
#[test]
fn levels_behind_a_number_are_no_levels() {
    messages::check(format!("-\n-\n-\n-\n{{\"a\":{}1{{}}", "[".repeat(63)).as_bytes());
}

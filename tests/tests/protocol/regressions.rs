//! What the laws have found: each a script as it was printed when shrunk, under the law it broke.

use mcp_tests::laws::{
    chunking, disconnect, leftovers, memory, order, progress, silence, wellformed,
};
use mcp_tests::oracles::lines;
use mcp_tests::peer;
use mcp_tests::script::{
    Asked, Changed, Elsewhere, Gate, Mode, News, Pace, Script, Setup, Size, Step, To, Verdict, With,
};

use Step::{Authorize, Deadline, Feed, Fin, Reply, Stall, Wait};

const SETUP: Setup = Setup {
    size: Size::Usual,
    pace: Pace::Quick,
    mode: Mode::Auto,
    answer_half_closed: false,
    has_clock: false,
    keeps_sessions: false,
    gate: Gate::Open,
};

/// A body that came in one piece with its refused head was let off the drain limit.
#[test]
fn what_was_read_before_a_refusal_counts_as_drained() {
    chunking::check(&Script {
        setup: Setup {
            size: Size::Tiny,
            mode: Mode::Stream,
            ..SETUP
        },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Accept: application/json\r\n\
            Content-Length: 175\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"server/discover\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}".to_vec(),
        steps: vec![Feed(300)],
    });
}

/// An empty line moved the deadline of an idle connection if it came in two pieces.
#[test]
fn half_an_empty_line_starts_no_request() {
    for stream in [&b"\r\n"[..], b"\r"] {
        let script =
            Script { setup: SETUP, stream: stream.to_vec(), steps: vec![Wait(1), Feed(2), Fin] };
        chunking::check(&script);
        disconnect::check(&script);
    }
}

/// The empty line that some clients send behind a body was reported as a request.
#[test]
fn an_empty_line_is_no_lost_request() {
    disconnect::check(&Script {
        setup: SETUP,
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}\r\n"
            .to_vec(),
        steps: vec![Feed(1000), Fin],
    });
}

/// A pipelined request behind one that is answered half-closed was dropped without a word.
#[test]
fn a_half_closed_peer_loses_what_it_has_pipelined() {
    disconnect::check(&Script {
        setup: Setup { answer_half_closed: true, ..SETUP },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}\
            POST /mcp HTTP/1.1\r\n"
            .to_vec(),
        steps: vec![Feed(1000), Fin],
    });
}

/// A HEAD got a body if its head was malformed, or took too long.
#[test]
fn a_head_that_is_refused_early_has_no_body() {
    for stream in [&b"HEAD /mcp HTTP/1.1\r\nHost : localhost\r\n\r\n"[..], b"HEAD /mcp"] {
        wellformed::check(&Script {
            setup: SETUP,
            stream: stream.to_vec(),
            steps: vec![Feed(1000), Deadline],
        });
    }
}

/// Comments piled up for a peer that did not read them.
#[test]
fn a_stream_nobody_reads_needs_no_comments() {
    memory::check(&Script {
        setup: Setup { size: Size::Tiny, pace: Pace::Patient, ..SETUP },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}"
            .to_vec(),
        steps: [Feed(1000), Stall].into_iter().chain([Wait(2000); 20]).collect(),
    });
}

/// A call that was refused when its response was an event stream got a second response in that.
#[test]
fn a_stream_has_one_status() {
    wellformed::check(&Script {
        setup: SETUP,
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}"
            .to_vec(),
        steps: vec![Feed(1000), Wait(30), Reply(To::Newest, With::Refusal)],
    });
}

/// A stream that ends with its connection never did, if all that is in it had been written before.
#[test]
fn an_end_without_bytes_is_an_end() {
    progress::check(&Script {
        setup: SETUP,
        stream: b"POST /mcp HTTP/1.0\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}"
            .to_vec(),
        steps: vec![Feed(1000), Wait(30), Reply(To::Newest, With::Silence)],
    });
}

/// A client that took nothing but event streams, or whose session began after a while, was not told
/// what its session is called.
#[test]
fn a_session_has_a_name_whatever_its_first_response_is() {
    for mode in [Mode::Auto, Mode::Stream] {
        for steps in [
            vec![Feed(1000), Reply(To::Newest, With::Text)],
            vec![Feed(1000), Wait(30), Reply(To::Newest, With::Text)],
        ] {
            wellformed::check(&Script {
                setup: Setup { mode, keeps_sessions: true, ..SETUP },
                stream: b"POST /mcp HTTP/1.1\r\n\
                    Host: localhost\r\n\
                    Content-Type: application/json\r\n\
                    Content-Length: 87\r\n\
                    \r\n\
                    {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}"
                    .to_vec(),
                steps,
            });
        }
    }
}

/// Of two streams that are opened one behind the other, the second was left open: the law, not the
/// session, forgot what waited behind it.
#[test]
fn what_waits_behind_two_streams_is_answered() {
    let get = |session: u128| {
        format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nMcp-Session-Id: {session:032x}\r\n\r\n"
        )
    };
    order::check(&Script {
        setup: Setup { keeps_sessions: true, ..SETUP },
        stream: format!("{}{}nonsense\r\n\r\n", get(1), get(3)).into_bytes(),
        steps: vec![Feed(1000)],
    });
}

/// The stream of a session that has ended stays for as long as its client does not read, and the law
/// waited for it.
#[test]
fn a_stream_nobody_reads_outlives_its_session() {
    silence::check(&Script {
        setup: Setup { keeps_sessions: true, ..SETUP },
        stream: b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\
            Mcp-Session-Id: 00000000000000000000000000000001\r\n\r\n"
            .to_vec(),
        steps: vec![Stall, Feed(1000)],
    });
}

/// A request that waits to be let in, and what is pipelined behind it.
#[test]
fn what_waits_behind_a_request_that_is_let_in_is_lost_with_its_peer() {
    disconnect::check(&Script {
        setup: Setup { answer_half_closed: true, keeps_sessions: true, gate: Gate::Slow, ..SETUP },
        stream: [
            peer::post(
                "Mcp-Session-Id: 00000000000000000000000000000001\r\n",
                r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            ),
            peer::post("", r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#),
        ]
        .concat(),
        steps: vec![Feed(65535), Fin, Authorize(Verdict::LetIn)],
    });
}

/// An answer without an id was an error in a session, and accepted elsewhere.
#[test]
fn an_answer_to_nothing_is_invalid() {
    for fields in ["", "Mcp-Session-Id: 00000000000000000000000000000003\r\n"] {
        for message in [r#"{"jsonrpc":"2.0","result":{}}"#, r#"{"jsonrpc":"2.0","error":{}}"#] {
            for body in [message.to_owned(), format!("[{message},{message}]")] {
                order::check(&Script {
                    setup: Setup { keeps_sessions: true, ..SETUP },
                    stream: peer::post(fields, &body),
                    steps: vec![Feed(1000)],
                });
            }
        }
    }
}

/// A session whose client did not read its last answers within a shutdown was left in the hub.
#[test]
fn a_session_line_by_line_ends_with_a_shutdown() {
    lines::check(
        br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}
!s
!t4
!t4"#,
    );
}

/// The law of CORS fields forgot that a version is refused before the origin is looked at, and compared
/// origins by the case of their letters.
#[test]
fn pages_are_told_apart_as_the_guard_does() {
    for (version, origin) in
        [("0.1", "https://app.example.com"), ("1.1", "Https://APP.example.com")]
    {
        let stream = format!(
            "POST /mcp HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Origin: {origin}\r\nContent-Length: 40\r\n\r\n{}",
            peer::PING
        );
        let steps = vec![Feed(300)];
        wellformed::check(&Script { setup: SETUP, stream: stream.into_bytes(), steps });
    }
}

/// The law of memory did not know that an open question outlives what the log keeps.
#[test]
fn an_open_question_comes_before_what_the_log_has_kept() {
    memory::check(&Script {
        setup: Setup { size: Size::Tiny, keeps_sessions: true, ..SETUP },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Mcp-Session-Id: 00000000000000000000000000000002\r\n\
            Content-Length: 126\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/call\",\"params\":{\"_meta\":{\"progressToken\": 0,\"x\":1},\"name\":\"echo\",\"arguments\":{\"n\":0}}}".to_vec(),
        steps: vec![
            Feed(65535),
            Step::Ask(To::Newest, Asked::Ping),
            Step::Notify(To::Newest, News::More),
            Step::Notify(To::Newest, News::More),
            Step::Elsewhere(Elsewhere::Resume),
        ],
    });
}

/// A batch without requests was answered by an event stream with nothing in it.
#[test]
fn notifications_alone_are_accepted_whatever_form_answers_have() {
    for (mode, accept) in [(Mode::Auto, "text/event-stream"), (Mode::Stream, "*/*")] {
        let body = r#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#;
        let stream = peer::post(&format!("Accept: {accept}\r\n"), body);
        let setup = Setup { mode, ..SETUP };
        wellformed::check(&Script { setup, stream, steps: vec![Feed(1000)] });
    }
}

/// The law of memory took it for a pile that a shutdown passes on all that has waited.
#[test]
fn a_shutdown_passes_on_what_has_waited() {
    memory::check(&Script {
        setup: Setup { keeps_sessions: true, ..SETUP },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Mcp-Session-Id: 00000000000000000000000000000001\r\n\
            Content-Length: 82\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"law:one\"}}\
            GET /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Accept: */*\r\n\
            Mcp-Session-Id: 00000000000000000000000000000001\r\n\
            \r\n".to_vec(),
        steps: vec![
            Feed(65535),
            Stall,
            Step::Change(Changed::Tools),
            Step::Change(Changed::Tools),
            Step::Shutdown(0),
        ],
    });
}

/// The simulation expected something of other connections, which nobody lets in.
#[test]
fn who_is_not_let_in_cancels_nothing() {
    leftovers::check(&Script {
        setup: Setup { keeps_sessions: true, gate: Gate::Prompt, ..SETUP },
        stream: b"POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Connection: keep-alive\r\n\
            Content-Length: 146\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}\
            POST /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Content-Type: application/json\r\n\
            Mcp-Session-Id: 00000000000000000000000000000004\r\n\
            Content-Length: 46\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}".to_vec(),
        steps: vec![Feed(449), Reply(To::Newest, With::Text), Step::Elsewhere(Elsewhere::Cancel)],
    });
}

/// The law of responses read a message in the body of a GET, which means nothing.
#[test]
fn what_a_get_has_in_its_body_is_no_message() {
    wellformed::check(&Script {
        setup: Setup { keeps_sessions: true, ..SETUP },
        stream: b"GET /mcp HTTP/1.1\r\n\
            Host: localhost\r\n\
            Accept: */*\r\n\
            Mcp-Session-Id: 00000000000000000000000000000003\r\n\
            Content-Length: 82\r\n\
            \r\n\
            {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"law:one\"}}"
            .to_vec(),
        steps: vec![Feed(65535)],
    });
}

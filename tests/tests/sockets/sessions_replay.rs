//! A client is cut off at every event of a stream, in every way and at different times, and comes
//! back each time: it has had every event once, and in order (2025-11-25, basic/transports,
//! "Resumability and Redelivery").

use std::collections::BTreeSet;

use crate::common::client::HangUp;
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Answer, Client, Event, REVISIONS, is_response, text_in};
use crate::common::subscription::change_in;
use crate::common::{On, wait_until};
use mcp_proto::Revision;
use mcp_smol::{Context, Resource, Server};
use serde_json::{Value, json};

/// Nine reports and a response.
const EVENTS: usize = 10;

fn server(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::new("replay", "1.0.0").resource(Resource::new("a:", "a"), || "A").tool(
        "count",
        "Counts, and waits at the gate before each report and before the end",
        move |ctx: Context| {
            let gate = gate.clone();
            async move {
                for step in 1..EVENTS {
                    gate.pass().await;
                    ctx.progress(step as f64).message(format!("step {step}")).await;
                }
                gate.pass().await;
                "counted"
            }
        },
    )
}

/// When that which the client has not read yet happens.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// Before it is cut off: all of it is on the way.
    Before,
    /// While nobody is there.
    Between,
    /// After it has come back.
    After,
}

/// A client that reads a stream of ten events.
struct Reader<'a> {
    fixture: &'a Fixture,
    client: Client,
    answer: Answer,
    /// The id of the last event it has had.
    last_id: String,
    heard: Vec<Value>,
}

impl<'a> Reader<'a> {
    fn start(fixture: &'a Fixture, revision: Revision) -> Self {
        let client = Client { revision, ..fixture.stranger() }.begin();
        let underway =
            client.send(&crate::common::session::tool_call(json!(1), "count", json!({})));
        fixture.gate.open(1);
        let mut answer = underway.answer();
        let mut heard = Vec::new();
        // Where a stream is not primed, it takes a first event to come back.
        let first = answer.event().unwrap();
        heard.extend(first.message);
        Self { fixture, client, answer, last_id: first.id, heard }
    }

    /// How many more events there are that have not been let happen yet.
    fn open_rest(&self, done: usize) {
        self.fixture.gate.open(EVENTS - done);
    }

    /// Reads until it has heard so many.
    fn read_up_to(&mut self, count: usize) {
        while self.heard.len() < count {
            let event = self.answer.event().expect("the stream goes on");
            self.heard(event);
        }
    }

    fn heard(&mut self, event: Event) {
        self.last_id = event.id;
        self.heard.extend(event.message);
    }

    fn cut(self, how: HangUp) -> Cut<'a> {
        let Self { fixture, client, answer, last_id, heard } = self;
        answer.hang_up(how);
        wait_until("its connection", || fixture.counters.open_connections() == 0);
        Cut { fixture, client, last_id, heard }
    }

    /// Reads to the end, and looks at all that it has heard.
    #[track_caller]
    fn finish(mut self, context: &str) {
        while let Some(event) = self.answer.event() {
            self.heard(event);
        }
        assert_eq!(self.heard.len(), EVENTS, "{context}: {:#?}", self.heard);
        let (response, reports) = self.heard.split_last().unwrap();
        let steps: Vec<_> = reports.iter().map(|it| it["params"]["progress"].as_f64()).collect();
        let expected: Vec<_> = (1..EVENTS).map(|step| Some(step as f64)).collect();
        assert_eq!(steps, expected, "{context}");
        assert!(is_response(response), "{context}: {response}");
        assert_eq!(text_in(response), "counted", "{context}");
    }
}

/// A client that has been cut off.
struct Cut<'a> {
    fixture: &'a Fixture,
    client: Client,
    last_id: String,
    heard: Vec<Value>,
}

impl<'a> Cut<'a> {
    #[track_caller]
    fn come_back(self) -> Reader<'a> {
        let Self { fixture, client, last_id, heard } = self;
        let answer = client.resume(&last_id);
        assert_eq!(answer.status, 200, "behind {last_id}: {}", answer.head);
        Reader { fixture, client, answer, last_id, heard }
    }
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        test(&fixture);
        fixture.stop();
    }
}

#[test]
fn cut_off_at_any_event_it_hears_all_of_them_once() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            for how in HangUp::BOTH {
                for rest in [Rest::Before, Rest::Between, Rest::After] {
                    for heard in 0..EVENTS {
                        let context = format!("{revision} {how:?} {rest:?} at {heard}");
                        let mut reader = Reader::start(fixture, revision);
                        // One has been let pass already.
                        let done = heard.max(1);
                        fixture.gate.open(done - 1);
                        reader.read_up_to(heard);
                        if let Rest::Before = rest {
                            reader.open_rest(done);
                            fixture.has_calls(0);
                        }
                        let cut = reader.cut(how);
                        if let Rest::Between = rest {
                            fixture.gate.open(EVENTS - done);
                            fixture.has_calls(0);
                        }
                        let reader = cut.come_back();
                        if let Rest::After = rest {
                            reader.open_rest(done);
                        }
                        reader.finish(&context);
                        fixture.has_calls(0);
                    }
                }
            }
        }
    });
}

#[test]
fn cut_off_at_every_event_it_hears_all_of_them_once() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            for how in HangUp::BOTH {
                let mut reader = Reader::start(fixture, revision);
                for heard in 1..EVENTS {
                    reader.read_up_to(heard);
                    let cut = reader.cut(how);
                    fixture.gate.open(1);
                    // And once more, before it has read anything.
                    reader = cut.come_back().cut(how).come_back();
                }
                reader.finish(&format!("{revision} {how:?}"));
            }
        }
    });
}

/// Coming back twice is no reason to be told twice: two clients of one session go on behind the same
/// event, and what the one has read is there for the other.
#[test]
fn whoever_comes_back_to_an_event_hears_what_follows_it() {
    on_all_runtimes(|fixture| {
        let reader = Reader::start(fixture, Revision::V2025_11_25);
        reader.open_rest(1);
        fixture.has_calls(0);
        let (client, begin) = (reader.client.clone(), reader.last_id.clone());
        reader.finish("the first");
        for _ in 0..3 {
            let answer = client.resume(&begin);
            let (client, last_id) = (client.clone(), begin.clone());
            Reader { fixture, client, answer, last_id, heard: Vec::new() }.finish("another");
        }
    });
}

/// They take the stream from each other, and none of them hears anything twice, or out of order.
#[test]
fn many_may_come_back_at_the_same_time() {
    on_all_runtimes(|fixture| {
        let reader = Reader::start(fixture, Revision::V2025_11_25);
        let (client, begin) = (reader.client.clone(), reader.last_id.clone());
        let cut = reader.cut(HangUp::Rst);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mut answer = client.resume(&begin);
                        assert_eq!(answer.status, 200);
                        // Another may have taken it by now.
                        let first = answer.event().and_then(|event| event.message);
                        assert!(first.is_none_or(|it| it["params"]["progress"] == json!(1.0)));
                        answer.hang_up(HangUp::Fin);
                    }
                });
            }
        });
        fixture.gate.open(EVENTS - 1);
        cut.come_back().finish("the last");
    });
}

#[test]
fn changes_are_heard_of_once_as_well() {
    on_all_runtimes(|fixture| {
        for how in HangUp::BOTH {
            for rest in [Rest::Before, Rest::Between, Rest::After] {
                for heard in 0..EVENTS {
                    let client = fixture.client();
                    let uris: Vec<_> = (0..EVENTS).map(|n| format!("n:{n}")).collect();
                    for uri in &uris {
                        client.request("resources/subscribe", json!({"uri": uri})).result();
                    }
                    let mut stream = client.get();
                    stream.primed();
                    let notify = |uris: &[String]| {
                        uris.iter().for_each(|uri| fixture.handle.notify_resource_updated(uri));
                    };
                    let (first, others) = uris.split_at(heard);
                    notify(first);
                    let mut told: Vec<_> =
                        first.iter().map(|_| change_in(&stream.message())).collect();
                    if let Rest::Before = rest {
                        notify(others);
                    }
                    let last_id = stream.last_id().to_owned();
                    stream.hang_up(how);
                    fixture.has_streams(0);
                    if let Rest::Between = rest {
                        notify(others);
                    }
                    let mut stream = client.resume(&last_id);
                    if let Rest::After = rest {
                        notify(others);
                    }
                    told.extend(others.iter().map(|_| change_in(&stream.message())));
                    let context = format!("{how:?} {rest:?} at {heard}");
                    assert_eq!(told.len(), EVENTS, "{context}");
                    let different: BTreeSet<_> = told.iter().collect();
                    assert_eq!(different, uris.iter().collect(), "{context}");
                    // There is no other.
                    client.request("resources/subscribe", json!({"uri": "last:"})).result();
                    fixture.handle.notify_resource_updated("last:");
                    assert_eq!(change_in(&stream.message()), "last:", "{context}");
                    stream.hang_up(how);
                    client.delete();
                }
            }
        }
    });
}

//! The numbers that go through the `metrics` facade.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::log::Writer;
use mcp_smol::{Context, Revision, Server};
use mcp_testing::{Change, Client};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// What has been recorded: name and labels, and a sum. Of histograms, how often.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<BTreeMap<String, f64>>>);

/// One series of it.
struct Series(Recorded, String);

impl Series {
    fn add(&self, value: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, _: u64) {
        panic!("nothing here counts like that");
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        panic!("nothing here counts like that");
    }
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds), "{seconds} s");
        self.add(1.0);
    }
}

impl Recorded {
    fn series(&self, key: &Key) -> Arc<Series> {
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        Arc::new(Series(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }

    /// The series whose name and labels have that in them, and their sum.
    fn sum(&self, has: &[&str]) -> f64 {
        let recorded = self.0.lock().unwrap();
        let fits = |key: &str| has.iter().all(|part| key.contains(part));
        recorded.iter().filter(|(key, _)| fits(key)).map(|(_, value)| value).sum()
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

fn server() -> Server {
    let mut server = Server::new("measured", "1.0.0");
    let _handle = server.handle();
    server
        .tool("add", "Adds", || "3")
        .tool("fail", "Fails", || Err::<String, _>("no"))
        .tool("hang", "Hangs", |ctx: Context| async move {
            ctx.progress(1.0).await;
            pending::<()>().await;
        })
        .prompt("greet", "Greets", || "Hello!")
}

#[test]
fn durations_are_by_what_is_offered() {
    let (recorded, _writer) = (Recorded::default(), Writer::begin());
    metrics::with_local_recorder(&recorded, || {
        let client = Client::new(server()).unwrap();
        for _ in 0..3 {
            client.call("add", ()).unwrap();
        }
        client.call("fail", ()).unwrap();
        client.call("made_up_by_a_client", ()).unwrap_err();
        client.get_prompt("greet", ()).unwrap();
        client.list_tools().unwrap();
    });
    let all = recorded.0.lock().unwrap().clone();
    let durations: Vec<_> = all
        .iter()
        .filter_map(|(key, count)| {
            Some((key.strip_prefix("mcp.server.operation.duration ")?, count))
        })
        .map(|(labels, count)| {
            let common = [
                " mcp.protocol.version=2026-07-28",
                " mcp.server.name=measured",
                " network.transport=tcp",
            ];
            let labels = common.iter().fold(labels.to_owned(), |labels, label| {
                assert!(labels.contains(label), "{labels}");
                labels.replace(label, "")
            });
            format!("{labels}: {count}")
        })
        .collect();
    assert_eq!(
        durations,
        [
            "error.type=-32602 mcp.method.name=tools/call: 1",
            "error.type=tool_error gen_ai.tool.name=fail mcp.method.name=tools/call: 1",
            "gen_ai.prompt.name=greet mcp.method.name=prompts/get: 1",
            "gen_ai.tool.name=add mcp.method.name=tools/call: 3",
            "mcp.method.name=tools/list: 1",
        ]
    );
    assert!(all.keys().all(|key| !key.contains("made_up")), "{all:#?}");
}

#[test]
fn what_is_there_is_counted_up_and_down() {
    let (recorded, _writer) = (Recorded::default(), Writer::begin());
    let active =
        |what: &str| recorded.sum(&["mcp.server.active_", what, "mcp.server.name=measured"]);
    metrics::with_local_recorder(&recorded, || {
        let client = Client::new(server()).unwrap();
        let mut call = client.begin_call("hang", ()).unwrap();
        call.next_progress().unwrap();
        let listening = client.listen([Change::Tools]).unwrap();
        assert_eq!(["connections", "calls", "subscriptions"].map(active), [2.0, 1.0, 1.0]);
        let session = client.revision(Revision::V2025_11_25).unwrap();
        let stream = session.listen([Change::Tools]).unwrap();
        assert_eq!(["sessions", "streams"].map(active), [1.0, 1.0]);
        call.hang_up();
        listening.hang_up();
        stream.hang_up();
        client.advance(Duration::from_secs(3600));
        session.call("add", ()).unwrap_err();
    });
    let left = ["connections", "calls", "subscriptions", "sessions", "streams"].map(active);
    assert_eq!(left, [0.0; 5]);
    assert_eq!(recorded.sum(&["mcp.server.requests.lost", "mcp.server.stage=in_call"]), 1.0);
    assert_eq!(recorded.sum(&["operation.duration", "error.type=cancelled"]), 1.0);
}

#[test]
fn refusals_are_counted_by_reason() {
    let (recorded, _writer) = (Recorded::default(), Writer::begin());
    metrics::with_local_recorder(&recorded, || {
        let client = Client::new(server()).unwrap();
        for host in ["a.example", "b.example"] {
            client.clone().header("Host", host).list_tools().unwrap_err();
        }
        client.clone().header("Origin", "https://c.example").list_tools().unwrap_err();
        client.at("/nowhere").list_tools().unwrap_err();
    });
    let refused = |reason: &str| {
        recorded.sum(&["mcp.server.refusals", &format!("mcp.server.reason={reason}")])
    };
    assert_eq!([refused("foreign_host"), refused("foreign_origin")], [2.0, 1.0]);
    assert_eq!(recorded.sum(&["mcp.server.refusals"]), 4.0);
    assert_eq!(recorded.sum(&["example"]), 0.0, "a label is what a client says");
}

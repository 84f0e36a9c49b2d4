//! Servers that change while they run, and servers that are not the same for everybody.

mod handles;
mod visibility;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::client::{Request, ToolCall, Wire};
use crate::common::log::Log;
use crate::common::subscription::Subscription;
use crate::common::{On, Running, wait_until};
use mcp_smol::Request as Received;
use mcp_smol::{
    CacheScope, Caching, Completion, Counters, Deadlines, Endpoints, OfferError, OfferKey,
    Resource, Server, ServerHandle, prompt, resource, resource_template, tool,
};
use serde_json::{Value, json};

struct Fixture {
    running: Running,
    handle: ServerHandle,
    counters: Counters,
}

impl Fixture {
    fn start(on: On) -> Self {
        Self::serve(on, Server::new("plugins", "1.0.0"))
    }

    fn serve(on: On, mut server: Server) -> Self {
        let (handle, counters) = (server.handle(), server.counters());
        // Tests stop servers whose clients are still there.
        let deadlines = Deadlines { drain: Duration::from_millis(100), ..Deadlines::default() };
        let endpoints = Endpoints::new().mount("/mcp", server).deadlines(deadlines);
        Self { running: on.serve(endpoints), handle, counters }
    }

    fn answer(&self, method: &'static str, params: Value) -> Value {
        self.answer_to(None, method, params)
    }

    /// The answer to whoever has that token.
    fn answer_to(
        &self,
        bearer: Option<&'static str>,
        method: &'static str,
        params: Value,
    ) -> Value {
        let request = Request { bearer, ..Request::new(Wire::Modern, method, params) };
        request.send(self.running.address).answer()
    }

    fn names(&self, kind: Kind) -> Vec<String> {
        names(&self.answer(kind.list, json!({})), kind)
    }
}

fn names(answer: &Value, kind: Kind) -> Vec<String> {
    let list = answer["result"][kind.member].as_array().unwrap_or_else(|| panic!("{answer}"));
    list.iter().map(|item| item[kind.key].as_str().unwrap().to_owned()).collect()
}

/// A kind of what can be offered.
#[derive(Clone, Copy)]
struct Kind {
    /// How it is listed.
    list: &'static str,
    member: &'static str,
    key: &'static str,
    /// How it is used, and where in the result the text is.
    method: &'static str,
    text: &'static str,
    /// How a change of the list is told of.
    change: &'static str,
    offer_key: fn(String) -> OfferKey,
}

const TOOLS: Kind = Kind {
    list: "tools/list",
    member: "tools",
    key: "name",
    method: "tools/call",
    text: "/result/content/0/text",
    change: "tools",
    offer_key: OfferKey::Tool,
};

const PROMPTS: Kind = Kind {
    list: "prompts/list",
    member: "prompts",
    key: "name",
    method: "prompts/get",
    text: "/result/messages/0/content/text",
    change: "prompts",
    offer_key: OfferKey::Prompt,
};

const RESOURCES: Kind = Kind {
    list: "resources/list",
    member: "resources",
    key: "uri",
    method: "resources/read",
    text: "/result/contents/0/text",
    change: "resources",
    offer_key: OfferKey::Resource,
};

const TEMPLATES: Kind = Kind {
    list: "resources/templates/list",
    member: "resourceTemplates",
    key: "uriTemplate",
    offer_key: OfferKey::ResourceTemplate,
    ..RESOURCES
};

const KINDS: [Kind; 4] = [TOOLS, PROMPTS, RESOURCES, TEMPLATES];

/// What is done with something.
#[derive(Clone, Copy)]
enum Put {
    Add,
    Replace,
}

impl Kind {
    /// The name or URI of the one that tests call `name`.
    fn name(self, name: &str) -> String {
        match self.key {
            "uri" => format!("x://{name}"),
            "uriTemplate" => format!("y://{name}/{{n}}"),
            _ => name.to_owned(),
        }
    }

    fn key_of(self, name: &str) -> OfferKey {
        (self.offer_key)(self.name(name))
    }

    /// Offers something that returns `text`, to all or to those whom `visible` names.
    fn put(
        self,
        handle: &ServerHandle,
        put: Put,
        name: &str,
        text: &'static str,
        visible: Option<fn(&Received) -> bool>,
    ) -> Result<(), OfferError> {
        macro_rules! put {
            ($item:expr) => {{
                let item = $item;
                let item = match visible {
                    Some(visible) => item.visible_if(visible),
                    None => item,
                };
                match put {
                    Put::Add => handle.add(item),
                    Put::Replace => handle.replace(item),
                }
            }};
        }
        let id = self.name(name);
        match self.key {
            "uri" => put!(resource(Resource::new(id, "r"), move || text)),
            "uriTemplate" => {
                put!(resource_template(id.parse().unwrap(), "t", |it| it, move || text))
            }
            _ if self.change == "prompts" => put!(prompt(id, "", move || text)),
            _ => put!(tool(id, "", move || text)),
        }
    }

    fn add(self, handle: &ServerHandle, name: &str, text: &'static str) -> Result<(), OfferError> {
        self.put(handle, Put::Add, name, text, None)
    }

    fn replace(self, handle: &ServerHandle, name: &str, text: &'static str) {
        self.put(handle, Put::Replace, name, text, None).unwrap();
    }

    /// The text that it returns, or the error.
    fn call(
        self,
        fixture: &Fixture,
        bearer: Option<&'static str>,
        name: &str,
    ) -> Result<String, Value> {
        let name = self.name(name).replace("{n}", "7");
        let params = if self.key == "name" { json!({"name": name}) } else { json!({"uri": name}) };
        let answer = fixture.answer_to(bearer, self.method, params);
        match answer.pointer(self.text) {
            Some(text) => Ok(text.as_str().unwrap().to_owned()),
            None => Err(answer["error"].clone()),
        }
    }
}

#[test]
fn lists_and_calls_change_at_once() {
    for &on in On::ALL {
        for kind in KINDS {
            let fixture = Fixture::start(on);
            let handle = &fixture.handle;
            let expect = |expected: &[&str]| {
                let expected: Vec<_> = expected.iter().map(|name| kind.name(name)).collect();
                assert_eq!(fixture.names(kind), expected);
            };
            let call = |name| kind.call(&fixture, None, name);
            expect(&[]);
            assert_eq!(call("a").unwrap_err()["code"], json!(-32602));
            for name in ["a", "b", "c"] {
                kind.add(handle, name, "first").unwrap();
                assert_eq!(call(name).unwrap(), "first");
            }
            expect(&["a", "b", "c"]);
            kind.replace(handle, "b", "second");
            assert_eq!(call("b").unwrap(), "second");
            assert_eq!(call("a").unwrap(), "first");
            expect(&["a", "b", "c"]);
            assert!(handle.remove(&kind.key_of("a")));
            assert_eq!(call("a").unwrap_err()["code"], json!(-32602));
            assert_eq!(call("b").unwrap(), "second");
            expect(&["b", "c"]);
            kind.replace(handle, "a", "third");
            assert_eq!(call("a").unwrap(), "third");
            expect(&["b", "c", "a"]);
            assert!(!handle.remove(&kind.key_of("d")));
            for name in ["c", "a", "b"] {
                assert!(handle.remove(&kind.key_of(name)));
                assert!(!handle.remove(&kind.key_of(name)));
            }
            expect(&[]);
            fixture.running.stop().unwrap();
        }
    }
}

#[test]
fn what_cannot_be_added_changes_nothing() {
    for kind in KINDS {
        let fixture = Fixture::start(On::Smol);
        let handle = &fixture.handle;
        kind.add(handle, "a", "first").unwrap();
        kind.add(handle, "b", "first").unwrap();
        let mut listener = fixture.listen_to_all();
        let error = kind.put(handle, Put::Add, "a", "second", Some(|_| false)).unwrap_err();
        let message = format!("{:?} is offered twice", kind.name("a"));
        assert!(error.to_string().contains(&message), "{error}");
        assert_eq!(fixture.names(kind), [kind.name("a"), kind.name("b")]);
        assert_eq!(kind.call(&fixture, None, "a").unwrap(), "first");
        handle.notify_resource_updated("last:");
        assert_eq!(listener.changes_until("last:"), [""; 0]);
        fixture.running.stop().unwrap();
    }
    let fixture = Fixture::start(On::Smol);
    let error = fixture.handle.add(tool("no name", "", || "")).unwrap_err();
    assert!(error.to_string().contains("invalid tool name"), "{error}");
    assert!(fixture.names(TOOLS).is_empty());
    fixture.running.stop().unwrap();
}

impl Fixture {
    /// Hears of all lists, and of the resource that tells of the end.
    fn listen_to_all(&self) -> Subscription {
        let filter = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": ["last:"],
        });
        Subscription::to(self.running.address, filter)
    }
}

#[test]
fn each_change_is_told_once_to_those_who_listen_for_its_kind() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let handle = &fixture.handle;
        let last = json!(["last:"]);
        let mut listeners = [
            ("tools", json!({"toolsListChanged": true, "resourceSubscriptions": last})),
            ("prompts", json!({"promptsListChanged": true, "resourceSubscriptions": last})),
            ("resources", json!({"resourcesListChanged": true, "resourceSubscriptions": last})),
            ("none", json!({"resourceSubscriptions": ["last:", "x://a"]})),
        ]
        .map(|(change, filter)| (change, Subscription::to(fixture.running.address, filter)));
        let mut of_all = fixture.listen_to_all();
        let mut expect = |told: &[&str]| {
            handle.notify_resource_updated("last:");
            assert_eq!(of_all.changes_until("last:"), *told);
            for (change, listener) in &mut listeners {
                let told = told.iter().filter(|told| *told == change);
                assert_eq!(listener.changes_until("last:"), told.copied().collect::<Vec<_>>());
            }
        };
        for kind in KINDS {
            kind.add(handle, "a", "first").unwrap();
            expect(&[kind.change]);
            kind.add(handle, "a", "second").unwrap_err();
            expect(&[]);
            kind.replace(handle, "a", "third");
            expect(&[kind.change]);
            handle.remove(&kind.key_of("a"));
            expect(&[kind.change]);
            handle.remove(&kind.key_of("a"));
            expect(&[]);
        }
        fixture.running.stop().unwrap();
    }
}

#[test]
fn who_is_told_of_a_change_sees_it() {
    let fixture = Fixture::start(On::Smol);
    let mut listener = fixture.listen_to_all();
    for (count, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let handle = fixture.handle.clone();
        let adding = std::thread::spawn(move || TOOLS.add(&handle, name, "").unwrap());
        assert_eq!(listener.change(), "tools");
        assert_eq!(fixture.names(TOOLS).len(), count + 1);
        adding.join().unwrap();
    }
    fixture.running.stop().unwrap();
}

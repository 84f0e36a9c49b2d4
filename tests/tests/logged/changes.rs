//! Servers that change while they run, and servers that are not the same for everybody.

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

#[test]
fn changes_from_many_threads_are_all_made() {
    let fixture = Fixture::start(On::Smol);
    let mut listener = fixture.listen_to_all();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = fixture.handle.clone();
            std::thread::spawn(move || {
                for n in 0..25 {
                    TOOLS.add(&handle, &format!("t{thread}_{n}"), "").unwrap();
                    // Of those who want the same name, one gets it.
                    let _ = TOOLS.add(&handle, &format!("all_{n}"), "");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut names = fixture.names(TOOLS);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 125);
    fixture.handle.notify_resource_updated("last:");
    assert!(!listener.changes_until("last:").is_empty());
    fixture.running.stop().unwrap();
}

#[test]
fn calls_in_flight_outlive_what_they_call() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let (go, gone) = async_channel::bounded::<()>(1);
        let waiting = tool("wait", "Waits", move || {
            let gone = gone.clone();
            async move {
                let _ = gone.recv().await;
                "waited"
            }
        });
        fixture.handle.add(waiting).unwrap();
        let address = fixture.running.address;
        let call = || ToolCall::new(Wire::Modern, "wait", json!({}));
        let calls = [(); 2].map(|()| std::thread::spawn(move || call().send(address).text()));
        wait_until("the calls", || fixture.counters.calls_in_flight() == 2);
        TOOLS.replace(&fixture.handle, "wait", "at once");
        assert_eq!(call().send(address).text(), "at once");
        fixture.handle.remove(&TOOLS.key_of("wait"));
        let error = call().send(address).answer()["error"].clone();
        assert!(error["message"].as_str().unwrap().contains("unknown tool"), "{error}");
        go.close();
        for call in calls {
            assert_eq!(call.join().unwrap(), "waited");
        }
        fixture.running.stop().unwrap();
    }
}

/// Everything a client gets who goes through a list from page to page.
fn walk(fixture: &Fixture, bearer: Option<&'static str>, kind: Kind) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), None::<Value>);
    loop {
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
        let answer = fixture.answer_to(bearer, kind.list, params);
        pages.push(names(&answer, kind));
        match answer["result"].get("nextCursor") {
            Some(next) => cursor = Some(next.clone()),
            None => return pages,
        }
    }
}

#[test]
fn cursors_stay_good_while_their_item_is_there() {
    let two = NonZeroUsize::new(2).unwrap();
    for kind in KINDS {
        let fixture = Fixture::serve(On::Smol, Server::new("pages", "1.0.0").page_size(two));
        let handle = &fixture.handle;
        for name in ["a", "b", "c", "d"] {
            kind.add(handle, name, "").unwrap();
        }
        let first = fixture.answer(kind.list, json!({}));
        let cursor = &first["result"]["nextCursor"];
        let behind = || fixture.answer(kind.list, json!({"cursor": cursor}));
        let expect = |expected: &[&str]| {
            let expected: Vec<_> = expected.iter().map(|name| kind.name(name)).collect();
            assert_eq!(names(&behind(), kind), expected);
        };
        expect(&["c", "d"]);
        kind.add(handle, "e", "").unwrap();
        expect(&["c", "d"]);
        handle.remove(&kind.key_of("a"));
        handle.remove(&kind.key_of("c"));
        expect(&["d", "e"]);
        kind.replace(handle, "b", "again");
        expect(&["d", "e"]);
        handle.remove(&kind.key_of("d"));
        handle.remove(&kind.key_of("e"));
        expect(&[]);
        handle.remove(&kind.key_of("b"));
        let error = behind()["error"].clone();
        assert_eq!(error["code"], json!(-32602));
        assert!(error["message"].as_str().unwrap().contains("start again without"), "{error}");
        fixture.running.stop().unwrap();
    }
}

fn is_admin(request: &Received) -> bool {
    request.head().field("authorization") == Some(b"Bearer admin")
}

const ADMIN: Option<&str> = Some("admin");

/// The message of an error, without the name of what it is about.
fn without_name(error: &Value, name: &str) -> (Value, String) {
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{error}"));
    assert!(message.contains(name), "{message}");
    (error["code"].clone(), message.replace(name, "_"))
}

#[test]
fn what_is_hidden_is_not_there() {
    let two = NonZeroUsize::new(2).unwrap();
    for &on in On::ALL {
        for kind in KINDS {
            let fixture = Fixture::serve(on, Server::new("pages", "1.0.0").page_size(two));
            for name in ["a", "hid1", "b", "hid2", "hid3", "c"] {
                let visible: Option<fn(&Received) -> bool> =
                    name.starts_with("hid").then_some(is_admin);
                kind.put(&fixture.handle, Put::Add, name, "it", visible).unwrap();
            }
            let named = |names: &[&[&str]]| -> Vec<Vec<String>> {
                let name = |name: &&str| kind.name(name);
                names.iter().map(|page| page.iter().map(name).collect()).collect()
            };
            for token in [None, Some("guest"), Some("Admin")] {
                assert_eq!(walk(&fixture, token, kind), named(&[&["a", "b"], &["c"]]));
                // The same as what is not there, in every respect.
                let hidden = kind.call(&fixture, token, "hid1").unwrap_err();
                let unknown = kind.call(&fixture, token, "none").unwrap_err();
                assert_eq!(without_name(&hidden, "hid1"), without_name(&unknown, "none"));
                assert_eq!(kind.call(&fixture, token, "a").unwrap(), "it");
            }
            let all = named(&[&["a", "hid1"], &["b", "hid2"], &["hid3", "c"]]);
            assert_eq!(walk(&fixture, ADMIN, kind), all);
            assert_eq!(kind.call(&fixture, ADMIN, "hid1").unwrap(), "it");

            // Nor does a cursor tell what is there.
            let page = fixture.answer_to(ADMIN, kind.list, json!({}));
            let at_hidden = json!({"cursor": page["result"]["nextCursor"]});
            let behind =
                |token, cursor: &Value| fixture.answer_to(token, kind.list, cursor.clone());
            assert_eq!(names(&behind(ADMIN, &at_hidden), kind), named(&[&["b", "hid2"]])[0]);
            let unknown = behind(None, &json!({"cursor": "bm9uZQ=="}));
            assert_eq!(behind(None, &at_hidden)["error"], unknown["error"]);
            fixture.running.stop().unwrap();
        }
    }
}

#[test]
fn lists_that_are_not_the_same_for_all_are_private() {
    let caching = Caching { ttl: Duration::from_secs(300), scope: CacheScope::Public };
    for (caching, ttl) in [(None, 60_000), (Some(caching), 300_000)] {
        for kind in KINDS {
            let mut server = Server::new("scopes", "1.0.0").page_size(NonZeroUsize::MIN);
            if let Some(caching) = caching {
                server = server.list_caching(caching);
            }
            let fixture = Fixture::serve(On::Smol, server);
            let expect = |scope: &str| {
                for token in [None, ADMIN] {
                    let first = fixture.answer_to(token, kind.list, json!({}));
                    let next = json!({"cursor": first["result"]["nextCursor"]});
                    // The same on all pages of a list.
                    for page in [first, fixture.answer_to(token, kind.list, next)] {
                        let result = &page["result"];
                        assert_eq!(
                            (&result["cacheScope"], &result["ttlMs"]),
                            (&json!(scope), &json!(ttl)),
                            "{page}"
                        );
                    }
                }
                // No other list has to do with it.
                for other in KINDS.iter().filter(|other| other.list != kind.list) {
                    let page = fixture.answer(other.list, json!({}));
                    assert_eq!(page["result"]["cacheScope"], json!("public"), "{page}");
                }
            };
            kind.add(&fixture.handle, "a", "").unwrap();
            kind.add(&fixture.handle, "b", "").unwrap();
            expect("public");
            kind.put(&fixture.handle, Put::Add, "c", "", Some(is_admin)).unwrap();
            expect("private");
            kind.replace(&fixture.handle, "c", "");
            expect("public");
            kind.put(&fixture.handle, Put::Replace, "c", "", Some(|_| true)).unwrap();
            expect("private");
            fixture.handle.remove(&kind.key_of("c"));
            expect("public");
            fixture.running.stop().unwrap();
        }
    }
}

#[test]
fn lists_are_kept_for_as_long_as_the_server_says() {
    let caching = Caching { ttl: Duration::from_millis(1_500), scope: CacheScope::Private };
    let server = Server::new("caching", "1.0.0").list_caching(caching);
    let fixture = Fixture::serve(On::Smol, server);
    for kind in KINDS {
        let result = fixture.answer(kind.list, json!({}))["result"].clone();
        let hints = (&result["ttlMs"], &result["cacheScope"]);
        assert_eq!(hints, (&json!(1_500), &json!("private")));
    }
    let legacy = Request::new(Wire::Legacy, "tools/list", json!({})).send(fixture.running.address);
    assert_eq!(legacy.answer()["result"], json!({"tools": []}));
    fixture.running.stop().unwrap();
}

#[test]
fn completions_go_with_what_they_complete() {
    let fixture = Fixture::start(On::Smol);
    let handle = &fixture.handle;
    let complete = |token, reference: Value| {
        let params = json!({"ref": reference, "argument": {"name": "n", "value": "x"}});
        let answer = fixture.answer_to(token, "completion/complete", params);
        match answer["result"]["completion"]["values"].as_array() {
            Some(values) => Ok(values.len()),
            None => Err(answer["error"]["code"].clone()),
        }
    };
    let values = |_: Completion| vec!["x1", "x2"];
    let reference = || json!({"type": "ref/prompt", "name": "p"});
    assert_eq!(complete(None, reference()), Err(json!(-32602)));
    handle.add(prompt("p", "", || "").complete("n", values)).unwrap();
    assert_eq!(complete(None, reference()), Ok(2));
    // Another prompt of the same name, which completes nothing.
    handle.replace(prompt("p", "", || "")).unwrap();
    assert_eq!(complete(None, reference()), Ok(0));
    handle.replace(prompt("p", "", || "").complete("n", values).visible_if(is_admin)).unwrap();
    assert_eq!(complete(None, reference()), Err(json!(-32602)));
    assert_eq!(complete(ADMIN, reference()), Ok(2));
    handle.remove(&OfferKey::Prompt("p".into()));
    assert_eq!(complete(ADMIN, reference()), Err(json!(-32602)));
    handle.add(prompt("p", "", || "")).unwrap();
    assert_eq!(complete(None, reference()), Ok(0));

    let reference = || json!({"type": "ref/resource", "uri": "y://{n}"});
    let template = || resource_template("y://{n}".parse().unwrap(), "t", |it| it, || "");
    handle.add(template().complete("n", values)).unwrap();
    assert_eq!(complete(None, reference()), Ok(2));
    handle.remove(&OfferKey::ResourceTemplate("y://{n}".into()));
    assert_eq!(complete(None, reference()), Err(json!(-32602)));
    fixture.running.stop().unwrap();
}

#[test]
fn a_template_does_not_show_a_hidden_resource() {
    let fixture = Fixture::start(On::Smol);
    let handle = &fixture.handle;
    let files = "file:///{+path}".parse().unwrap();
    handle.add(resource_template(files, "files", |it| it, || "by template")).unwrap();
    let secret = Resource::new("file:///secret", "secret");
    handle.add(resource(secret, || "secret").visible_if(is_admin)).unwrap();
    let read = |token, uri: &str| {
        let answer = fixture.answer_to(token, "resources/read", json!({"uri": uri}));
        answer.pointer("/result/contents/0/text").cloned()
    };
    assert_eq!(read(None, "file:///other"), Some(json!("by template")));
    assert_eq!(read(None, "file:///secret"), None);
    assert_eq!(read(ADMIN, "file:///secret"), Some(json!("secret")));
    fixture.running.stop().unwrap();
}

#[test]
fn nobody_hears_of_a_resource_that_is_hidden_from_them() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let handle = &fixture.handle;
        for kind in [RESOURCES, TEMPLATES] {
            kind.put(handle, Put::Add, "hid", "", Some(is_admin)).unwrap();
            kind.add(handle, "a", "").unwrap();
        }
        let uris = ["x://hid", "y://hid/7", "x://a", "y://a/7", "x://later", "last:"];
        let listen = |bearer| {
            let filter = json!({"resourceSubscriptions": uris});
            let request = Request { bearer, ..crate::common::subscription::listen(filter.clone()) };
            let subscription = Subscription::open(fixture.running.address, &request);
            // Whether something is hidden or not there makes no difference.
            assert_eq!(subscription.granted, filter);
            subscription
        };
        let (mut guest, mut admin) = (listen(None), listen(ADMIN));
        uris.iter().for_each(|uri| handle.notify_resource_updated(uri));
        assert_eq!(admin.changes_until("last:"), uris[..5]);
        assert_eq!(guest.changes_until("last:"), uris[2..5]);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn a_handle_works_before_the_start_and_after_the_end() {
    for &on in On::ALL {
        let mut server = Server::new("early", "1.0.0").tool("t0", "", || "");
        let handle = server.handle();
        for kind in KINDS {
            for name in ["a", "b", "c"] {
                kind.add(&handle, name, "early").unwrap();
            }
            let error = kind.add(&handle, "a", "twice").unwrap_err();
            assert!(error.to_string().contains("offered twice"), "{error}");
            kind.replace(&handle, "b", "replaced");
            assert!(handle.remove(&kind.key_of("c")));
            assert!(!handle.remove(&kind.key_of("c")));
        }
        let error = handle.add(tool("no name", "", || "")).unwrap_err();
        assert!(error.to_string().contains("invalid tool name"), "{error}");
        let counters = server.counters();
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let fixture = Fixture { running, handle, counters };
        assert_eq!(fixture.names(TOOLS), ["t0", "a", "b"]);
        for kind in KINDS {
            assert_eq!(kind.call(&fixture, None, "a").unwrap(), "early");
            assert_eq!(kind.call(&fixture, None, "b").unwrap(), "replaced");
            kind.call(&fixture, None, "c").unwrap_err();
        }
        let Fixture { running, handle, .. } = fixture;
        running.stop().unwrap();
        for kind in KINDS {
            kind.add(&handle, "late", "").unwrap();
            kind.replace(&handle, "late", "");
            assert!(handle.remove(&kind.key_of("late")));
        }
        handle.notify_resource_updated("last:");
    }
}

#[test]
fn what_is_changed_during_the_start_is_served() {
    // So many that it takes a while to describe them.
    let server = || {
        (0..500).fold(Server::new("racing", "1.0.0"), |server, n| {
            server.tool(format!("t{n}"), "A tool", || "")
        })
    };
    let start =
        |server| mcp_smol::block_on(Endpoints::new().mount("/mcp", server).start()).unwrap();
    let quiet = server();
    let begun = Instant::now();
    drop(start(quiet));
    let usual = begun.elapsed();
    for tenth in 0..10 {
        let mut server = server();
        let handle = server.handle();
        let adding = std::thread::spawn(move || {
            std::thread::sleep(usual * tenth / 10);
            TOOLS.add(&handle, "racing", "it").unwrap();
        });
        let service = start(server);
        adding.join().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let call = ToolCall::new(Wire::Modern, "racing", json!({}));
        let client = std::thread::spawn(move || call.send(address).answer());
        mcp_smol::block_on(async {
            mcp_smol::serve_stream(listener.accept().unwrap().0, &service).await.unwrap();
            service.stop(Duration::ZERO).await;
        });
        let answer = client.join().unwrap();
        assert_eq!(answer.pointer(TOOLS.text), Some(&json!("it")), "{tenth}: {answer}");
    }
}

/// Counts those that there are.
struct Held(Arc<AtomicUsize>);

impl Held {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn nothing_is_kept_of_what_was_removed() {
    let held = Arc::new(AtomicUsize::new(0));
    let holding = |name: &str| {
        let held = Held::new(&held);
        tool(name, "", move || {
            let _held = &held;
            ""
        })
    };
    let server = Server::new("held", "1.0.0").add(holding("a")).add(holding("b"));
    let fixture = Fixture::serve(On::Smol, server);
    assert_eq!(fixture.names(TOOLS), ["a", "b"]);
    fixture.handle.remove(&TOOLS.key_of("a"));
    assert_eq!(held.load(Ordering::SeqCst), 1);
    TOOLS.replace(&fixture.handle, "b", "");
    assert_eq!(held.load(Ordering::SeqCst), 0);
    fixture.handle.add(holding("c")).unwrap();
    fixture.handle.add(holding("c")).unwrap_err();
    assert_eq!(held.load(Ordering::SeqCst), 1);
    let Fixture { running, handle, .. } = fixture;
    running.stop().unwrap();
    drop(handle);
    assert_eq!(held.load(Ordering::SeqCst), 0);
}

/// Changes the server when it is dropped, as a plugin may that goes with others.
struct Tidy(ServerHandle, &'static str);

impl Drop for Tidy {
    fn drop(&mut self) {
        self.0.remove(&TOOLS.key_of(self.1));
    }
}

/// Fails if `work` does not end.
fn ends(what: &str, work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(work);
    wait_until(what, || thread.is_finished());
    thread.join().unwrap();
}

#[test]
fn a_server_may_be_changed_from_anywhere() {
    let fixture = Fixture::start(On::Smol);
    let handle = &fixture.handle;
    let tidy = |name: &str, other: &'static str| {
        let tidy = Tidy(handle.clone(), other);
        tool(name, "", move || {
            let _tidy = &tidy;
            ""
        })
    };
    // From what is dropped: because it is removed, replaced, or cannot be added.
    for name in ["a", "b", "c"] {
        TOOLS.add(handle, name, "").unwrap();
    }
    handle.add(tidy("removed", "a")).unwrap();
    handle.add(tidy("replaced", "b")).unwrap();
    let (on_remove, on_replace, on_add) = (handle.clone(), handle.clone(), handle.clone());
    ends("a removal", move || assert!(on_remove.remove(&TOOLS.key_of("removed"))));
    ends("a replacement", move || TOOLS.replace(&on_replace, "replaced", ""));
    let taken = tidy("replaced", "c");
    ends("an addition", move || drop(on_add.add(taken).unwrap_err()));
    assert_eq!(fixture.names(TOOLS), ["replaced"]);

    // From a handler, and from what says who may see something.
    let (in_handler, in_visible) = (handle.clone(), handle.clone());
    let grow = tool("grow", "", move || {
        TOOLS.add(&in_handler, "grown", "").unwrap();
        "grown"
    });
    handle.add(grow).unwrap();
    assert_eq!(TOOLS.call(&fixture, None, "grow").unwrap(), "grown");
    let shy = tool("shy", "", || "").visible_if(move |_| !in_visible.remove(&TOOLS.key_of("shy")));
    handle.add(shy).unwrap();
    // The list is that of before.
    assert_eq!(fixture.names(TOOLS).len(), 3);
    assert_eq!(fixture.names(TOOLS), ["replaced", "grow", "grown"]);
    fixture.running.stop().unwrap();
}

#[test]
fn what_panics_when_it_is_asked_who_may_see_it_is_hidden() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        log.clear();
        for kind in KINDS {
            kind.add(&fixture.handle, "a", "it").unwrap();
            // Nobody should do that with what clients send, or leave out.
            let visible: fn(&Received) -> bool =
                |request| request.head().field("x-role").unwrap() == b"admin";
            kind.put(&fixture.handle, Put::Add, "b", "it", Some(visible)).unwrap();
            assert_eq!(fixture.names(kind), [kind.name("a")]);
            assert_eq!(kind.call(&fixture, None, "b").unwrap_err()["code"], json!(-32602));
            assert_eq!(kind.call(&fixture, None, "a").unwrap(), "it");
        }
        assert!(log.warnings() >= 8, "{:#?}", log.excerpt());
        assert_eq!(log.errors(), 0, "{:#?}", log.excerpt());
        fixture.running.stop().unwrap();
    }
}

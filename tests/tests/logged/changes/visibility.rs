//! What each client sees of an offer, page by page.

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

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

#[derive(Deserialize, JsonSchema)]
struct Args {
    n: String,
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
    handle.add(prompt("p", "", |args: Args| args.n).complete("n", values)).unwrap();
    assert_eq!(complete(None, reference()), Ok(2));
    // Another prompt of the same name, which completes nothing.
    handle.replace(prompt("p", "", || "")).unwrap();
    assert_eq!(complete(None, reference()), Ok(0));
    handle
        .replace(prompt("p", "", |args: Args| args.n).complete("n", values).visible_if(is_admin))
        .unwrap();
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
fn another_spelling_of_a_hidden_uri_shows_nothing() {
    let fixture = Fixture::start(On::Smol);
    let handle = &fixture.handle;
    for uri in ["file:///a/b", "file:///why%3F", "file:///caf%C3%A9"] {
        let secret = resource(Resource::new(uri, uri), || "secret");
        handle.add(secret.visible_if(is_admin)).unwrap();
    }
    let notes = resource_template(
        "file:///notes/{+path}".parse().unwrap(),
        "notes",
        |it| it,
        || "secret notes",
    );
    handle.add(notes.visible_if(is_admin)).unwrap();
    let files = "file:///{+path}".parse().unwrap();
    handle.add(resource_template(files, "files", |it| it, || "by template")).unwrap();
    let read = |token, uri: &str| {
        let answer = fixture.answer_to(token, "resources/read", json!({"uri": uri}));
        answer.pointer("/result/contents/0/text").cloned()
    };
    assert_eq!(read(ADMIN, "file:///why%3F"), Some(json!("secret")));
    assert_eq!(read(ADMIN, "file:///notes/1"), Some(json!("secret notes")));
    for uri in [
        "file:///%61/b",
        "file:///a%2Fb",
        "file:///a%2fb",
        "%66ile:///a/b",
        "file:///why?",
        "file:///wh%79%3f",
        "file:///caf\u{e9}",
        "file:///n%6Ftes/1",
        "file:///notes%2F1",
    ] {
        assert_eq!(read(None, uri), None, "{uri}");
    }
    // What is encoded twice is something else, to handlers as well.
    for uri in ["file:///a%252Fb", "file:///%2561/b", "file:///n%256Ftes/1", "file:///a"] {
        assert_eq!(read(None, uri), Some(json!("by template")), "{uri}");
    }
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

//! Who may change a server, and when; and what is kept of what was removed.

use super::*;

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

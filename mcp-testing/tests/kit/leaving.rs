//! Clients and servers that leave, and come back.

use super::*;

#[test]
fn a_client_that_hangs_up_drops_the_handler() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let client = Client::new(hanging(&dropped)).unwrap();
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    assert!(call.is_waiting().unwrap());
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    call.hang_up();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);

    // The 2025 revisions have another way to say so.
    let client = client.revision(Revision::V2025_11_25).unwrap();
    client.begin_call("hang", ()).unwrap().hang_up();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    call.cancel().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[test]
fn a_lost_connection_is_come_back_to() {
    let client = Client::new(sample()).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_progress().unwrap();
    call.next_question().unwrap();
    call.lose_connection().unwrap();
    call.answer_elicitation(decline()).unwrap();
    assert_eq!(call.finish().unwrap().text(), "declined");

    let mut call = client.begin_call("count", ()).unwrap();
    assert!(matches!(call.lose_connection().unwrap_err(), Error::HungUp { .. }));
}

#[test]
fn a_connection_may_be_lost_again_and_again() {
    let server = Server::new("s", "1").tool("long", "Takes long", |ctx: Context| async move {
        ctx.progress(1.0).await;
        elsewhere(Duration::from_millis(20)).await;
        ctx.release_connection();
        elsewhere(Duration::from_millis(20)).await;
        "at last"
    });
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("long", ()).unwrap();
    call.next_progress().unwrap();
    for _ in 0..3 {
        call.lose_connection().unwrap();
    }
    assert_eq!(call.finish().unwrap().text(), "at last");
}

/// A session lives longer than its connections, and no longer than its server.
#[test]
fn nothing_is_left_of_sessions_when_a_server_has_stopped() {
    let mut server = sample();
    let (counters, handle) = (server.counters(), server.handle());
    let client = Client::new(server).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_question().unwrap();
    assert_eq!(counters.open_sessions(), 1);
    client.shutdown(SECOND).unwrap();
    assert_eq!((counters.open_sessions(), counters.calls_in_flight()), (0, 0));
    handle.notify_tools_list_changed();
}

#[test]
fn a_replay_log_that_panics_forgets() {
    struct Panicking;

    impl ReplayLog for Panicking {
        fn append(&mut self, _: Instant, _: StreamKey, _: u64, _: &Arc<str>) {
            panic!("the disk is full");
        }

        fn next(&self, _: StreamKey, _: u64) -> Option<(u64, Arc<str>)> {
            panic!("the disk is gone");
        }

        fn forget_stream(&mut self, _: StreamKey) {
            panic!("the disk is gone");
        }

        fn expire(&mut self, _: Instant) {
            panic!("the disk is gone");
        }
    }

    let client = Client::new(sample().replay_log(Panicking)).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_progress().unwrap();
    // The question is not in the log alone.
    call.lose_connection().unwrap();
    call.answer_elicitation(decline()).unwrap();
    assert_eq!(call.finish().unwrap().text(), "declined");
    client.advance(60 * 60 * SECOND);
    client.call("add", json!({"a": 1, "b": 2})).unwrap();
    client.shutdown(SECOND).unwrap();
}

#[test]
fn a_server_that_lets_go_is_come_back_to() {
    let server = Server::new("s", "1").tool("long", "Takes long", |ctx: Context| async move {
        ctx.release_connection();
        elsewhere(Duration::from_millis(20)).await;
        "at last"
    });
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    assert_eq!(client.call("long", ()).unwrap().text(), "at last");
}

#[test]
fn a_shutdown_drains() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(AtomicUsize::new(0));
    let counts = stopped.clone();
    let server = hanging(&dropped).on_stop(move || async move {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    let client = Client::new(server).unwrap();
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    let report = client.shutdown(10 * SECOND).unwrap();
    assert_eq!((report.finished, report.cut), (0, 1));
    assert_eq!((dropped.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 1));
    assert!(call.finish().is_err());
    assert!(matches!(client.call("add", ()).unwrap_err(), Error::Stopped));
    assert!(matches!(client.shutdown(SECOND).unwrap_err(), Error::Stopped));
}

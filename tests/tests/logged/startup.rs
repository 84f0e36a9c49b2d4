//! What the log says of who is let in, and how to let in those who are not.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::common::On;
use crate::common::client::connect;
use crate::common::log::Log;
use mcp_smol::{Denial, Endpoints, Head, Hosts, Origins, Principal, ProtectedResource, Server};

fn endpoints() -> Endpoints {
    Endpoints::new().mount("/mcp", Server::new("guarded", "1.0.0"))
}

/// The line of the log with that in it.
#[track_caller]
fn line(log: &Log, part: &str) -> String {
    let lines = log.excerpt();
    let line = lines.iter().find(|line| line.contains(part));
    line.unwrap_or_else(|| panic!("nothing about {part:?}: {lines:#?}")).clone()
}

/// Sends a request with those field lines, which is refused.
fn refused(address: SocketAddr, fields: &str) {
    let mut stream = connect(address);
    let head =
        format!("POST /mcp HTTP/1.1\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[test]
fn the_start_says_what_is_served_and_who_is_let_in() {
    let log = Log::capture();
    let running = On::Smol.serve(endpoints());
    let address = running.address;
    running.stop().unwrap();
    let served = line(&log, "serving");
    assert!(served.contains(&format!("serving http://{address}/mcp")), "{served}");
    assert!(served.contains(r#"server="guarded""#), "{served}");
    let let_in = line(&log, "let in");
    assert!(let_in.contains(" INFO "), "{let_in}");
    assert!(let_in.contains("hosts=localhost, 127.0.0.1, [::1] "), "{let_in}");
    assert!(let_in.contains("origins=the same"), "{let_in}");

    log.clear();
    let hosts = Hosts::loopback().allow("mcp.example.com");
    let origins = Origins::same().allow("https://app.example.com");
    On::Smol.serve(endpoints().hosts(hosts).origins(origins)).stop().unwrap();
    let let_in = line(&log, "let in");
    assert!(let_in.contains("[::1], mcp.example.com "), "{let_in}");
    assert!(let_in.contains("origins=the same, https://app.example.com"), "{let_in}");

    log.clear();
    On::Smol.serve(endpoints().hosts(Hosts::any()).origins(Origins::any())).stop().unwrap();
    let let_in = line(&log, "let in");
    assert!(let_in.contains("hosts=all origins=all"), "{let_in}");
}

#[test]
fn the_start_says_if_nobody_is_told_where_to_get_tokens() {
    let log = Log::capture();
    let guarded = || {
        let nobody = |_: Head| async { Err::<Principal, _>(Denial::missing_token()) };
        Server::new("guarded", "1.0.0").authorizer(nobody)
    };
    let say = |server| {
        log.clear();
        On::Smol.serve(Endpoints::new().mount("/mcp", server)).stop().unwrap();
        log.excerpt().concat().contains("Server::protected_resource tells them")
    };
    assert!(say(guarded()));
    let resource = ProtectedResource::new("https://a.test/mcp", ["https://b.test"]).unwrap();
    assert!(!say(guarded().protected_resource(resource)));
    assert!(!say(Server::new("open", "1.0.0")));
}

#[test]
fn a_refusal_names_the_setting_that_would_allow_it() {
    let log = Log::capture();
    let running = On::Smol.serve(endpoints());
    refused(running.address, "Host: mcp.example.com\r\n");
    let setting = r#"Endpoints::hosts(Hosts::loopback().allow("mcp.example.com"))"#;
    assert!(line(&log, "refused").contains(&setting.replace('"', "\\\"")), "{:?}", log.excerpt());
    log.clear();
    refused(running.address, "Host: localhost\r\nOrigin: https://app.example.com\r\n");
    let setting = r#"Endpoints::origins(Origins::same().allow("https://app.example.com"))"#;
    assert!(line(&log, "refused").contains(&setting.replace('"', "\\\"")), "{:?}", log.excerpt());
    running.stop().unwrap();
}

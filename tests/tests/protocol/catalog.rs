//! What a catalog answers by itself, and to whom.

use std::sync::Arc;

use mcp_proto::{
    Call, Catalog, CompletionsCapability, Config, Endpoint, Instant, Offer, OfferKey, Prompt,
    PromptsCapability, Reply, Resource, ResourceTemplate, ServerInfo, Tool,
};
use mcp_tests::peer::{Peer, post};
use serde_json::json;

/// A tool, a prompt, a resource and a template, once for all and once for few.
fn catalog() -> Catalog {
    let schema = json!({"type": "object"});
    let template = |name: &str| {
        ResourceTemplate::new(format!("{name}:{{id}}").parse().expect("a template"), name)
    };
    let offer = Offer {
        tools: ["open", "secret"].map(|name| Tool::new(name, "Tests", &schema)).into(),
        prompts: ["open", "secret"].map(|name| Prompt::new(name, "Tests")).into(),
        resources: ["open:", "secret:"].map(|uri| Resource::new(uri, uri)).into(),
        resource_templates: ["open", "secret"].map(template).into(),
        restricted: [
            OfferKey::Tool("secret".into()),
            OfferKey::Prompt("secret".into()),
            OfferKey::Resource("secret:".into()),
            OfferKey::ResourceTemplate("secret:{id}".into()),
        ]
        .into(),
        ..Offer::default()
    };
    Catalog::new(&offer).expect("all different")
}

fn call(method: &str, params: &str) -> Call {
    let mut info = ServerInfo::new("catalog", "1");
    info.capabilities.tools.get_or_insert_default();
    info.capabilities.resources.get_or_insert_default();
    info.capabilities.prompts = Some(PromptsCapability::default());
    info.capabilities.completions = Some(CompletionsCapability::default());
    let mut endpoint = Endpoint::new("/mcp", info).expect("a path");
    endpoint.keeps_sessions = false;
    let mut peer = Peer::new(&Arc::new(Config::new([endpoint])), Instant::from_micros(0));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    peer.send(&post("", &body));
    peer.calls.pop().expect("a call")
}

/// What a caller is told who is let in on secrets or not: an error's code, or 0 for a list. Nothing if
/// the application has to answer.
fn answer(method: &str, params: &str, sees: bool) -> Option<i32> {
    Some(match catalog().answer_to(&call(method, params), |_| sees)? {
        Reply::Error(error) => error.code.0,
        Reply::List(_) => 0,
        other => panic!("{other:?}"),
    })
}

#[test]
fn only_what_is_there_for_the_caller_is_called() {
    let invalid_params = Some(-32602);
    for (method, params, unknown) in [
        ("tools/call", r#"{"name":"NAME"}"#, invalid_params),
        ("prompts/get", r#"{"name":"NAME"}"#, invalid_params),
        ("resources/read", r#"{"uri":"NAME:"}"#, invalid_params),
        ("resources/read", r#"{"uri":"NAME:7"}"#, invalid_params),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"NAME"},"argument":{"name":"a","value":""}}"#,
            invalid_params,
        ),
        // It has no variables, so nobody has anything to complete.
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"NAME:"},"argument":{"name":"a","value":""}}"#,
            invalid_params,
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"NAME:{id}"},"argument":{"name":"a","value":""}}"#,
            invalid_params,
        ),
    ] {
        let answer = |name: &str, sees| answer(method, &params.replace("NAME", name), sees);
        for sees in [false, true] {
            assert_eq!(answer("open", sees), None, "{method}");
            assert_eq!(answer("none", sees), unknown, "{method}");
        }
        assert_eq!(answer("secret", false), unknown, "{method}");
        assert_eq!(answer("secret", true), None, "{method}");
    }
}

#[test]
fn lists_are_answered_by_themselves() {
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        assert_eq!(answer(method, "{}", false), Some(0));
        assert_eq!(answer(method, r#"{"cursor":"none"}"#, true), Some(-32602));
    }
}

#[test]
fn resources_are_hidden_from_those_who_do_not_see_them() {
    let catalog = catalog();
    for (uri, is_secret) in [
        ("open:", false),
        ("open:7", false),
        ("secret:", true),
        ("secret:7", true),
        ("none:", false),
    ] {
        assert_eq!(catalog.hides_resource(uri, |_| false), is_secret, "{uri}");
        assert!(!catalog.hides_resource(uri, |_| true), "{uri}");
    }
}

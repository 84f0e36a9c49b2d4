//! Resources and their template.

use mcp_smol::{Resource, Server};
use serde::Deserialize;
use serde_json::json;

use crate::media::PNG;

const SKILL: &str = "skill://demo-skill/SKILL.md";

#[derive(Deserialize)]
struct Templated {
    id: u32,
}

pub(crate) fn add_to(server: Server) -> Server {
    let text = Resource::new("test://static-text", "static-text").mime_type("text/plain");
    let binary = Resource::new("test://static-binary", "static-binary").mime_type("image/png");
    let watched = Resource::new("test://watched-resource", "watched").mime_type("text/plain");
    let skill = Resource::new(SKILL, "demo-skill")
        .description("A demo skill for conformance.")
        .mime_type("text/markdown");
    let guide = Resource::new("skill://demo-skill/reference/guide.md", "guide")
        .mime_type("text/markdown");
    server
        .resource(text, || "This is the content of the static text resource.")
        .resource(binary, || PNG)
        .resource(watched, || "Watch this.")
        .resource(skill, || {
            "---\nname: demo-skill\ndescription: A demo skill for conformance.\n---\n\nNothing to do.\n"
        })
        .resource(guide, || "# Guide\n\nThere is nothing to it.\n")
        .resource_template(
            "test://template/{id}/data",
            "template",
            |template| template.mime_type("application/json"),
            |Templated { id }: Templated| {
                json!({
                    "id": id.to_string(),
                    "templateTest": true,
                    "data": format!("Data for ID: {id}"),
                })
                .to_string()
            },
        )
}

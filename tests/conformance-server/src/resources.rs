//! Resources and their template.

use mcp_smol::{Resource, Server};
use serde::Deserialize;
use serde_json::json;

use crate::media::PNG;

#[derive(Deserialize)]
struct Templated {
    id: u32,
}

pub(crate) fn add_to(server: Server) -> Server {
    let text = Resource::new("test://static-text", "static-text").mime_type("text/plain");
    let binary = Resource::new("test://static-binary", "static-binary").mime_type("image/png");
    let watched = Resource::new("test://watched-resource", "watched").mime_type("text/plain");
    server
        .resource(text, || "This is the content of the static text resource.")
        .resource(binary, || PNG)
        .resource(watched, || "Watch this.")
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

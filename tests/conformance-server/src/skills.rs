//! The skills extension: instructions for models as resources, listed with what they are for.

use mcp_smol::{BoxError, ExtensionMethod, ExtensionResult, Resource, RpcError, Server};
use serde::Deserialize;
use serde_json::{Value, json};

const DIRECTORY: &str = "skill://demo-skill";

const SKILL: File = File {
    uri: "skill://demo-skill/SKILL.md",
    text: "---\nname: demo-skill\ndescription: A demo skill for conformance.\n---\n\nNothing to do.\n",
    digest: "sha256:040c34daf0239f8a08619970c1c84bfc8281e13713113d9060c2aec10247f2e5",
};

const GUIDE: File = File {
    uri: "skill://demo-skill/reference/guide.md",
    text: "# Guide\n\nThere is nothing to it.\n",
    digest: "sha256:bf453888e08c7a66f60a12cd1b96a1f3db6dc795ee918ea73096b2cac0c46204",
};

struct File {
    uri: &'static str,
    text: &'static str,
    /// What sha256sum says of the text.
    digest: &'static str,
}

impl File {
    fn entry(&self) -> Value {
        json!({"uri": self.uri, "digest": self.digest, "size": self.text.len()})
    }
}

#[derive(Deserialize)]
struct Uri {
    uri: String,
}

fn skill() -> Value {
    json!({
        "uri": SKILL.uri,
        "frontmatter": {"name": "demo-skill", "description": "A demo skill for conformance."},
        "resources": [SKILL.entry(), GUIDE.entry()],
    })
}

/// The children of a directory, if it is one.
fn children(directory: &str) -> Option<Value> {
    let child = |uri: &str, mime_type: &str| {
        let name = uri.rsplit('/').next().unwrap_or(uri);
        json!({"uri": uri, "name": name, "mimeType": mime_type})
    };
    let reference = format!("{DIRECTORY}/reference");
    if directory == DIRECTORY {
        Some(json!([child(SKILL.uri, "text/markdown"), child(&reference, "inode/directory")]))
    } else if directory == reference {
        Some(json!([child(GUIDE.uri, "text/markdown")]))
    } else {
        None
    }
}

pub(crate) fn add_to(server: Server) -> Server {
    let skill_file = Resource::new(SKILL.uri, "demo-skill")
        .description("A demo skill for conformance.")
        .mime_type("text/markdown");
    let guide = Resource::new(GUIDE.uri, "guide").mime_type("text/markdown");
    server
        .extension("io.modelcontextprotocol/skills", json!({"directoryRead": true}))
        .resource(skill_file, || SKILL.text)
        .resource(guide, || GUIDE.text)
        .method(ExtensionMethod::new("skills/list"), || {
            let list = json!({"skills": [skill()], "ttlMs": 60_000, "cacheScope": "public"});
            ExtensionResult::complete(&list)
        })
        .method(ExtensionMethod::new("skills/get"), |params: Uri| {
            if params.uri != SKILL.uri {
                return Err(BoxError::from(unknown("skill", &params.uri)));
            }
            let found = json!({"skill": skill(), "ttlMs": 60_000, "cacheScope": "public"});
            Ok(ExtensionResult::complete(&found)?)
        })
        .method(ExtensionMethod::new("resources/directory/read"), |params: Uri| {
            let found = children(&params.uri);
            let resources = found.ok_or_else(|| unknown("directory", &params.uri))?;
            Ok::<_, BoxError>(ExtensionResult::complete(&json!({"resources": resources}))?)
        })
}

fn unknown(kind: &str, uri: &str) -> RpcError {
    RpcError::invalid_params(format!("there is no {kind} {uri:?}"))
}

//! Validates what a server has sent against the official JSON schema of its revision (feature
//! `schemas`).
//!
//! The schemas are not kept here. The environment variable `MCP_SCHEMAS` names a folder that has
//! them, as `tests/conformance/schemas.sh` writes it; without it, nothing is validated. The path
//! is absolute, as tests do not run where `cargo test` does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonschema::ValidatorMap;
use mcp_proto::{Era, Revision};
use serde_json::{Value, json};

/// More errors than that make a failure no clearer.
const MOST_ERRORS: usize = 6;

/// Where the official schemas are.
static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("MCP_SCHEMAS").map(PathBuf::from));

/// Validates one JSON-RPC message that a server has sent on `revision`, a response to a request
/// of the method `answers` if it is one.
///
/// # Panics
///
/// If the message is invalid, or of a kind that the schema does not know.
#[track_caller]
pub fn check(revision: Revision, message: &str, answers: Option<&str>) {
    if FOLDER.is_none() {
        return;
    }
    let json = serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}"));
    let revision = revision_of(&json, revision, answers);
    if let Err(error) = official(revision).check(&json, answers) {
        panic!("not valid on {revision}: {error}\nthe message is {message}");
    }
}

/// The revision whose schema a message is held to, which two kinds of messages say themselves.
fn revision_of(message: &Value, revision: Revision, answers: Option<&str>) -> Revision {
    match message["error"]["code"].as_i64() {
        // What these codes refuse may be a request that names no revision, or none that is served.
        Some(-32022..=-32020) => return Revision::V2026_07_28,
        Some(_) => return revision,
        None => {}
    }
    let settled = message["result"]["protocolVersion"].as_str();
    settled.filter(|_| answers == Some("initialize")).map_or(revision, |name| {
        Revision::from_name(name).unwrap_or_else(|| panic!("settled on {name:?}"))
    })
}

/// The official schema of `revision`, read when it is first needed.
fn official(revision: Revision) -> &'static Schema {
    static SCHEMAS: [OnceLock<Schema>; Revision::ALL.len()] =
        [const { OnceLock::new() }; Revision::ALL.len()];
    let index = Revision::ALL.into_iter().position(|other| other == revision);
    SCHEMAS[index.expect("all revisions are listed")].get_or_init(|| {
        let folder = FOLDER.as_ref().expect("asked for where there are schemas");
        let path = folder.join(format!("{revision}.json"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("MCP_SCHEMAS has no {}: {error}", path.display()));
        Schema::new(revision, &serde_json::from_str(&text).expect("a schema is JSON"))
    })
}

/// The schema of one revision.
struct Schema {
    revision: Revision,
    /// Where the definitions are in it: 2025-11-25 has moved them.
    prefix: &'static str,
    /// The definition of each notification, by its method.
    notifications: BTreeMap<String, String>,
    /// By JSON pointer, as a URI fragment.
    validators: ValidatorMap,
}

impl Schema {
    fn new(revision: Revision, schema: &Value) -> Self {
        let keyword = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
        let definitions = schema[keyword].as_object().expect("a schema has definitions");
        let notifications = definitions
            .iter()
            // A union of one member looks like that member.
            .filter(|(name, _)| name.ends_with("Notification") && *name != "ClientNotification")
            .filter_map(|(name, definition)| {
                let method = definition["properties"]["method"]["const"].as_str()?;
                Some((method.to_owned(), name.clone()))
            });
        let validators = jsonschema::options()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_format("byte", |text: &str| STANDARD.decode(text).is_ok())
            .build_map(schema)
            .unwrap_or_else(|error| panic!("the schema of {revision} is none: {error}"));
        Self {
            revision,
            prefix: if keyword == "$defs" { "#/$defs/" } else { "#/definitions/" },
            notifications: notifications.collect(),
            validators,
        }
    }

    fn check(&self, message: &Value, answers: Option<&str>) -> Result<(), String> {
        // 2025-11-25 has renamed the two kinds of responses.
        let has_new_names = self.revision >= Revision::V2025_11_25;
        if let Some(method) = message["method"].as_str() {
            if message.get("id").is_some() {
                if self.revision.era() == Era::Modern {
                    return Err(format!("a server sends no requests, as {method} is"));
                }
                self.validate("JSONRPCRequest", message)?;
                return self.validate("ServerRequest", message);
            }
            let definition = self.notifications.get(method);
            let definition = definition.ok_or_else(|| format!("{method} has no definition"))?;
            self.validate("JSONRPCNotification", message)?;
            self.validate(definition, message)
        } else if let Some(error) = message.get("error") {
            match error["code"].as_i64() {
                Some(-32020) => self.validate("HeaderMismatchError", message)?,
                Some(-32021) => self.validate("MissingRequiredClientCapabilityError", message)?,
                Some(-32022) => self.validate("UnsupportedProtocolVersionError", message)?,
                _ => {}
            }
            if has_new_names {
                return self.validate("JSONRPCErrorResponse", message);
            }
            // These two schemas require an id, which the transport has none of when it refuses
            // what it cannot read (2025-03-26 and 2025-06-18, basic/transports).
            let mut message = message.clone();
            if let Some(members) = message.as_object_mut() {
                members.entry("id").or_insert(json!(0));
            }
            self.validate("JSONRPCError", &message)
        } else if let Some(result) = message.get("result") {
            let definition = definition_of(answers, result)?;
            let response = if has_new_names { "JSONRPCResultResponse" } else { "JSONRPCResponse" };
            self.validate(response, message)?;
            self.validate(definition, result)
        } else {
            Err("it has no method, no result and no error".into())
        }
    }

    fn validate(&self, definition: &str, json: &Value) -> Result<(), String> {
        let validator = self.validators.get(&format!("{}{definition}", self.prefix));
        let validator = validator.ok_or_else(|| format!("{definition} is not defined"))?;
        if validator.is_valid(json) {
            return Ok(());
        }
        let errors = validator.iter_errors(json).take(MOST_ERRORS).map(|error| {
            let place = error.instance_path().to_string();
            format!("\n  {definition}{place}: {error}")
        });
        Err(errors.collect())
    }
}

/// The definition of the result of a request of the method `answers`.
fn definition_of(answers: Option<&str>, result: &Value) -> Result<&'static str, String> {
    let asks_back = result["resultType"] == "input_required";
    // What an extension defines is a result, and no schema says more of it.
    let is_extended = result["resultType"] == "laws";
    Ok(match answers {
        Some("tools/call") if is_extended => "Result",
        Some(method) if method.starts_with("laws/") => "Result",
        Some("tools/call" | "prompts/get" | "resources/read") if asks_back => "InputRequiredResult",
        Some("tools/call") => "CallToolResult",
        Some("tools/list") => "ListToolsResult",
        Some("prompts/get") => "GetPromptResult",
        Some("prompts/list") => "ListPromptsResult",
        Some("resources/read") => "ReadResourceResult",
        Some("resources/list") => "ListResourcesResult",
        Some("resources/templates/list") => "ListResourceTemplatesResult",
        Some("completion/complete") => "CompleteResult",
        Some("subscriptions/listen") => "SubscriptionsListenResult",
        Some("server/discover") => "DiscoverResult",
        Some("initialize") => "InitializeResult",
        Some("ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe") => {
            "EmptyResult"
        }
        other => return Err(format!("nothing defines a result for {other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much of a schema as tells right from wrong.
    fn small() -> Schema {
        let response = json!({"required": ["jsonrpc", "id"]});
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "JSONRPCResultResponse": response,
                "JSONRPCErrorResponse": {"required": ["jsonrpc", "error"]},
                "JSONRPCNotification": {"required": ["jsonrpc", "method"]},
                "ProgressNotification": {
                    "properties": {
                        "method": {"const": "notifications/progress"},
                        "params": {"required": ["progress"]},
                    },
                },
                "HeaderMismatchError": {
                    "properties": {"error": {"required": ["message"]}},
                },
                "Blob": {"type": "string", "format": "byte"},
                "CallToolResult": {
                    "properties": {
                        "blob": {"$ref": "#/$defs/Blob"},
                        "uri": {"type": "string", "format": "uri"},
                    },
                    "required": ["content"],
                },
                "InputRequiredResult": {"required": ["requestState"]},
            },
        });
        Schema::new(Revision::V2026_07_28, &schema)
    }

    #[track_caller]
    fn assert_wrong(message: Value, answers: Option<&str>, reason: &str) {
        let error = small().check(&message, answers).expect_err("it is wrong");
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_is_right_passes() {
        let schema = small();
        for result in [
            json!({"content": []}),
            json!({"content": [], "blob": "cG5n", "uri": "demo://text"}),
            json!({"resultType": "input_required", "requestState": "x"}),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
            schema.check(&message, Some("tools/call")).unwrap();
        }
        for message in [
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}),
            json!({"jsonrpc": "2.0", "error": {"code": -32020, "message": "x"}}),
            json!({"jsonrpc": "2.0", "error": {"code": -32600}}),
        ] {
            schema.check(&message, None).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_found() {
        for (result, reason) in [
            (json!({}), "CallToolResult: \"content\" is a required property"),
            (json!({"content": [], "blob": "png"}), "CallToolResult/blob: "),
            (json!({"content": [], "uri": "no uri"}), "CallToolResult/uri: "),
            (json!({"content": [], "resultType": "input_required"}), "InputRequiredResult: "),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
            assert_wrong(message, Some("tools/call"), reason);
        }
        assert_wrong(json!({"jsonrpc": "2.0", "error": {"code": -32020}}), None, "HeaderMismatch");
        assert_wrong(json!({"jsonrpc": "2.0", "result": {"content": []}}), Some("tools/call"), "");
        assert_wrong(json!({"error": {"code": -32600}}), None, "JSONRPCErrorResponse: ");
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}});
        assert_wrong(progress, None, "ProgressNotification/params: ");
    }

    #[test]
    fn what_is_unknown_is_wrong() {
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/other"});
        assert_wrong(notification, None, "notifications/other has no definition");
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "notifications/progress"});
        assert_wrong(request, None, "no requests");
        let result = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
        assert_wrong(result.clone(), Some("ping"), "EmptyResult is not defined");
        assert_wrong(result.clone(), Some("tools/burn"), "tools/burn");
        assert_wrong(result, None, "nothing defines");
        assert_wrong(json!({"jsonrpc": "2.0", "id": 1}), None, "no method");
        assert_wrong(json!([]), None, "no method");
    }

    #[test]
    fn servers_ask_where_there_are_sessions() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "JSONRPCRequest": {"required": ["jsonrpc", "id"]},
                "ServerRequest": {
                    "properties": {"method": {"const": "roots/list"}, "params": {"type": "object"}},
                },
            },
        });
        let request = |method, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let legacy = Schema::new(Revision::V2025_11_25, &schema);
        legacy.check(&request("roots/list", json!({})), None).unwrap();
        let error = legacy.check(&request("roots/list", json!(7)), None).unwrap_err();
        assert!(error.contains("ServerRequest/params: "), "{error}");
        // This schema does not know the one, and no server sends the other.
        for method in ["elicitation/create", "tools/call"] {
            assert!(legacy.check(&request(method, json!({})), None).is_err());
        }
        let modern = Schema::new(Revision::V2026_07_28, &schema);
        assert!(modern.check(&request("roots/list", json!({})), None).is_err());
    }

    #[test]
    fn some_messages_say_which_revision_they_are_of() {
        let settled = || json!({"result": {"protocolVersion": "2025-06-18"}});
        let error = |code: i64| json!({"error": {"code": code}});
        for (message, answers, expected) in [
            (settled(), Some("initialize"), Revision::V2025_06_18),
            (settled(), Some("tools/call"), Revision::V2025_03_26),
            (error(-32022), None, Revision::V2026_07_28),
            (error(-32600), None, Revision::V2025_03_26),
        ] {
            assert_eq!(revision_of(&message, Revision::V2025_03_26, answers), expected);
        }
    }

    /// Needs `MCP_SCHEMAS`, and passes without it.
    #[test]
    fn the_official_schemas_find_what_is_wrong() {
        if FOLDER.is_none() {
            return;
        }
        let fails = |revision, message: &Value, answers| {
            let message = message.to_string();
            std::panic::catch_unwind(|| check(revision, &message, answers)).is_err()
        };
        for revision in Revision::ALL {
            let good = json!({"jsonrpc": "2.0", "id": 1, "result": {
                "resultType": "complete", "content": [{"type": "text", "text": "x"}],
            }});
            let with = |pointer: &str, value: Value| {
                let mut bad = good.clone();
                *bad.pointer_mut(pointer).unwrap() = value;
                bad
            };
            let call = Some("tools/call");
            assert!(!fails(revision, &good, call), "{revision}");
            assert!(fails(revision, &with("/result", json!({"resultType": "complete"})), call));
            assert!(fails(revision, &with("/result/content/0", json!({"type": "text"})), call));
            assert!(fails(revision, &with("/id", json!(1.5)), call));
            assert!(fails(revision, &with("/jsonrpc", json!("1.0")), call));
            let image = json!({"type": "image", "mimeType": "image/png", "data": "not Base64"});
            assert!(fails(revision, &with("/result/content/0", image), call));

            let mut refusal = json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "x"}});
            assert!(!fails(revision, &refusal, None), "{revision}");
            refusal["error"]["message"] = json!(7);
            assert!(fails(revision, &refusal, None));
        }
        let mut unsupported = json!({"jsonrpc": "2.0", "id": 1, "error": {
            "code": -32022, "message": "x", "data": {"requested": "x", "supported": ["y"]},
        }});
        assert!(!fails(Revision::V2025_03_26, &unsupported, None));
        unsupported["error"]["data"]["supported"] = Value::Null;
        assert!(fails(Revision::V2025_03_26, &unsupported, None));
    }
}

//! The README and the guides show what is there.

use std::path::{Path, PathBuf};

const README: &str = include_str!("../../README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The guides, and where each is.
fn guides() -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join("docs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let guides = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    guides.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn examples_are_shown_as_they_are() {
    for (name, example) in [
        ("bookshop.rs", include_str!("../../mcp-smol/examples/bookshop.rs")),
        ("orders.rs", include_str!("../../mcp-smol/tests/orders.rs")),
        ("blocking.rs", include_str!("../../mcp-proto/examples/blocking.rs")),
    ] {
        assert!(README.contains(example), "copy {name} into README.md");
    }
}

#[test]
fn its_links_lead_somewhere() {
    let mut texts = guides();
    assert!(!texts.is_empty());
    texts.push((root().join("README.md"), README.to_owned()));
    for (path, text) in texts {
        // What stands in brackets in code is no link.
        let prose: String = text.split("```").step_by(2).collect();
        let links = prose.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{link} in {}", path.display());
            if !heading.is_empty() {
                let headings = headings(&std::fs::read_to_string(target).unwrap());
                assert!(headings.contains(&heading.to_owned()), "{link} in {}", path.display());
            }
        }
    }
}

/// The anchors that headings get from those who render Markdown.
fn headings(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.map(|char| if char == ' ' { '-' } else { char }).collect()
    };
    lines.map(anchor).collect()
}

#[test]
fn all_guides_are_in_its_index() {
    for (path, _) in guides() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(README.contains(&format!("](docs/{name})")), "README.md does not name {name}");
    }
}

/// The port from rmcp is a diff that can be applied, is as short as it says, and ends in an example
/// that is built.
#[test]
fn the_port_from_rmcp_is_an_example() {
    let guide = include_str!("../../docs/migrating-from-rmcp.md");
    let example = include_str!("../../mcp-tokio/examples/echo_from_rmcp.rs");
    let diff = guide.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();

    let is_changed = |line: &&str| {
        line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
    };
    let changed = diff.lines().filter(is_changed).count();
    assert!(changed < 30, "{changed} lines");
    assert!(guide.contains(&format!("{changed} lines in all")), "they are {changed}");

    let main = diff.split("+++ b/src/main.rs\n").nth(1).unwrap();
    let after = main.lines().skip(1).filter(|line| !line.starts_with('-'));
    let after: String = after.map(|line| format!("{}\n", line.get(1..).unwrap_or(""))).collect();
    assert!(example.ends_with(&format!("\n\n{after}")), "what comes out is not the example");
}

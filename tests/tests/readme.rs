//! The README shows what is there.

const README: &str = include_str!("../../README.md");

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
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let links = README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    for link in links.filter(|link| !link.contains("://")) {
        let file = link.split('#').next().unwrap();
        assert!(std::path::Path::new(root).join(file).exists(), "{link}");
    }
}

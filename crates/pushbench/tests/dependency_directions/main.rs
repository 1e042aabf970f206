//! Which crate may know which: the picture in ARCHITECTURE.md, read off `cargo metadata`; and which file of a crate imports
//! which: never in a circle.

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Our crates that each of our crates may depend on, in any way.
fn allowed(name: &str) -> &'static [&'static str] {
    match name {
        "protocol" | "model" | "os" => &[],
        "theory" => &["protocol"],
        "browser" => &["test-support"],
        // The settings of a trial, which a server gets as they are in the record.
        "server-kit" => &["protocol", "model"],
        "test-support" => &["protocol", "server-kit"],
        "loadgen" => &["protocol", "model", "os"],
        "report" => &["theory", "model"],
        server if server.starts_with("server-") => &["server-kit", "protocol", "test-support"],
        client if client.starts_with("client-") => &["loadgen", "protocol"],
        _ => panic!("{name} is a crate that ARCHITECTURE.md does not name"),
    }
}

fn ours() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let names: BTreeSet<String> = packages.iter().map(name).collect();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().expect("a list of dependencies");
        all.iter().map(name).filter(|dependency| names.contains(dependency)).collect()
    };
    packages.iter().map(|package| (name(package), dependencies(package))).collect()
}

#[test]
fn crates_depend_only_in_the_directions_of_the_architecture() {
    let crates = ours();
    assert!(crates.len() > 10, "the workspace has been found: {crates:?}");
    for (name, dependencies) in crates {
        assert!(!dependencies.contains("pushbench"), "{name} must not depend on pushbench");
        if name == "pushbench" {
            continue;
        }
        // A crate's own tests may ask for one of its features by naming it.
        let is_allowed = |other: &&String| **other == name || allowed(&name).contains(&other.as_str());
        let forbidden: Vec<_> = dependencies.iter().filter(|other| !is_allowed(other)).collect();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}");
    }
}

#[test]
fn no_files_of_a_crate_import_one_another() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of all crates");
    let mut found = String::new();
    for name in ours().keys() {
        let src = crates.join(name).join("src");
        let cycles = modules::cycles(&modules::imports(&|file| fs::read_to_string(src.join(file)).ok()));
        if !cycles.is_empty() {
            found += &format!("{name}: {cycles}");
        }
    }
    assert!(found.is_empty(), "{found}");
}

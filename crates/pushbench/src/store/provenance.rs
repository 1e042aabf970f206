//! Where the program comes from: the commit of its folder, and the versions of the libraries under measurement.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Libraries whose work is inside the figures.
const LIBRARIES: [&str; 15] = [
    "bytes",
    "flate2",
    "h2",
    "hdrhistogram",
    "http-body-util",
    "hyper",
    "hyper-util",
    "ring",
    "rustls",
    "sockudo-ws",
    "tokio",
    "tokio-rustls",
    "tokio-tungstenite",
    "tungstenite",
    "zlib-rs",
];

/// The commit of the folder that pushbench runs in, and whether files under version control differ from it; none outside
/// of a repository or without git. It is read at run time: a program that was built elsewhere or earlier is not noticed.
pub(crate) fn commit() -> (Option<String>, Option<bool>) {
    let commit = git(&["rev-parse", "HEAD"]).filter(|text| !text.is_empty());
    // Results are written into the work tree by every run, and change nothing of the program.
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).map(|text| !text.is_empty());
    (commit, dirty)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The libraries' versions.
pub(crate) fn libraries() -> BTreeMap<String, String> {
    let Ok(lock) = LOCK.parse::<toml::Table>() else { return BTreeMap::new() };
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let field = |package: &toml::Value, name: &str| package.get(name)?.as_str().map(str::to_owned);
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .filter(|(name, _)| LIBRARIES.contains(&name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_has_a_version() {
        let found = libraries();
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), LIBRARIES);
        assert!(found.values().all(|version| version.starts_with(|c: char| c.is_ascii_digit())), "{found:?}");
    }
}

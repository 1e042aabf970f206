//! The crate learns the techniques from the manifest: its sources name none. Templates do.

use std::fs;
use std::path::Path;

const NAMES: [&str; 10] = [
    "short-polling",
    "short polling",
    "long-polling",
    "long polling",
    "websocket",
    "ndjson",
    "server-sent",
    "socket.io",
    "raw-tcp",
    "raw tcp",
];

#[test]
fn sources_name_no_technique() {
    let mut files = 0;
    search(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files > 8, "only {files} files were searched");
}

fn search(folder: &Path, files: &mut usize) {
    for entry in fs::read_dir(folder).expect("sources are there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *files += 1;
            let text = fs::read_to_string(&path).expect("sources are text");
            // Documentation and tests may give examples, and pages have names.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().lines();
            for line in code.filter(|line| !line.trim_start().starts_with("//") && !line.contains(".md\"")) {
                let found = NAMES.iter().find(|name| line.to_lowercase().contains(**name));
                assert!(found.is_none(), "{} names {found:?}", path.display());
            }
        }
    }
}

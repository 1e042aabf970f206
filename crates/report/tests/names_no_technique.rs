//! The crate learns the techniques from the manifest: its sources name none.

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
    assert!(files > 20, "only {files} files were searched");
}

fn search(folder: &Path, files: &mut usize) {
    for entry in fs::read_dir(folder).expect("sources are there").flatten() {
        if entry.path().is_dir() {
            search(&entry.path(), files);
            continue;
        }
        *files += 1;
        let text = fs::read_to_string(entry.path()).expect("sources are text").to_lowercase();
        for name in NAMES {
            assert!(!text.contains(name), "{} names {name}", entry.path().display());
        }
    }
}

//! The committed report and its pages are what the committed results give, byte for byte, and are short enough to be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use report::Evidence;
use report::cost_model::fit;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn runs() -> Vec<PathBuf> {
    let folders = fs::read_dir(root().join("results")).expect("results/ is there").flatten();
    let mut runs: Vec<PathBuf> =
        folders.map(|entry| entry.path()).filter(|path| path.join("manifest.json").exists()).collect();
    runs.sort();
    runs
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn committed_pages_are_what_the_committed_results_give() {
    let copy = tempfile::tempdir().expect("there is a temporary folder");
    for name in ["README.md", "REPORT.md"] {
        fs::copy(root().join(name), copy.path().join(name)).expect("the page is there");
    }
    let evidence = Arc::new(Evidence::load(&runs()).expect("committed results can be read"));
    assert!(evidence.broken.is_empty(), "{:?}", evidence.broken);
    let written = report::write_pages(&evidence, &Arc::new(fit(&evidence)), &copy.path().join("REPORT.md"))
        .expect("they give a report");
    assert!(written.len() > 2, "{written:?}");
    for file in written {
        let name = file.strip_prefix(copy.path()).expect("it lies beside the report");
        let (committed, made) = (text(&root().join(name)), text(&file));
        let mut lines = (1..).zip(committed.lines().zip(made.lines()));
        if let Some((line, (committed, made))) = lines.find(|(_, (committed, made))| committed != made) {
            panic!(
                "{} differs in line {line}: run `pushbench report`\n committed: {committed}\n made:      {made}",
                name.display()
            );
        }
        assert!(committed == made, "{} differs in its length: run `pushbench report`", name.display());
    }
}

#[test]
fn pages_are_short_enough_to_be_read() {
    let docs = fs::read_dir(root().join("docs")).into_iter().flatten().flatten().map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for page in pages.chain([root().join("REPORT.md")]) {
        let text = text(&page);
        let (lines, bytes) = (text.lines().count(), text.len());
        assert!(lines <= 300 && bytes <= 40_960, "{}: {lines} lines, {bytes} B", page.display());
    }
}

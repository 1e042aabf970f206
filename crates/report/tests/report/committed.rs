//! The committed report and its pages are what the committed results give, byte for byte, and are short enough to be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use report::Evidence;
use report::cite::cite;
use report::cost_model::fit;
use report::figure::FigureName;

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
fn anchors_of_citations_are_on_the_committed_pages() {
    let evidence = Evidence::load(&runs()).expect("committed results can be read");
    let mut anchors = BTreeSet::new();
    for point in evidence.points.iter().filter(|point| point.target.is_none()) {
        let name = |metric: &str| FigureName {
            scenario: point.scenario.clone(),
            at: point.at.clone(),
            technique: point.technique.clone(),
            metric: metric.to_owned(),
            to: None,
        };
        for metric in ["capacity", "memory"] {
            let name = name(metric);
            let Ok(figure) = name.find(&evidence) else { continue };
            let cited = cite(&evidence, &name, &figure).text;
            let link = cited.trim_end().rsplit(", ").next().expect("it ends with the link");
            anchors.extend(link.split_once('#').map(|(page, id)| (page.to_owned(), id.to_owned())));
        }
    }
    assert!(!anchors.is_empty(), "some measured scenario has an anchor");
    for (page, id) in anchors {
        assert!(text(&root().join(&page)).contains(&format!("<a id=\"{id}\"></a>")), "{page}#{id}");
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

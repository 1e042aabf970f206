//! The committed report is what the committed results give, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
#[allow(clippy::print_stdout, reason = "a test that has nothing to do says so")]
fn committed_report_is_what_its_results_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = fs::read_to_string(root.join("REPORT.md")).expect("REPORT.md is there");
    let runs = runs_of(&report);
    if runs.is_empty() {
        assert!(
            !has_runs(&root),
            "REPORT.md is made from no run, and results/ has one: `pushbench report results/<run>`"
        );
        println!("nothing to compare: results/ has no run yet");
        return;
    }
    let copy = tempfile::tempdir().expect("there is a temporary folder");
    fs::write(copy.path().join("REPORT.md"), &report).expect("temporary folder is writable");
    let dirs: Vec<PathBuf> = runs.iter().map(|run| copied(&root, copy.path(), run)).collect();
    report::render(&dirs, &copy.path().join("REPORT.md")).expect("committed results can be rendered");
    let remade = fs::read_to_string(copy.path().join("REPORT.md")).expect("report was made");
    assert_same("REPORT.md", &report, &remade);
    for run in runs {
        let (committed, remade) = (charts(&root.join(run)), charts(&copy.path().join(run)));
        assert_eq!(
            committed.keys().collect::<Vec<_>>(),
            remade.keys().collect::<Vec<_>>(),
            "charts of {run}"
        );
        for (name, svg) in committed {
            assert_same(&format!("{run}/charts/{name}"), &svg, &remade[&name]);
        }
    }
}

/// The run folders that a report is made from, by its rows `| run | [name](results/name) |`.
fn runs_of(report: &str) -> Vec<&str> {
    let links = report.lines().filter_map(|line| line.strip_prefix("| run | [")?.split_once("]("));
    links.filter_map(|(_, rest)| rest.split_once(')')).map(|(link, _)| link).collect()
}

fn has_runs(root: &Path) -> bool {
    let folders = fs::read_dir(root.join("results")).into_iter().flatten().flatten();
    folders.into_iter().any(|folder| folder.path().join("manifest.json").exists())
}

/// Without its charts, which are to be made again.
fn copied(root: &Path, copy: &Path, run: &str) -> PathBuf {
    let (from, to) = (root.join(run), copy.join(run));
    assert!(from.join("manifest.json").exists(), "REPORT.md is made from {run}, which is not there");
    copy_folder(&from, &to);
    to
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("temporary folder is writable");
    for entry in fs::read_dir(from).expect("run can be read").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_file() {
            fs::copy(from, to).expect("file can be copied");
        } else if entry.file_name() != "charts" {
            copy_folder(&from, &to);
        }
    }
}

fn charts(run: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(run.join("charts")).expect("run has charts").flatten();
    let named = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()));
    let svgs = named.filter(|(name, _)| name.ends_with(".svg"));
    svgs.map(|(name, path)| (name, fs::read_to_string(path).expect("chart is text"))).collect()
}

/// Both are long, so only the first difference is shown.
fn assert_same(what: &str, committed: &str, remade: &str) {
    let mut lines = (1..).zip(committed.lines().zip(remade.lines()));
    if let Some((line, (committed, remade))) = lines.find(|(_, (committed, remade))| committed != remade) {
        panic!(
            "{what} differs in line {line}: run `pushbench report`\n committed: {committed}\n    remade: {remade}"
        );
    }
    assert!(committed == remade, "{what} differs in its length or its line ends: run `pushbench report`");
}

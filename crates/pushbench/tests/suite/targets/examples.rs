//! The example target files: each is read, and each server that is installed here is checked.

use std::fs;
use std::path::PathBuf;

use test_support::require;

use super::project;
use crate::sandbox::Sandbox;

fn examples() -> Vec<PathBuf> {
    let files = fs::read_dir(project().join("targets/examples")).expect("the examples");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

#[test]
fn every_example_that_is_installed_works() {
    assert!(examples().len() >= 14, "{:?}", examples());
    for file in examples() {
        let sandbox = Sandbox::new();
        let output = sandbox.output(&format!("target check {}", file.display()));
        let missing = output.err.lines().find(|line| line.contains(" is missing; install "));
        if let Some(missing) = missing {
            let text = fs::read_to_string(&file).expect("a target");
            let program = text.split("program = \"").nth(1).and_then(|rest| rest.split('"').next());
            require::<()>(program.expect("an example needs a program"), Err(missing));
            continue;
        }
        output.expect(0, &[]);
        let techniques = output.out.matches("works: 3 of 3 events").count();
        let all = format!("{techniques} of {techniques} techniques work");
        assert!(techniques >= 1 && output.out.contains(&all), "{}: {output:#?}", file.display());
        sandbox.until_no_process_is_left();
    }
}

//! The comparison: `pushbench run` as anybody would call it, in the workspace's folder.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// What `cargo bench` passes by itself, and what both halves understand.
const OURS: [&str; 2] = ["--bench", "--quick"];

/// What both halves may take together, from the start of this program.
const BUDGET: Duration = Duration::from_secs(600);
const QUICK: Duration = Duration::from_secs(90);

/// Becomes the comparison, unless an argument is criterion's own and so asks for the small pieces only, or this is
/// `cargo test --all-targets`, which starts bench targets without `--bench`.
pub(crate) fn run(arguments: &[String], begun: Instant) -> ExitCode {
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("skipped: the comparison; `cargo bench` runs it");
        return ExitCode::SUCCESS;
    }
    if let Some(foreign) = arguments.iter().find(|argument| !OURS.contains(&argument.as_str())) {
        eprintln!(
            "skipped: the comparison, since `{foreign}` is an argument of criterion's; `cargo bench` runs it"
        );
        return ExitCode::SUCCESS;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushbench"));
    command.arg("run").current_dir(workspace());
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let budget = if is_quick { QUICK } else { BUDGET }.saturating_sub(begun.elapsed());
    command.arg(format!("--budget={}s", budget.as_secs().max(30)));
    // In place of this process, so that the end of `cargo bench` ends the comparison and no child is left.
    let error = command.exec();
    eprintln!("error: start the comparison: {error}");
    ExitCode::from(2)
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

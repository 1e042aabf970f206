//! Whether the tools that count are here.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Names what must not be skipped.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// Whether `tool` can be started. Where it cannot, `test` is skipped by name, and fails if it is required.
pub(crate) fn is_here(tool: &str, test: &str) -> bool {
    let tried = Command::new(tool).arg("--version").stdin(Stdio::null()).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var(REQUIRE).is_ok_and(|required| required.split(',').any(|it| it == tool));
    assert!(!required, "{REQUIRE} asks for {tool}, and it cannot be started");
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {tool} is missing; install {tool}");
    false
}

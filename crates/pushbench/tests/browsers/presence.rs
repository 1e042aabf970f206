//! Which browsers are here.

use std::io::Write as _;

use browser::Kind;

/// Names what must not be skipped, separated by commas.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// Whether this browser is here. If not, `test` is skipped by name, and fails if it is required.
pub(crate) fn is_here(kind: Kind, test: &str) -> bool {
    let Err(missing) = browser::find(kind) else { return true };
    let required = std::env::var(REQUIRE).is_ok_and(|names| names.split(',').any(|it| it == kind.name()));
    assert!(!required, "{REQUIRE} asks for {kind}, but {missing}");
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
    false
}

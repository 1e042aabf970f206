//! Which browsers there are.

use std::io::Write as _;

use browser::{Browser, Kind, Scheme};

/// Names what must not be skipped, separated by commas.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// The browser, started. Where it is missing, `test` is skipped by name, and fails if the browser is required.
pub(crate) async fn start(kind: Kind, scheme: Scheme, test: &str) -> Option<Browser> {
    let missing = match browser::find(kind) {
        Ok(found) => return Some(found.start_in(scheme).await.expect("the browser starts")),
        Err(missing) => missing,
    };
    let required = std::env::var(REQUIRE).is_ok_and(|names| names.split(',').any(|it| it == kind.name()));
    assert!(!required, "{REQUIRE} asks for {kind}, but {missing}");
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
    None
}

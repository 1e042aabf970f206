//! Whether network namespaces can be made here.

use std::io::Write as _;

use crate::command::Place;

/// Names what must not be skipped; CI sets it to `namespaces`.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// Whether the kernel lets one be made. Where it does not, `test` is skipped by name, and fails if it is required.
pub(crate) fn can_be_made(place: &Place, test: &str) -> bool {
    let told = place.output(&["observed-trial", "--probe"]);
    if told.code == Some(0) {
        return true;
    }
    let required =
        std::env::var(REQUIRE).is_ok_and(|required| required.split(',').any(|it| it == "namespaces"));
    assert!(!required, "{REQUIRE} asks for network namespaces, and none can be made: {}", told.err);
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: no network namespace can be made here");
    false
}

//! Whether network namespaces can be made here.

use test_support::require;

use crate::sandbox::Place;

/// Whether the kernel lets one be made; otherwise why not.
pub(crate) fn probe(place: &Place) -> Result<(), String> {
    let output = place.output(&["observed-trial", "--probe"]);
    let made = (output.code == Some(0)).then_some(());
    made.ok_or_else(|| format!("no network namespace can be made here: {}", output.err))
}

/// Whether the kernel lets one be made. Otherwise the test is skipped or fails.
pub(crate) fn can_be_made(place: &Place) -> bool {
    require("namespaces", probe(place)).is_some()
}

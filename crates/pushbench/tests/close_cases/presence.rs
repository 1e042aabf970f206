//! Which clients are here.

use std::io::Write as _;

use browser::Kind;
use model::settings::Client;

/// Names what must not be skipped, separated by commas.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// The browsers that are here. For the others `test` is skipped by name, and fails if they are required.
pub(crate) fn browsers(test: &str) -> Vec<Client> {
    let all = [(Kind::Chromium, Client::Chromium), (Kind::Firefox, Client::Firefox)];
    all.into_iter().filter(|(kind, _)| is_here(*kind, test)).map(|(_, client)| client).collect()
}

/// Whether this browser is here; otherwise as for [`browsers`].
pub(crate) fn is_here(kind: Kind, test: &str) -> bool {
    let Err(missing) = browser::find(kind) else { return true };
    let required = std::env::var(REQUIRE).is_ok_and(|names| names.split(',').any(|it| it == kind.name()));
    assert!(!required, "{REQUIRE} asks for {kind}, but {missing}");
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
    false
}

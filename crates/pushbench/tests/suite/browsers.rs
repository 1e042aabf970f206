//! Trials whose subscribers are pages in real browsers, in real processes. They check counts, never times.
//!
//! # Layout
//!
//! - `trials`: every technique in both browsers, with nothing lost
//! - `faults`: missing browsers, pages that never answer, servers that die
//! - `left`: whether a browser leaves something behind

mod faults;
mod left;
mod trials;

use browser::{BrowserKind, InstalledBrowser};
use test_support::require;

/// The browser if it is installed. Otherwise, the test is skipped or fails.
pub(crate) fn installed(kind: BrowserKind) -> Option<InstalledBrowser> {
    require(kind.name(), browser::detect(kind))
}

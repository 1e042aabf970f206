//! Whether network namespaces can be made here.

use test_support::require;

use crate::sandbox::Sandbox;

/// Whether the kernel lets one be made; otherwise why not.
pub(crate) fn probe(sandbox: &Sandbox) -> Result<(), String> {
    let output = sandbox.output("observed-trial --probe");
    let made = (output.code == Some(0)).then_some(());
    made.ok_or_else(|| format!("no network namespace can be made here: {}", output.err))
}

/// Skips or fails the test unless the kernel lets one be made.
pub(crate) fn can_be_made(sandbox: &Sandbox) -> Option<()> {
    require("namespaces", probe(sandbox))
}

//! `pushbench browser-probe`: what browsers do, into a folder.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use model::settings::Client;

use crate::browsers::{client, probe};
use crate::cli::BrowserProbe;
use crate::store::BrowserProbes;

pub(super) fn browser_probe(arguments: &BrowserProbe) -> anyhow::Result<ExitCode> {
    let clients = clients(arguments);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("make the folder {}", arguments.out.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.context("start the browser probe's runtime")?.block_on(probe::probe(&clients));
    BrowserProbes::in_folder(&arguments.out).keep(&result)?;
    for (client, why) in &result.failed {
        // A reader that has gone away is no reason to fail.
        let _ = writeln!(std::io::stderr(), "failed: browser probe of {}: {why}", client::name(*client));
    }
    Ok(if result.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The named clients; by default, all installed ones.
fn clients(arguments: &BrowserProbe) -> Vec<Client> {
    if !arguments.clients.is_empty() {
        return arguments.clients.iter().map(|&client| client.into()).collect();
    }
    let (installed, missing) = probe::installed();
    for why in missing {
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
    installed
}

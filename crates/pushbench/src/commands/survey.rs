//! `pushbench survey`: what browsers do, into a folder.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use schema::settings::Client;

use crate::cli::Survey;
use crate::store::Surveys;
use crate::survey;

pub(super) fn survey(arguments: &Survey) -> anyhow::Result<ExitCode> {
    let clients = clients(arguments);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("make the folder {}", arguments.out.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let surveyed = runtime.context("start the survey's runtime")?.block_on(survey::survey(&clients));
    Surveys::in_folder(&arguments.out).keep(&surveyed)?;
    for (client, why) in &surveyed.failed {
        // A reader that has gone away is no reason to fail.
        let _ = writeln!(std::io::stderr(), "failed: survey of {}: {why}", survey::name(*client));
    }
    Ok(if surveyed.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Those that are asked for; or all that are here, and the others skipped by name.
fn clients(arguments: &Survey) -> Vec<Client> {
    if !arguments.clients.is_empty() {
        return arguments.clients.iter().map(|&client| client.into()).collect();
    }
    let (here, missing) = survey::here();
    for why in missing {
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
    here
}

//! What one browser does.
//!
//! # Layout
//!
//! - [`clock`]: how fine it is, and how well it is known beside the server's
//! - [`connections`]: how many it opens at once
//! - [`timers`]: what becomes of them in the background
//! - [`heads`]: what it says about itself

mod clock;
mod connections;
mod heads;
mod timers;

use anyhow::Context as _;
use browser::Browser;
use model::SCHEMA_VERSION;
use model::browser::BrowserFindings;
use model::settings::Client;

/// Finds out all of it.
///
/// # Errors
///
/// When the browser does not do what it is told.
pub(super) async fn of(client: Client, browser: &mut Browser) -> anyhow::Result<BrowserFindings> {
    let watch = timers::Watch::begin(browser).await.context("start a timer")?;
    let clock = clock::of(browser).await.context("read its clock")?;
    let connections = connections::of(browser).await.context("count its connections")?;
    let heads = heads::of(browser).await.context("look at its requests")?;
    let timers = watch.end(browser).await.context("watch its timers")?;
    let agent = browser.call("return navigator.userAgent;", Vec::new()).await?;
    Ok(BrowserFindings {
        schema_version: SCHEMA_VERSION,
        client,
        version: browser.version().to_owned(),
        user_agent: agent.as_str().unwrap_or_default().to_owned(),
        clock,
        connections,
        timers,
        heads,
    })
}

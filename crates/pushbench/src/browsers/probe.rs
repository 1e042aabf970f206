//! The browser probe: how WebSockets end in each client, and a browser's clock, limits, timers and request heads.

mod case_server;
mod cases;
mod close_cases;
mod findings;
mod recording_server;

use std::time::Duration;

use anyhow::Context as _;
use browser::{Browser, Certificates, InstalledBrowser, MissingBrowser, Preferences};
use model::SCHEMA_VERSION;
use model::browser::BrowserFindings;
use model::close_case::CloseCases;
use model::settings::Client;
use tokio::time::timeout;

use super::client::{CLIENTS, browser_of};
use close_cases::OrderedCase;

/// The limit for a browser; three clients stay under a minute and a half.
const LIMIT: Duration = Duration::from_secs(90);
const NATIVE_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct ProbeResult {
    /// Of the clients that completed it.
    pub(crate) close_cases: CloseCases,
    /// One for each browser that completed it.
    pub(crate) findings: Vec<BrowserFindings>,
    /// The clients that failed, and why.
    pub(crate) failed: Vec<(Client, String)>,
}

/// Probes these clients, one after another. The failure of one stops no other.
pub(crate) async fn probe(clients: &[Client]) -> ProbeResult {
    let (mut cases, mut findings, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut completed = Vec::new();
    for &client in clients {
        match probe_one(client).await {
            Ok((seen, found)) => {
                completed.push(client);
                cases.extend(seen);
                findings.extend(found);
            }
            Err(error) => failed.push((client, format!("{error:#}"))),
        }
    }
    let close_cases = CloseCases {
        schema_version: SCHEMA_VERSION,
        clients: completed,
        close_cases: close_cases::in_order(cases),
    };
    ProbeResult { close_cases, findings, failed }
}

/// The installed clients, and the missing browsers.
pub(crate) fn installed() -> (Vec<Client>, Vec<MissingBrowser>) {
    let (mut installed, mut missing) = (Vec::new(), Vec::new());
    for client in CLIENTS {
        match browser_of(client).map(browser::detect).transpose() {
            Ok(_) => installed.push(client),
            Err(browser) => missing.push(browser),
        }
    }
    (installed, missing)
}

async fn probe_one(client: Client) -> anyhow::Result<(Vec<OrderedCase>, Option<BrowserFindings>)> {
    let Some(kind) = browser_of(client) else {
        let cases = timeout(NATIVE_LIMIT, close_cases::native()).await;
        return Ok((cases.context("the native client did not finish")??, None));
    };
    let installed = browser::detect(kind)?;
    timeout(LIMIT, probe_browser(client, &installed)).await.context("the browser did not finish")?
}

async fn probe_browser(
    client: Client,
    installed: &InstalledBrowser,
) -> anyhow::Result<(Vec<OrderedCase>, Option<BrowserFindings>)> {
    let mut browser = installed.start().await.context("start the browser")?;
    let findings = findings(client, &mut browser).await.context("find out what it does")?;
    let mut cases = close_cases::in_pages(client, &mut browser, Certificates::Any)
        .await
        .context("observe how WebSockets end in it")?;
    browser.quit().await.context("end the browser")?;
    let strict = installed
        .start_with(Preferences { certificates: Certificates::Trusted, ..Preferences::default() })
        .await;
    let mut strict = strict.context("start it with certificate checks")?;
    cases.extend(
        close_cases::in_pages(client, &mut strict, Certificates::Trusted)
            .await
            .context("show it a certificate")?,
    );
    strict.quit().await.context("end the browser")?;
    Ok((cases, Some(findings)))
}

async fn findings(client: Client, browser: &mut Browser) -> anyhow::Result<BrowserFindings> {
    let hidden_page = findings::HiddenPage::open(browser).await.context("start a timer")?;
    let clock = findings::clock(browser).await.context("read its clock")?;
    let connections = findings::connections(browser).await.context("count its connections")?;
    let heads = findings::heads(browser).await.context("read its request heads")?;
    let timers = hidden_page.timers(browser).await.context("observe its timers")?;
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

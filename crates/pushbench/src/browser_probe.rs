//! What browsers do, found out beside the trials of a run: what each client sees when a WebSocket ends, by the way it
//! ended; a browser's clock, its limits, its timers, and the heads of its requests.
//!
//! # Layout
//!
//! - [`close_cases`]: every close code, by situation and client
//! - [`findings`]: one browser
//! - [`witness`]: an HTTP server that writes down what arrives
//! - [`task`]: a server in the hands of the browser probe

mod close_cases;
mod findings;
mod task;
mod witness;

use std::time::Duration;

use anyhow::Context as _;
use browser::BrowserKind;
use model::SCHEMA_VERSION;
use model::browser::BrowserFindings;
use model::close_case::CloseCases;
use model::settings::Client;
use tokio::time::timeout;

use close_cases::Seen;

/// A client's part may take so long; three clients stay under a minute and a half.
const LIMIT: Duration = Duration::from_secs(90);
const NATIVE_LIMIT: Duration = Duration::from_secs(10);

/// What came out of a browser probe.
#[derive(Debug)]
pub(crate) struct BrowserProbeed {
    /// Of the clients that took part to the end.
    pub(crate) close_cases: CloseCases,
    /// One for each browser that did.
    pub(crate) findings: Vec<BrowserFindings>,
    /// The clients that did not, and why.
    pub(crate) failed: Vec<(Client, String)>,
}

/// Asks these clients, one after another. What goes wrong with one of them is told in its place, and stops no other.
pub(crate) async fn browser_probe(clients: &[Client]) -> BrowserProbeed {
    let (mut seen, mut findings, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut there = Vec::new();
    for &client in clients {
        match of(client).await {
            Ok((close_cases, found)) => {
                there.push(client);
                seen.extend(close_cases);
                findings.extend(found);
            }
            Err(error) => failed.push((client, format!("{error:#}"))),
        }
    }
    let close_cases = CloseCases {
        schema_version: SCHEMA_VERSION,
        clients: there,
        close_cases: close_cases::in_order(seen),
    };
    BrowserProbeed { close_cases, findings, failed }
}

const ALL: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// The clients that can be asked here, and why the others cannot.
pub(crate) fn here() -> (Vec<Client>, Vec<browser::MissingBrowser>) {
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for client in ALL {
        match kind(client).map(browser::detect).transpose() {
            Ok(_) => here.push(client),
            Err(why) => missing.push(why),
        }
    }
    (here, missing)
}

/// A client's name in file names and messages.
pub(crate) fn name(client: Client) -> &'static str {
    kind(client).map_or("native", BrowserKind::name)
}

/// Which browser it is, if it is one.
fn kind(client: Client) -> Option<BrowserKind> {
    match client {
        Client::Native => None,
        Client::Chromium => Some(BrowserKind::Chromium),
        Client::Firefox => Some(BrowserKind::Firefox),
    }
}

async fn of(client: Client) -> anyhow::Result<(Vec<Seen>, Option<BrowserFindings>)> {
    let Some(kind) = kind(client) else {
        let seen = timeout(NATIVE_LIMIT, close_cases::native()).await;
        return Ok((seen.context("the native client came to no end")??, None));
    };
    let found = browser::detect(kind)?;
    timeout(LIMIT, of_browser(client, &found)).await.context("the browser came to no end")?
}

async fn of_browser(
    client: Client,
    found: &browser::InstalledBrowser,
) -> anyhow::Result<(Vec<Seen>, Option<BrowserFindings>)> {
    let mut browser = found.start().await.context("start the browser")?;
    let findings = findings::of(client, &mut browser).await.context("find out what it does")?;
    let mut seen =
        close_cases::in_pages(client, &mut browser).await.context("see how WebSockets end in it")?;
    browser.quit().await.context("end the browser")?;
    let mut strict =
        found.start_with(close_cases::STRICT).await.context("start it with certificates looked at")?;
    seen.extend(close_cases::of_certificates(client, &mut strict).await.context("show it a certificate")?);
    strict.quit().await.context("end the browser")?;
    Ok((seen, Some(findings)))
}

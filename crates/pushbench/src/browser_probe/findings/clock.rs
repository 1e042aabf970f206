//! `performance.now()`: its resolution, isolated and not, and how well its offset to `CLOCK_MONOTONIC` can be told.

use anyhow::Context as _;
use browser::Browser;
use model::browser::BrowserClock;
use serde::Deserialize;
use serde_json::json;

use crate::browser_probe::witness::Witness;

/// How often the server is asked for its time.
const EXCHANGES: u32 = 100;

const RESOLUTION: &str = "
let smallest = Infinity;
let last = performance.now();
for (let steps = 0; steps < 200; ) {
    const now = performance.now();
    if (now > last) {
        smallest = Math.min(smallest, now - last);
        last = now;
        steps += 1;
    }
}
return { smallest_ms: smallest, isolated: window.crossOriginIsolated };
";
const QUICKEST: &str = "
let quickest = Infinity;
for (let i = 0; i < arguments[0]; i += 1) {
    const asked = performance.now();
    const answer = await fetch('/clock', { cache: 'no-store' });
    quickest = Math.min(quickest, performance.now() - asked);
    await answer.text();
}
return quickest;
";

#[derive(Deserialize)]
struct Resolution {
    smallest_ms: f64,
    isolated: bool,
}

pub(super) async fn of(browser: &mut Browser) -> anyhow::Result<BrowserClock> {
    let witness = Witness::start().await?;
    let plain_resolution_ns = resolution(browser, &witness, "/").await?;
    let isolated_resolution_ns = resolution(browser, &witness, "/isolated").await?;
    let quickest_ms = browser.call(QUICKEST, vec![json!(EXCHANGES)]).await?;
    let quickest_ns = ns(quickest_ms.as_f64().context("read how long an exchange took")?);
    // The server's reading lies between the page's two, each of which is up to a step behind.
    let offset_bound_ns = quickest_ns / 2 + isolated_resolution_ns;
    Ok(BrowserClock { isolated_resolution_ns, plain_resolution_ns, offset_bound_ns })
}

async fn resolution(browser: &mut Browser, witness: &Witness, path: &str) -> anyhow::Result<u64> {
    browser.open(&witness.url(path)).await?;
    let found = browser.call(RESOLUTION, Vec::new()).await?;
    let found: Resolution = serde_json::from_value(found).context("read the clock's steps")?;
    anyhow::ensure!(found.isolated == (path == "/isolated"), "{path} is not as isolated as it should be");
    Ok(ns(found.smallest_ms))
}

fn ns(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}

//! The calls to the page, one per phase of the trial, each bounded in time.

use std::time::Duration;

use browser::Browser;
use loadgen::assignment::Assignment;
use loadgen::schedule::Timing;
use model::trial::TrialSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::page_clock::{ClockReport, PageClock};
use super::page_error::PageError;
use super::page_request::{ConnectRequest, RunRequest};
use super::page_result::SubscriberResult;

/// How often the page reads the server's clock before the first subscriber connects, and again at the end.
const EXCHANGES: [u32; 2] = [300, 100];
/// The most time for that: on a slow machine, more exchanges would not narrow the bound in any useful time.
const BUDGET_MS: u32 = 3_000;
const CLOCK_LIMIT: Duration = Duration::from_secs(20);
/// How long the page may take to connect; the trial's own limit is a little longer.
const CONNECT_LIMIT: Duration = Duration::from_secs(28);
/// A busy page ends its phases a little late.
const MARGIN: Duration = Duration::from_secs(5);
const FINISH_LIMIT: Duration = Duration::from_secs(10);

/// An open page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: Browser,
}

impl Page {
    /// Starts the browser, and opens the page that the trial's server serves.
    pub(crate) async fn open(kind: browser::BrowserKind, spec: &TrialSpec) -> Result<Self, PageError> {
        let mut browser = browser::detect(kind)?.start().await?;
        let scheme = if spec.settings.transport.tls { "https" } else { "http" };
        browser.open(&format!("{scheme}://{}/", spec.server.address)).await?;
        Ok(Self { browser })
    }

    /// Compares the clocks before the trial.
    pub(crate) async fn clock(&mut self) -> Result<PageClock, PageError> {
        self.compare_clocks(EXCHANGES[0]).await
    }

    /// Connects all subscribers, and returns how long each took, in ms.
    pub(crate) async fn connect(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
    ) -> Result<Vec<f64>, PageError> {
        let limit_ms = u64::try_from(CONNECT_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let request = ConnectRequest::new(spec, assignment, limit_ms);
        self.ask("return await bench.connect(arguments[0])", CONNECT_LIMIT + MARGIN, &request).await
    }

    /// Runs the phases, and returns how many events of the window arrived, once all have or the drain ends.
    pub(crate) async fn run(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
        timing: Timing,
        clock: &PageClock,
    ) -> Result<u64, PageError> {
        let request = RunRequest::new(spec, assignment, timing, clock)?;
        let left_ns = timing.drain_end_ns.saturating_sub(os::now_ns());
        let limit = Duration::from_nanos(left_ns) + MARGIN;
        self.ask("return await bench.run(arguments[0])", limit, &request).await
    }

    /// Ends all subscribers, returns their results, and compares the clocks again.
    pub(crate) async fn finish(&mut self) -> Result<(Vec<SubscriberResult>, PageClock), PageError> {
        let results = self.ask("return bench.finish()", FINISH_LIMIT, &json!(null)).await?;
        Ok((results, self.compare_clocks(EXCHANGES[1]).await?))
    }

    /// Ends the browser.
    pub(crate) async fn close(self) -> Result<(), PageError> {
        Ok(self.browser.quit().await?)
    }

    async fn compare_clocks(&mut self, exchanges: u32) -> Result<PageClock, PageError> {
        let request = json!({ "exchanges": exchanges, "budget_ms": BUDGET_MS });
        let report: ClockReport =
            self.ask("return await bench.clock(arguments[0])", CLOCK_LIMIT, &request).await?;
        PageClock::new(&report)
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        script: &str,
        limit: Duration,
        request: &impl Serialize,
    ) -> Result<T, PageError> {
        let answer = self.browser.call_within(limit, script, vec![json!(request)]).await?;
        Ok(serde_json::from_value(answer)?)
    }
}

//! What is said to the page, step by step. Each step is bounded in time.

use std::time::Duration;

use browser::Browser;
use loadgen::assignment::Assignment;
use loadgen::timing::Timing;
use model::trial::TrialSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::clock::Clock;
use super::error::PagesError;
use super::found::Subscriber;
use super::told::{Connect, Run};

/// How often the server is asked for its time before the first subscriber connects, and again at the end.
const EXCHANGES: [u32; 2] = [300, 100];
/// For so many ms at most: where everything is slow, more exchanges would make the bound no narrower in any useful time.
const BUDGET_MS: u32 = 3_000;
const CLOCK_LIMIT: Duration = Duration::from_secs(20);
/// What the page gets to connect; the trial gives up soon after.
const CONNECT_LIMIT: Duration = Duration::from_secs(28);
/// A page that is busy ends its phases a little late.
const MARGIN: Duration = Duration::from_secs(5);
const FINISH_LIMIT: Duration = Duration::from_secs(10);

/// An open page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: Browser,
}

impl Page {
    /// Starts the browser of this kind, and opens the page that the trial's server serves.
    pub(crate) async fn open(kind: browser::BrowserKind, spec: &TrialSpec) -> Result<Self, PagesError> {
        let mut browser = browser::detect(kind)?.start().await?;
        let scheme = if spec.settings.transport.tls { "https" } else { "http" };
        browser.open(&format!("{scheme}://{}/", spec.server.address)).await?;
        Ok(Self { browser })
    }

    /// How its clock stands before the trial.
    pub(crate) async fn clock(&mut self) -> Result<Clock, PagesError> {
        self.clock_by(EXCHANGES[0]).await
    }

    /// Subscribes all; how long each took, in ms.
    pub(crate) async fn connect(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
    ) -> Result<Vec<f64>, PagesError> {
        let limit_ms = u64::try_from(CONNECT_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let told = Connect::new(spec, assignment, limit_ms);
        self.ask("return await bench.connect(arguments[0])", CONNECT_LIMIT + MARGIN, &told).await
    }

    /// Goes through the phases; how many events of the window have come. It returns when all have, or the drain ends.
    pub(crate) async fn run(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
        timing: Timing,
        clock: &Clock,
    ) -> Result<u64, PagesError> {
        let told = Run::new(spec, assignment, timing, clock)?;
        let left_ns = timing.drain_end_ns.saturating_sub(loadgen::os::now_ns());
        let limit = Duration::from_nanos(left_ns) + MARGIN;
        self.ask("return await bench.run(arguments[0])", limit, &told).await
    }

    /// Ends all subscribers; what they found, and how the clock stands now.
    pub(crate) async fn finish(&mut self) -> Result<(Vec<Subscriber>, Clock), PagesError> {
        let found = self.ask("return bench.finish()", FINISH_LIMIT, &json!(null)).await?;
        Ok((found, self.clock_by(EXCHANGES[1]).await?))
    }

    /// Ends the browser.
    pub(crate) async fn close(self) -> Result<(), PagesError> {
        Ok(self.browser.quit().await?)
    }

    async fn clock_by(&mut self, exchanges: u32) -> Result<Clock, PagesError> {
        let told = json!({ "exchanges": exchanges, "budget_ms": BUDGET_MS });
        Clock::of(&self.ask("return await bench.clock(arguments[0])", CLOCK_LIMIT, &told).await?)
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        script: &str,
        limit: Duration,
        told: &impl Serialize,
    ) -> Result<T, PagesError> {
        let answer = self.browser.call_within(limit, script, vec![json!(told)]).await?;
        Ok(serde_json::from_value(answer)?)
    }
}

//! `setInterval()` in the foreground and behind another tab, in which the rest of the probe runs meanwhile.

use std::time::Duration;

use anyhow::Context as _;
use browser::{Browser, Tab};
use model::browser::TimerFinding;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::recording_server::RecordingServer;

const INTERVAL_MS: u32 = 100;
const FOREGROUND: Duration = Duration::from_secs(2);
/// Chromium begins to throttle a page's timers ten seconds after it was hidden.
const SETTLED: Duration = Duration::from_secs(11);
/// In the background, an interval may be a second.
const BACKGROUND: Duration = Duration::from_secs(6);

const START: &str = "
window.ticks = [];
setInterval(() => window.ticks.push([performance.now(), document.visibilityState === 'visible']), arguments[0]);
";
/// Returns the ticks since the last call, each with whether the page was in the foreground.
const TAKE: &str = "return window.ticks.splice(0);";

/// The time in ms, and whether the page was in the foreground.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Tick(f64, bool);

/// A page with a timer, behind another tab.
pub(super) struct HiddenPage {
    page: Tab,
    hidden_since: Instant,
    /// Serves the page.
    _server: RecordingServer,
}

impl HiddenPage {
    /// Opens the page, and then a tab in front of it, which receives the commands from now on.
    pub(super) async fn open(browser: &mut Browser) -> anyhow::Result<Self> {
        let server = RecordingServer::start().await?;
        browser.open(&server.url("/")).await?;
        let page = browser.tab().await?;
        browser.call(START, vec![json!(INTERVAL_MS)]).await?;
        tokio::time::sleep(FOREGROUND).await;
        let other = browser.new_tab().await?;
        browser.focus(&other).await?;
        Ok(Self { page, hidden_since: Instant::now(), _server: server })
    }

    /// Returns to the page after it has been hidden for long enough, and reads its timer.
    pub(super) async fn timers(self, browser: &mut Browser) -> anyhow::Result<Vec<TimerFinding>> {
        tokio::time::sleep_until(self.hidden_since + SETTLED + BACKGROUND).await;
        browser.focus(&self.page).await?;
        let ticks = browser.call(TAKE, Vec::new()).await?;
        let ticks: Vec<Tick> = serde_json::from_value(ticks).context("read the timer's ticks")?;
        Ok([true, false].into_iter().filter_map(|foreground| finding(&ticks, foreground)).collect())
    }
}

/// None if the page was not there for long enough.
fn finding(ticks: &[Tick], foreground: bool) -> Option<TimerFinding> {
    let hidden_at = ticks.iter().find(|tick| !tick.1).map_or(f64::INFINITY, |tick| tick.0);
    let start = if foreground { 0.0 } else { hidden_at + SETTLED.as_secs_f64() * 1e3 };
    let is_inside = |tick: &Tick| tick.1 == foreground && tick.0 >= start;
    let pairs = ticks.windows(2).filter(|pair| pair.iter().all(is_inside));
    let mut intervals: Vec<u64> = pairs.map(|pair| ((pair[1].0 - pair[0].0) * 1e6) as u64).collect();
    intervals.sort_unstable();
    let median_ns = *intervals.get(intervals.len() / 2)?;
    let asked_ns = u64::from(INTERVAL_MS) * 1_000_000;
    Some(TimerFinding { foreground, asked_ns, median_ns, count: intervals.len() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(ticks: &[(f64, bool)]) -> Vec<Tick> {
        ticks.iter().map(|&(ms, foreground)| Tick(ms, foreground)).collect()
    }

    #[test]
    fn an_interval_counts_where_both_of_its_ends_are() {
        let ticks =
            ticks(&[(0.0, true), (100.0, true), (1_000.0, false), (12_000.0, false), (13_000.0, false)]);
        let found = |foreground| finding(&ticks, foreground).map(|found| (found.median_ns, found.count));
        assert_eq!(found(true), Some((100_000_000, 1)));
        assert_eq!(found(false), Some((1_000_000_000, 1)));
        assert_eq!(finding(&ticks[..1], false), None);
    }

    #[test]
    fn ticks_before_a_browser_begins_to_throttle_are_left_out() {
        let ticks =
            ticks(&[(0.0, false), (100.0, false), (10_900.0, false), (11_900.0, false), (12_900.0, false)]);
        assert_eq!(
            finding(&ticks, false).map(|found| (found.median_ns, found.count)),
            Some((1_000_000_000, 1))
        );
    }
}

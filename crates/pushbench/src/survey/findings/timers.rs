//! `setInterval()` in the foreground, and behind another tab.

use std::time::Duration;

use anyhow::Context as _;
use browser::Browser;
use schema::browser::TimerFinding;
use serde::Deserialize;
use serde_json::json;

use crate::survey::witness::Witness;

const ASKED_MS: u32 = 100;
const IN_FRONT: Duration = Duration::from_secs(2);
/// Behind, an interval may be a second.
const BEHIND: Duration = Duration::from_secs(6);

const START: &str = "
window.ticks = [];
setInterval(() => window.ticks.push([performance.now(), document.visibilityState === 'visible']), arguments[0]);
";
/// Hands back the ticks since the last time, each with whether the page was in the foreground.
const TAKE: &str = "return window.ticks.splice(0);";

/// When, in ms, and whether the page was in the foreground.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Tick(f64, bool);

pub(super) async fn of(browser: &mut Browser) -> anyhow::Result<Vec<TimerFinding>> {
    let witness = Witness::start().await?;
    browser.open(&witness.url("/plain")).await?;
    let first = browser.tab().await?;
    browser.call(START, vec![json!(ASKED_MS)]).await?;
    tokio::time::sleep(IN_FRONT).await;
    let second = browser.new_tab().await?;
    browser.focus(&second).await?;
    tokio::time::sleep(BEHIND).await;
    browser.focus(&first).await?;
    let ticks = browser.call(TAKE, Vec::new()).await?;
    let ticks: Vec<Tick> = serde_json::from_value(ticks).context("read the timer's ticks")?;
    Ok([true, false].into_iter().filter_map(|foreground| finding(&ticks, foreground)).collect())
}

/// None when the page was never there, or hardly.
fn finding(ticks: &[Tick], foreground: bool) -> Option<TimerFinding> {
    let both = |pair: &[Tick]| pair.iter().all(|tick| tick.1 == foreground);
    let pairs = ticks.windows(2).filter(|pair| both(pair));
    let mut intervals: Vec<u64> = pairs.map(|pair| ((pair[1].0 - pair[0].0) * 1e6) as u64).collect();
    intervals.sort_unstable();
    let median_ns = *intervals.get(intervals.len() / 2)?;
    let asked_ns = u64::from(ASKED_MS) * 1_000_000;
    Some(TimerFinding { foreground, asked_ns, median_ns, count: intervals.len() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_belongs_to_the_side_on_which_both_of_its_ends_are() {
        let ticks = [(0.0, true), (100.0, true), (1100.0, false), (2100.0, false), (3100.0, false)];
        let ticks = ticks.map(|(ms, foreground)| Tick(ms, foreground));
        let found = |foreground| finding(&ticks, foreground).map(|found| (found.median_ns, found.count));
        assert_eq!(found(true), Some((100_000_000, 1)));
        assert_eq!(found(false), Some((1_000_000_000, 2)));
        assert_eq!(finding(&ticks[..1], false), None);
    }
}

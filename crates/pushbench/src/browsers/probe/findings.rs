//! What one browser does: its clock, how many connections it opens at once, the heads of its requests, and `setInterval()` in the
//! foreground and behind another tab, in which the rest of the probe runs meanwhile.

use std::time::Duration;

use anyhow::Context as _;
use browser::{Browser, Tab};
use model::browser::{BrowserClock, OpenedAtOnce, SeenHead, TimerFinding};
use model::trial::ClientClock;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::recording_server::{RecordedHead, RecordingServer};
use crate::browsers::page_clock::{PageClock, clock_call};

/// How often the page reads the server's clock.
const EXCHANGES: u32 = 100;
/// More connections than any browser opens for `fetch()`.
const CONNECTIONS: u32 = 20;
/// After this time, every connection that opens at once is open.
const OPENED_AFTER: Duration = Duration::from_secs(1);
/// How long a request may take to arrive, and how often the server's record is read meanwhile.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// The technique, and a script that opens the n-th connection, by a path of its own: equal ones may be queued.
const OPENERS: [(&str, &str); 3] = [
    ("long-polling", "fetch(`/hold/${n}`, { cache: 'no-store' }).catch(() => {})"),
    ("http-streaming-sse", "new EventSource(`/events/${n}`)"),
    ("websocket", "new WebSocket(`ws://${location.host}/ws/${n}`)"),
];

/// The kind of request, the start of its first line, and a script that sends it.
const REQUESTS: [(&str, &str, &str); 7] = [
    ("fetch", "GET /clock", "await (await fetch('/clock')).text();"),
    ("fetch-stream", "GET /events/read", "(await fetch('/events/read')).body.getReader().read();"),
    ("event-source", "GET /events/source", "window.source = new EventSource('/events/source');"),
    ("websocket", "GET /ws", "window.socket = new WebSocket(`ws://${location.host}/ws`);"),
    (
        "post",
        "POST /messages",
        "await fetch('/messages', { method: 'POST', body: '[]', headers: { 'content-type': 'application/json' } });",
    ),
    ("engine-io-poll", "GET /socket.io/", "window.client = window.io({ transports: ['polling'] });"),
    ("engine-io-post", "POST /socket.io/", ""),
];

/// `performance.now()`: its resolution, isolated and not, and the bound of its offset to `CLOCK_MONOTONIC`.
pub(super) async fn clock(browser: &mut Browser) -> anyhow::Result<BrowserClock> {
    let server = RecordingServer::start().await?;
    let plain = clock_of(browser, &server.url("/")).await?;
    let isolated = clock_of(browser, &server.url("/isolated")).await?;
    anyhow::ensure!((plain.isolated, isolated.isolated) == (false, true), "a page has the wrong isolation");
    Ok(BrowserClock {
        isolated_resolution_ns: isolated.resolution_ns,
        plain_resolution_ns: plain.resolution_ns,
        offset_bound_ns: isolated.offset_bound_ns,
    })
}

async fn clock_of(browser: &mut Browser, page: &str) -> anyhow::Result<ClientClock> {
    browser.open(page).await?;
    let (script, request) = clock_call(EXCHANGES);
    let report = browser.call(script, vec![request]).await?;
    let report = serde_json::from_value(report).context("read the page's report of its clock")?;
    Ok(PageClock::new(&report).context("the page read no clock")?.described())
}

/// How many exchanges a page has open at the same time to one origin over HTTP/1.1.
pub(super) async fn connections(browser: &mut Browser) -> anyhow::Result<Vec<OpenedAtOnce>> {
    let mut connections = Vec::new();
    for (technique, open) in OPENERS {
        // A new origin, to which nothing is open yet.
        let server = RecordingServer::start().await?;
        browser.open(&server.url("/")).await?;
        let script = format!(
            "window.opened = []; for (let n = 0; n < arguments[0]; n += 1) window.opened.push({open});"
        );
        browser.call(&script, vec![json!(CONNECTIONS)]).await?;
        sleep(OPENED_AFTER).await;
        let opened = server.held();
        connections.push(OpenedAtOnce { technique: technique.to_owned(), asked: CONNECTIONS, opened });
    }
    Ok(connections)
}

/// The head of each kind of request, as it arrives.
pub(super) async fn heads(browser: &mut Browser) -> anyhow::Result<Vec<SeenHead>> {
    let server = RecordingServer::start().await?;
    browser.open(&server.url("/")).await?;
    let mut heads = Vec::new();
    for (kind, start, script) in REQUESTS {
        browser.call(script, Vec::new()).await.with_context(|| format!("send a request by {kind}"))?;
        let arrives = async {
            loop {
                match server.head(start) {
                    Some(head) => return head,
                    None => sleep(PAUSE).await,
                }
            }
        };
        let head = timeout(REQUEST_LIMIT, arrives).await;
        let RecordedHead { line, fields } = head.with_context(|| format!("no request arrived by {kind}"))?;
        heads.push(SeenHead { kind: kind.to_owned(), request_line: line, fields });
    }
    Ok(heads)
}

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
        sleep(FOREGROUND).await;
        let other = browser.new_tab().await?;
        browser.focus(&other).await?;
        Ok(Self { page, hidden_since: Instant::now(), _server: server })
    }

    /// Returns to the page after it has been hidden for long enough, and reads its timer.
    pub(super) async fn timers(self, browser: &mut Browser) -> anyhow::Result<Vec<TimerFinding>> {
        sleep_until(self.hidden_since + SETTLED + BACKGROUND).await;
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

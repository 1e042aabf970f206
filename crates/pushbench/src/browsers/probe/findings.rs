//! What one browser does: its clock, how many connections it opens at once, and the heads of its requests.

use std::time::Duration;

use anyhow::Context as _;
use browser::Browser;
use model::browser::{BrowserClock, OpenedAtOnce, SeenHead};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::recording_server::{RecordedHead, RecordingServer};

/// How often the page reads the server's clock.
const EXCHANGES: u32 = 100;
/// More connections than any browser opens for `fetch()`.
const CONNECTIONS: u32 = 20;
/// After this time, every connection that opens at once is open.
const OPENED_AFTER: Duration = Duration::from_secs(1);
/// How long a request may take to arrive, and how often the server's record is read meanwhile.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

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
const SHORTEST_EXCHANGE: &str = "
let shortest = Infinity;
for (let i = 0; i < arguments[0]; i += 1) {
    const sent = performance.now();
    const response = await fetch('/clock', { cache: 'no-store' });
    shortest = Math.min(shortest, performance.now() - sent);
    await response.text();
}
return shortest;
";

/// The technique, and a script that opens the n-th connection. Each has its own path: a browser may queue requests for the
/// same one.
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
    ("engine-io-poll", "GET /socket.io/", SOCKET_IO),
    ("engine-io-post", "POST /socket.io/", ""),
];

const SOCKET_IO: &str = "
const script = document.createElement('script');
script.src = '/client.js';
await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
});
window.client = window.io({ transports: ['polling'] });
";

#[derive(Deserialize)]
struct Resolution {
    smallest_ms: f64,
    isolated: bool,
}

/// `performance.now()`: its resolution, isolated and not, and the bound of its offset to `CLOCK_MONOTONIC`.
pub(super) async fn clock(browser: &mut Browser) -> anyhow::Result<BrowserClock> {
    let server = RecordingServer::start().await?;
    let plain_resolution_ns = resolution(browser, &server, "/").await?;
    let isolated_resolution_ns = resolution(browser, &server, "/isolated").await?;
    let shortest_ms = browser.call(SHORTEST_EXCHANGE, vec![json!(EXCHANGES)]).await?;
    let shortest_ns = ns(shortest_ms.as_f64().context("read how long an exchange took")?);
    // The server's reading lies between the page's two, each of which is up to a step late.
    let offset_bound_ns = shortest_ns / 2 + isolated_resolution_ns;
    Ok(BrowserClock { isolated_resolution_ns, plain_resolution_ns, offset_bound_ns })
}

async fn resolution(browser: &mut Browser, server: &RecordingServer, path: &str) -> anyhow::Result<u64> {
    browser.open(&server.url(path)).await?;
    let resolution = browser.call(RESOLUTION, Vec::new()).await?;
    let resolution: Resolution = serde_json::from_value(resolution).context("read the clock's steps")?;
    anyhow::ensure!(resolution.isolated == (path == "/isolated"), "{path} has the wrong isolation");
    Ok(ns(resolution.smallest_ms))
}

fn ns(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
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

//! The head of each kind of request, as it arrives.

use std::time::Duration;

use anyhow::Context as _;
use browser::Browser;
use model::browser::SeenHead;

use crate::browser_probe::witness::{Head, Witness};

/// Until then every request must have come.
const LONGEST: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// What asks, how its request begins, and what makes it.
const KINDS: [(&str, &str, &str); 7] = [
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

pub(super) async fn of(browser: &mut Browser) -> anyhow::Result<Vec<SeenHead>> {
    let witness = Witness::start().await?;
    browser.open(&witness.url("/")).await?;
    let mut heads = Vec::new();
    for (kind, begin, script) in KINDS {
        browser.call(script, Vec::new()).await.with_context(|| format!("ask by {kind}"))?;
        let head = arrived(&witness, begin).await.with_context(|| format!("no request came by {kind}"))?;
        let Head { line: request_line, fields } = head;
        heads.push(SeenHead { kind: kind.to_owned(), request_line, fields });
    }
    Ok(heads)
}

async fn arrived(witness: &Witness, begin: &str) -> Option<Head> {
    let arrives = async {
        loop {
            match witness.head(begin) {
                Some(head) => return head,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(LONGEST, arrives).await.ok()
}

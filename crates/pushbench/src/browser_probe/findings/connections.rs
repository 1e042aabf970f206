//! How many exchanges a page has open at the same time to one origin over HTTP/1.1.

use std::time::Duration;

use browser::Browser;
use model::browser::OpenedAtOnce;
use serde_json::json;

use crate::browser_probe::witness::Witness;

/// More than any browser opens for `fetch()`.
const ASKED: u32 = 20;
/// Until then whatever opens at once is open.
const WHILE: Duration = Duration::from_secs(1);

/// The technique, and what opens the n-th of it. Each has a path of its own: a browser may keep requests for the same
/// one in line.
const KINDS: [(&str, &str); 3] = [
    ("long-polling", "fetch(`/hold/${n}`, { cache: 'no-store' }).catch(() => {})"),
    ("http-streaming-sse", "new EventSource(`/events/${n}`)"),
    ("websocket", "new WebSocket(`ws://${location.host}/ws/${n}`)"),
];

pub(super) async fn of(browser: &mut Browser) -> anyhow::Result<Vec<OpenedAtOnce>> {
    let mut found = Vec::new();
    for (technique, open) in KINDS {
        // An origin of its own, so that nothing is open to it yet.
        let witness = Witness::start().await?;
        browser.open(&witness.url("/")).await?;
        let script = format!(
            "window.opened = []; for (let n = 0; n < arguments[0]; n += 1) window.opened.push({open});"
        );
        browser.call(&script, vec![json!(ASKED)]).await?;
        tokio::time::sleep(WHILE).await;
        let opened = witness.held();
        found.push(OpenedAtOnce { technique: technique.to_owned(), asked: ASKED, opened });
    }
    Ok(found)
}

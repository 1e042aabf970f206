//! A page's `WebSocket`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use browser::Browser;
use model::close_case::SeenEvent;
use serde_json::json;

use super::Observer;
use super::situation::Act;
use crate::browser_probe::witness::Witness;

/// A browser may wait so long for the server's part of an end.
const LONGEST: Duration = Duration::from_secs(10);

const OPEN: &str = "
const [url] = arguments;
const seen = [];
const socket = new WebSocket(url);
const closed = new Promise((resolve) => {
    socket.onopen = () => seen.push({ event: 'open' });
    socket.onmessage = () => seen.push({ event: 'message' });
    socket.onerror = () => seen.push({ event: 'error' });
    socket.onclose = ({ code, reason, wasClean }) => {
        seen.push({ event: 'close', code, reason, clean: wasClean });
        resolve(seen);
    };
});
window.surveyed = { socket, closed };
await Promise.race([closed, new Promise((resolve) => socket.addEventListener('open', resolve))]);
";
const CLOSE: &str = "window.surveyed.socket.close(...arguments);";
const SEND: &str = "window.surveyed.socket.send('x'.repeat(arguments[0]));";
const EVENTS: &str = "return await window.surveyed.closed;";

/// A page that opens sockets to servers on other ports.
pub(super) struct Page<'a> {
    browser: &'a mut Browser,
    /// Where the page comes from.
    _witness: Witness,
}

impl<'a> Page<'a> {
    pub(super) async fn open(browser: &'a mut Browser) -> anyhow::Result<Self> {
        let witness = Witness::start().await?;
        browser.open(&witness.url("/")).await?;
        Ok(Self { browser, _witness: witness })
    }
}

impl Observer for Page<'_> {
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()> {
        let scheme = if secure { "wss" } else { "ws" };
        self.browser.call_within(LONGEST, OPEN, vec![json!(format!("{scheme}://{address}/ws"))]).await?;
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> anyhow::Result<()> {
        match *act {
            Act::Close(None) => self.browser.call(CLOSE, Vec::new()).await?,
            Act::Close(Some((code, reason))) => {
                self.browser.call(CLOSE, vec![json!(code), json!(reason)]).await?
            }
            Act::Send(bytes) => self.browser.call(SEND, vec![json!(bytes)]).await?,
            Act::Break(_) => anyhow::bail!("a page cannot write below its WebSocket"),
        };
        Ok(())
    }

    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>> {
        let seen = self.browser.call_within(LONGEST, EVENTS, Vec::new()).await?;
        serde_json::from_value(seen).context("read what the page saw")
    }
}

//! A running browser and its commands.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::BrowserError;
use crate::detect::{BrowserKind, InstalledBrowser, PAGE_LIMIT, Preferences, Scheme, capabilities};
use crate::driver::Driver;
use crate::webdriver::{Session, WebDriverError, malformed};

/// How long a browser may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the driver gets on top of the page's own limit, so that the page's error is the one that is reported.
const MARGIN: Duration = Duration::from_secs(10);

/// A key that is no character (WebDriver §15.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Deletes the character before the cursor.
    Backspace,
    /// Moves the focus to the next control.
    Tab,
    /// The right arrow.
    Right,
}

impl From<Key> for char {
    fn from(key: Key) -> Self {
        match key {
            Key::Backspace => '\u{e003}',
            Key::Tab => '\u{e004}',
            Key::Right => '\u{e014}',
        }
    }
}

/// A tab of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab(Value);

/// A running browser. Dropping it ends all its processes and removes its profile.
///
/// Every command fails if the driver reports an error, or does not answer in time.
#[derive(Debug)]
pub struct Browser {
    session: Session,
    kind: BrowserKind,
    script_limit: Duration,
    driver: Driver,
}

impl InstalledBrowser {
    /// Starts the browser, headless, with a fresh profile and default [`Preferences`]. Fails if that takes over a minute.
    pub async fn start(&self) -> Result<Browser, BrowserError> {
        self.start_with(Preferences::default()).await
    }

    /// The same in these colours.
    pub async fn start_in(&self, scheme: Scheme) -> Result<Browser, BrowserError> {
        self.start_with(Preferences { scheme, ..Preferences::default() }).await
    }

    /// The same with these preferences.
    pub async fn start_with(&self, preferences: Preferences) -> Result<Browser, BrowserError> {
        let kind = self.kind;
        let driver = Driver::start(self).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, driver.port));
        let capabilities = capabilities(self, preferences, rustix::process::geteuid().is_root());
        let session =
            bounded(kind, "start", START_LIMIT, START_LIMIT, Session::open(address, capabilities)).await?;
        Ok(Browser { session, kind, script_limit: PAGE_LIMIT, driver })
    }
}

impl Browser {
    pub fn kind(&self) -> BrowserKind {
        self.kind
    }

    /// Its name and version as the driver reports them, such as `chrome 156.0.8078.79`.
    pub fn version(&self) -> &str {
        &self.session.version
    }

    /// The process group of driver and browser.
    pub fn process_group(&self) -> u32 {
        self.driver.id()
    }

    /// Opens a page, and waits until it is loaded.
    /// Fails if that takes longer than [`PAGE_LIMIT`].
    pub async fn open(&mut self, url: &str) -> Result<(), BrowserError> {
        self.post("open a page", "url", json!({ "url": url })).await.map(|_| ())
    }

    /// Runs `script`, the body of an async function, in the page, and returns its result. `args` are its `arguments`.
    /// Fails if the script throws, or has not returned within [`PAGE_LIMIT`].
    pub async fn call(&mut self, script: &str, args: Vec<Value>) -> Result<Value, BrowserError> {
        self.call_within(PAGE_LIMIT, script, args).await
    }

    /// The same within `limit`, to the millisecond.
    pub async fn call_within(
        &mut self,
        limit: Duration,
        script: &str,
        args: Vec<Value>,
    ) -> Result<Value, BrowserError> {
        let (kind, what) = (self.kind, "run a script in the page");
        if limit != self.script_limit {
            let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            self.post("limit scripts", "timeouts", json!({ "script": limit_ms })).await?;
            self.script_limit = limit;
        }
        let call = self.session.post("execute/async", json!({ "script": wrapped(script), "args": args }));
        let returned = async { call.await.and_then(returned) };
        let returned = match bounded(kind, what, limit, limit + MARGIN, returned).await {
            Err(BrowserError::Command { source: WebDriverError::Rejected { error, .. }, .. })
                if error == "script timeout" =>
            {
                return Err(BrowserError::Timeout { kind, what, limit });
            }
            returned => returned?,
        };
        returned.map_err(|message| BrowserError::Page { kind, message })
    }

    /// A PNG of the visible part of the page.
    pub async fn screenshot(&mut self) -> Result<Vec<u8>, BrowserError> {
        let png = async { self.session.get("screenshot").await.and_then(|png| png_of(&png)) };
        self.bounded("take a screenshot", png).await
    }

    /// Resizes the window, in CSS pixels, borders included. Firefox is never narrower than 500.
    pub async fn resize(&mut self, width: u32, height: u32) -> Result<(), BrowserError> {
        let size = json!({ "width": width, "height": height });
        self.post("resize the window", "window/rect", size).await.map(|_| ())
    }

    /// The tab that commands go to.
    pub async fn tab(&mut self) -> Result<Tab, BrowserError> {
        let tab = async { self.session.get("window").await.and_then(tab_of) };
        self.bounded("ask for the tab", tab).await
    }

    /// Opens an empty tab; commands still go to the previous one.
    pub async fn new_tab(&mut self) -> Result<Tab, BrowserError> {
        let opened = self.session.post("window/new", json!({ "type": "tab" }));
        let tab = async { opened.await.and_then(|opened| tab_of(field(opened, "handle")?)) };
        self.bounded("open a tab", tab).await
    }

    /// Brings a tab to the front; commands go to it from now on.
    pub async fn focus(&mut self, tab: &Tab) -> Result<(), BrowserError> {
        self.post("go to a tab", "window", json!({ "handle": tab.0 })).await.map(|_| ())
    }

    /// Presses and releases a key, [`Key`] or character, in the focused element.
    pub async fn press(&mut self, key: impl Into<char>) -> Result<(), BrowserError> {
        self.type_text(&key.into().to_string()).await
    }

    /// Types text into the focused element.
    pub async fn type_text(&mut self, text: &str) -> Result<(), BrowserError> {
        let keys = text
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|action| json!({ "type": action, "value": key })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": keys.collect::<Vec<_>>() });
        self.post("press keys", "actions", json!({ "actions": [keyboard] })).await.map(|_| ())
    }

    /// Ends the session, then all processes.
    /// Where it returns an error, the processes have ended nevertheless.
    pub async fn quit(self) -> Result<(), BrowserError> {
        bounded(self.kind, "quit", PAGE_LIMIT, PAGE_LIMIT, self.session.delete()).await
    }

    async fn post(
        &self,
        what: &'static str,
        command: &str,
        parameters: Value,
    ) -> Result<Value, BrowserError> {
        self.bounded(what, self.session.post(command, parameters)).await
    }

    async fn bounded<T>(
        &self,
        what: &'static str,
        command: impl Future<Output = Result<T, WebDriverError>>,
    ) -> Result<T, BrowserError> {
        bounded(self.kind, what, PAGE_LIMIT, PAGE_LIMIT + MARGIN, command).await
    }
}

/// Awaits a command for at most `wait`; `limit` is what the error reports.
async fn bounded<T>(
    kind: BrowserKind,
    what: &'static str,
    limit: Duration,
    wait: Duration,
    command: impl Future<Output = Result<T, WebDriverError>>,
) -> Result<T, BrowserError> {
    let result = timeout(wait, command).await.map_err(|_| BrowserError::Timeout { kind, what, limit })?;
    result.map_err(|source| BrowserError::Command { kind, what, source })
}

/// The value of an object's key.
fn field(mut object: Value, key: &str) -> Result<Value, WebDriverError> {
    let value = object.get_mut(key).map(Value::take);
    value.ok_or_else(|| malformed(&object.to_string()))
}

fn tab_of(handle: Value) -> Result<Tab, WebDriverError> {
    if handle.is_string() { Ok(Tab(handle)) } else { Err(malformed(&handle.to_string())) }
}

fn png_of(screenshot: &Value) -> Result<Vec<u8>, WebDriverError> {
    let text = screenshot.as_str().ok_or_else(|| malformed(&screenshot.to_string()))?;
    BASE64_STANDARD.decode(text).map_err(|error| malformed(&error.to_string()))
}

/// What a [`wrapped`] script returned, or the exception that it threw.
fn returned(result: Value) -> Result<Result<Value, String>, WebDriverError> {
    match result.get("error") {
        Some(Value::String(message)) => Ok(Err(message.clone())),
        Some(_) => Err(malformed(&result.to_string())),
        None => field(result, "value").map(Ok),
    }
}

/// A driver returns neither promises nor, in both browsers, their exceptions.
fn wrapped(script: &str) -> String {
    format!(
        "const done = arguments[arguments.length - 1];
(async function () {{ {script}\n }}).apply(null, Array.prototype.slice.call(arguments, 0, -1)).then(
    (value) => done({{ value: value === undefined ? null : value }}),
    (error) => done({{ error: String(error) }}),
);"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_are_not_what_they_must_be_are_malformed() {
        let tab = |opened| field(opened, "handle").and_then(tab_of);
        assert_eq!(tab(json!({ "handle": "7", "type": "tab" })).unwrap(), Tab(json!("7")));
        assert_eq!(png_of(&json!("UE5H")).unwrap(), b"PNG");
        assert_eq!(returned(json!({ "value": null })).unwrap(), Ok(json!(null)));
        assert_eq!(returned(json!({ "error": "Error: x" })).unwrap(), Err("Error: x".to_owned()));

        for bad in [json!(null), json!("7"), json!([]), json!({ "handle": 7 }), json!({})] {
            assert!(matches!(tab(bad.clone()), Err(WebDriverError::Malformed(_))), "{bad}");
        }
        for bad in [json!(null), json!({}), json!("?")] {
            assert!(matches!(png_of(&bad), Err(WebDriverError::Malformed(_))), "{bad}");
        }
        for bad in [json!(null), json!("7"), json!([]), json!({}), json!({ "error": 7 })] {
            assert!(matches!(returned(bad.clone()), Err(WebDriverError::Malformed(_))), "{bad}");
        }
    }
}

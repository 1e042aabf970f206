//! A running browser, and what it can be told.

use std::future::Future;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::wd::{TimeoutConfiguration, WindowHandle};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::capabilities;
use crate::driver::Driver;
use crate::error::BrowserError;
use crate::found::{Found, Kind};

/// How long a page may take to load, and a script to answer when nothing else is said.
pub const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// How long a browser may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the driver gets on top of the page's own limit, so that its error is the one that is told.
const MARGIN: Duration = Duration::from_secs(10);

/// Colours that a page is told are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Dark text on light.
    #[default]
    Light,
    /// Light text on dark.
    Dark,
}

/// What a browser does about a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificates {
    /// It takes every one.
    #[default]
    Any,
    /// Only what an authority that it knows vouches for.
    Trusted,
}

/// How a browser is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Its colours.
    pub scheme: Scheme,
    /// Which servers it speaks to.
    pub certificates: Certificates,
}

impl Preferences {
    /// Light colours, any certificate.
    pub const DEFAULT: Self = Self { scheme: Scheme::Light, certificates: Certificates::Any };
}

/// A running browser. Dropping it ends all its processes and removes its profile.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    kind: Kind,
    version: String,
    script_limit: Duration,
    driver: Driver,
}

impl Browser {
    pub(crate) async fn start(found: &Found, preferences: Preferences) -> Result<Self, BrowserError> {
        let kind = found.kind;
        let driver = Driver::start(found).await?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities::of(found, preferences, rustix::process::geteuid().is_root()));
        let address = format!("http://127.0.0.1:{}", driver.port);
        let client = timeout(START_LIMIT, builder.connect(&address))
            .await
            .map_err(|_| BrowserError::Silent { kind, what: "start", limit: START_LIMIT })?
            .map_err(|source| BrowserError::Session { kind, source: Box::new(source) })?;
        let version = version(&client);
        Ok(Self { client, kind, version, script_limit: PAGE_LIMIT, driver })
    }

    /// Which browser it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name and version as the driver tells them, such as `chrome 156.0.8078.79`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The process group of driver and browser.
    pub fn process_group(&self) -> u32 {
        self.driver.id()
    }

    /// Goes to a page, and waits until it is loaded.
    ///
    /// # Errors
    ///
    /// When it cannot be reached or takes longer than [`PAGE_LIMIT`].
    pub async fn open(&mut self, url: &str) -> Result<(), BrowserError> {
        self.bounded("open a page", PAGE_LIMIT, self.client.goto(url)).await
    }

    /// Runs `script`, the body of an async function, in the page, and hands back what it returns. It finds `args` in
    /// `arguments`.
    ///
    /// # Errors
    ///
    /// When the script throws, or has not returned within [`PAGE_LIMIT`].
    pub async fn call(&mut self, script: &str, args: Vec<Value>) -> Result<Value, BrowserError> {
        self.call_within(PAGE_LIMIT, script, args).await
    }

    /// The same within `limit`, to the millisecond.
    ///
    /// # Errors
    ///
    /// When the script throws, or has not returned within `limit`.
    pub async fn call_within(
        &mut self,
        limit: Duration,
        script: &str,
        args: Vec<Value>,
    ) -> Result<Value, BrowserError> {
        const WHAT: &str = "run a script in the page";
        self.limit_scripts(limit).await?;
        let answer = timeout(limit + MARGIN, self.client.execute_async(&wrapped(script), args)).await;
        let answer = match answer {
            Ok(Err(error)) if is_script_timeout(&error) => {
                return Err(BrowserError::Silent { kind: self.kind, what: WHAT, limit });
            }
            Ok(answer) => answer.map_err(|source| self.failed(WHAT, source))?,
            Err(_) => return Err(BrowserError::Silent { kind: self.kind, what: WHAT, limit }),
        };
        self.returned(answer)
    }

    /// What is to be seen of the page, as PNG.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn screenshot(&mut self) -> Result<Vec<u8>, BrowserError> {
        self.bounded("take a screenshot", PAGE_LIMIT, self.client.screenshot()).await
    }

    /// Makes the window so large, in CSS pixels, borders included. Firefox is never narrower than 500.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn resize(&mut self, width: u32, height: u32) -> Result<(), BrowserError> {
        self.bounded("resize the window", PAGE_LIMIT, self.client.set_window_size(width, height)).await
    }

    /// The tab that commands go to.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn tab(&mut self) -> Result<WindowHandle, BrowserError> {
        self.bounded("ask for the tab", PAGE_LIMIT, self.client.window()).await
    }

    /// Opens an empty tab; commands still go to the one before.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn new_tab(&mut self) -> Result<WindowHandle, BrowserError> {
        let made = self.bounded("open a tab", PAGE_LIMIT, self.client.new_window(true)).await?;
        Ok(made.handle)
    }

    /// Brings a tab to the front; commands go to it from now on.
    ///
    /// # Errors
    ///
    /// When it is gone, or the driver does not answer.
    pub async fn focus(&mut self, tab: &WindowHandle) -> Result<(), BrowserError> {
        self.bounded("go to a tab", PAGE_LIMIT, self.client.switch_to_window(tab.clone())).await
    }

    /// Presses and releases a key, [`Key`](crate::Key) or character, wherever the focus is.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn press(&mut self, key: impl Into<char>) -> Result<(), BrowserError> {
        self.strike([key.into()]).await
    }

    /// Types text, wherever the focus is.
    ///
    /// # Errors
    ///
    /// When the driver does not answer, or by an error.
    pub async fn type_text(&mut self, text: &str) -> Result<(), BrowserError> {
        self.strike(text.chars()).await
    }

    /// Ends the session, then all processes.
    ///
    /// # Errors
    ///
    /// When the session did not end in an orderly way; the processes have ended nevertheless.
    pub async fn quit(self) -> Result<(), BrowserError> {
        let closed = timeout(PAGE_LIMIT, self.client.clone().close()).await;
        match closed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.failed("quit", source)),
            Err(_) => Err(BrowserError::Silent { kind: self.kind, what: "quit", limit: PAGE_LIMIT }),
        }
    }

    async fn strike(&self, keys: impl IntoIterator<Item = char>) -> Result<(), BrowserError> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.bounded("press keys", PAGE_LIMIT, self.client.perform_actions(actions)).await
    }

    async fn limit_scripts(&mut self, limit: Duration) -> Result<(), BrowserError> {
        if limit != self.script_limit {
            let limits = TimeoutConfiguration::new(Some(limit), None, None);
            self.bounded("limit scripts", PAGE_LIMIT, self.client.update_timeouts(limits)).await?;
            self.script_limit = limit;
        }
        Ok(())
    }

    fn returned(&self, answer: Value) -> Result<Value, BrowserError> {
        let Value::Object(mut answer) = answer else {
            return Err(self.failed("read a script's answer", CmdError::NotW3C(answer)));
        };
        match answer.remove("error") {
            Some(message) => Err(BrowserError::Page {
                kind: self.kind,
                message: message.as_str().unwrap_or_default().to_owned(),
            }),
            None => Ok(answer.remove("value").unwrap_or(Value::Null)),
        }
    }

    async fn bounded<T>(
        &self,
        what: &'static str,
        limit: Duration,
        command: impl Future<Output = Result<T, CmdError>>,
    ) -> Result<T, BrowserError> {
        match timeout(limit + MARGIN, command).await {
            Ok(answer) => answer.map_err(|source| self.failed(what, source)),
            Err(_) => Err(BrowserError::Silent { kind: self.kind, what, limit }),
        }
    }

    fn failed(&self, what: &'static str, source: CmdError) -> BrowserError {
        BrowserError::Command { kind: self.kind, what, source: Box::new(source) }
    }
}

fn is_script_timeout(error: &CmdError) -> bool {
    error.is_script_timeout()
}

/// A driver hands on neither promises nor, in both browsers, exceptions of them.
fn wrapped(script: &str) -> String {
    format!(
        "const done = arguments[arguments.length - 1];
(async function () {{ {script}\n }}).apply(null, Array.prototype.slice.call(arguments, 0, -1)).then(
    (value) => done({{ value: value === undefined ? null : value }}),
    (error) => done({{ error: String(error) }}),
);"
    )
}

fn version(client: &Client) -> String {
    let told = client.capabilities().map_or_else(|| json!({}), |told| json!(told));
    let word = |key: &str| told[key].as_str().unwrap_or("unknown").to_owned();
    format!("{} {}", word("browserName"), word("browserVersion"))
}

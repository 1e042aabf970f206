//! Drives real browsers, headless, over WebDriver (<https://www.w3.org/TR/webdriver2/>).
//!
//! A [`Browser`] is a driver process, the browser that it starts, and a profile in a temporary folder that also holds
//! everything else that the two write. All of them are removed when the browser quits, when it is dropped, and when this
//! process is killed. Every command is bounded in time. This crate knows nothing about the pages.
//!
//! # Layout
//!
//! - [`mod@detect`]: which browsers are installed, and what one is started with
//! - [`session`]: a running browser and its commands
//! - `driver`: the processes; `webdriver`: the protocol

pub mod detect;
mod driver;
pub mod session;
mod webdriver;

use std::io;
use std::time::Duration;

pub use detect::{
    BrowserKind, Certificates, InstalledBrowser, MissingBrowser, PAGE_LIMIT, Preferences, Scheme, detect,
};
pub use session::{Browser, Key, Tab};
pub use webdriver::WebDriverError;

/// A browser could not be started, or did not carry out a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// The folder for the profile could not be made.
    #[error("make a temporary folder for {kind}")]
    Folder { kind: BrowserKind, source: io::Error },
    /// A process could not be started.
    #[error("start {program}")]
    Start {
        /// The driver, or the shell that guards it.
        program: String,
        source: io::Error,
    },
    /// The driver did not print the port on which it listens.
    #[error("the driver of {kind} printed no port{}", quoted(printed))]
    NoPort {
        kind: BrowserKind,
        /// What it printed instead.
        printed: String,
    },
    /// The driver rejected a command, or its response is not WebDriver.
    #[error("{kind}: {what}")]
    Command { kind: BrowserKind, what: &'static str, source: WebDriverError },
    /// No response came in time.
    #[error("{kind}: {what}: no answer within {limit:?}")]
    Timeout {
        kind: BrowserKind,
        what: &'static str,
        /// How long the response was waited for.
        limit: Duration,
    },
    /// A script of the page threw an exception.
    #[error("the page in {kind} failed: {message}")]
    Page {
        kind: BrowserKind,
        /// The exception, as the browser prints it.
        message: String,
    },
}

fn quoted(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("; it printed: {printed}") }
}

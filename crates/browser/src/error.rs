//! Errors of a browser.

use std::io;
use std::time::Duration;

use crate::detect::BrowserKind;
use crate::webdriver::WebDriverError;

/// A browser could not be started, or did not carry out a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// The folder for the profile could not be made.
    #[error("make a temporary folder for {kind}")]
    Folder {
        /// The browser.
        kind: BrowserKind,
        /// The cause.
        source: io::Error,
    },
    /// A process could not be started.
    #[error("start {program}")]
    Start {
        /// The driver, or the shell that guards it.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// The driver did not print the port on which it listens.
    #[error("the driver of {kind} printed no port{}", quoted(printed))]
    NoPort {
        /// The browser.
        kind: BrowserKind,
        /// What it printed instead.
        printed: String,
    },
    /// The driver rejected a command, or its response is not WebDriver.
    #[error("{kind}: {what}")]
    Command {
        /// The browser.
        kind: BrowserKind,
        /// The command.
        what: &'static str,
        /// The cause.
        source: WebDriverError,
    },
    /// No response came in time.
    #[error("{kind}: {what}: no answer within {limit:?}")]
    Timeout {
        /// The browser.
        kind: BrowserKind,
        /// The command.
        what: &'static str,
        /// How long the response was waited for.
        limit: Duration,
    },
    /// A script of the page threw an exception.
    #[error("the page in {kind} failed: {message}")]
    Page {
        /// The browser.
        kind: BrowserKind,
        /// The exception, as the browser prints it.
        message: String,
    },
}

fn quoted(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("; it printed: {printed}") }
}

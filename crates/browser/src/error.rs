//! What can go wrong with a browser.

use std::io;
use std::time::Duration;

use fantoccini::error::{CmdError, NewSessionError};

use crate::found::Kind;

/// Why a browser could not be started or did not do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// The folder for its profile could not be made.
    #[error("make a temporary folder for {kind}")]
    Folder {
        /// Which browser.
        kind: Kind,
        /// Why not.
        source: io::Error,
    },
    /// A process could not be started.
    #[error("start {program}")]
    Start {
        /// The driver, or the shell that looks after it.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The driver did not say on which port it listens.
    #[error("the driver of {kind} named no port{}", quoted(said))]
    NoPort {
        /// Which browser.
        kind: Kind,
        /// What it said instead.
        said: String,
    },
    /// The driver could not start the browser.
    #[error("the driver of {kind} started no browser")]
    Session {
        /// Which browser.
        kind: Kind,
        /// Why not.
        source: Box<NewSessionError>,
    },
    /// The driver answered a command by an error, or not in the words of WebDriver.
    #[error("{kind}: {what}")]
    Command {
        /// Which browser.
        kind: Kind,
        /// What it was told to do.
        what: &'static str,
        /// Why it did not.
        source: Box<CmdError>,
    },
    /// No answer came in time.
    #[error("{kind}: {what}: no answer within {limit:?}")]
    Silent {
        /// Which browser.
        kind: Kind,
        /// What it was told to do.
        what: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A script of the page failed.
    #[error("the page in {kind} failed: {message}")]
    Page {
        /// Which browser.
        kind: Kind,
        /// The exception, as the browser prints it.
        message: String,
    },
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

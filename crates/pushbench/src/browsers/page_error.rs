//! Errors of pages that subscribe.

use std::io;

use loadgen::schedule::payload::PayloadError;

/// Pages of a browser could not subscribe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error(transparent)]
    Missing(#[from] browser::MissingBrowser),
    #[error(transparent)]
    Browser(#[from] browser::BrowserError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("the page's answer cannot be read")]
    Malformed(#[from] serde_json::Error),
    #[error("the page could not read what it received: {0:?}")]
    Unreadable(String),
    #[error("the page did not read the server's clock")]
    NoClock,
    #[error("start the browser's thread")]
    Thread(#[source] io::Error),
    #[error("the browser's thread panicked")]
    Panicked,
    #[error("the trial was abandoned")]
    Abandoned,
}

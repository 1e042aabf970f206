//! Drives real browsers, headless, over WebDriver (<https://www.w3.org/TR/webdriver2/>).
//!
//! A [`Browser`] is a driver process, the browser that it starts, and a profile in a temporary folder that also holds
//! everything else that the two write. All of them are removed when the browser quits, when it is dropped, and when this
//! process is killed. Every command is bounded in time. This crate knows nothing about the pages.
//!
//! # Layout
//!
//! - [`mod@detect`]: which browsers are installed, and what to install for a missing one
//! - [`session`]: a running browser and its commands
//! - `capabilities`: what a browser is started with; `driver`: the processes; `webdriver`: the protocol
//! - [`error`]: the errors

mod capabilities;
pub mod detect;
mod driver;
pub mod error;
pub mod session;
mod webdriver;

pub use capabilities::{Certificates, PAGE_LIMIT, Preferences, Scheme};
pub use detect::{BrowserKind, InstalledBrowser, MissingBrowser, detect};
pub use error::BrowserError;
pub use session::{Browser, Key, Tab};
pub use webdriver::WebDriverError;

//! Drives real browsers, without a head, over WebDriver (<https://www.w3.org/TR/webdriver2/>).
//!
//! A [`Browser`] is a driver process, the browser that it starts, and a profile that lies in a temporary folder with
//! everything else that the two write. All of them go with it: when it quits, when it is dropped, and when this process is
//! killed. Every command is bounded in time. What is on the page is none of this crate's business.
//!
//! # Layout
//!
//! - [`found`]: which browsers there are, and what to install for one that is not
//! - [`session`]: a running browser and what it can be told
//! - `capabilities`: how each browser is asked for; `driver`: the processes
//! - [`error`]: what can go wrong

mod capabilities;
mod driver;
pub mod error;
pub mod found;
pub mod session;

pub use fantoccini::key::Key;
pub use fantoccini::wd::WindowHandle;

pub use error::BrowserError;
pub use found::{Found, Kind, Missing, find};
pub use session::{Browser, Certificates, Preferences, Scheme};

//! Real browsers: pages that subscribe in a trial, and a probe of what browsers do.
//!
//! The server under test also serves the page, so both have the same origin. The page subscribes, sends, and records times by
//! its own clock; its results pass through the same recorder as the native client's. Bytes are not counted, since a browser's
//! sockets cannot be observed.

pub(crate) mod client;
mod page;
mod page_clock;
pub(crate) mod page_driver;
mod page_result;
pub(crate) mod probe;

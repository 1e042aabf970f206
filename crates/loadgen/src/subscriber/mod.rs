//! The client half of each technique. One function each, [`subscribe`](websocket::subscribe) in every module: it runs
//! until the session is stopped or the connection ends.
//!
//! A technique touches no clock, no histogram and no byte counter: it hands each message to the session, which does.

mod error;

pub use error::SubscribeError;

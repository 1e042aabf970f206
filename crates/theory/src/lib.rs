//! Closed forms: what the standards and arithmetic fix of bytes, batches and latency. Pure functions, each with its source.
//!
//! The front door is [`predict`]: a technique's slug and a [`Case`] give the bytes of its set-up and of its exchanges, by
//! the layers of `schema::bytes_account`, each marked exact or not. [`rate`] makes curves over the event rate of unit
//! costs that were measured, and [`crossing`] says where two of them meet.
//!
//! # Layout
//!
//! - [`http1`], [`http2`], [`hpack`], [`websocket`], [`sse`], [`tls`], [`tcp`]: one standard's arithmetic each
//! - [`polling`], [`long_polling`]: how often a poll finds something, and how much
//! - [`case`], [`prediction`], `predict`: the front door
//! - [`rate`], `crossing`: bytes per event over the rate of events

pub mod case;
mod crossing;
pub mod hpack;
pub mod http1;
pub mod http2;
pub mod long_polling;
pub mod polling;
mod predict;
pub mod prediction;
pub mod rate;
pub mod sse;
pub mod tcp;
pub mod tls;
pub mod websocket;

pub use case::Case;
pub use crossing::crossing;
pub use predict::predict;
pub use prediction::Prediction;
pub use rate::bytes_against_rate;

/// Decimal digits of a number; 0 has one.
pub fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |power| u64::from(power) + 1)
}

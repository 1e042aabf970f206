//! What the standards fix of bytes, as arithmetic. Pure functions, each with its source.
//!
//! The front door is [`predict`]: a technique's slug and a [`Case`] give the bytes of its set-up and of its exchanges, by
//! the layers of `schema::bytes_account`, each marked exact or not.
//!
//! # Layout
//!
//! - [`http1`], [`http2`], [`hpack`], [`websocket`], [`sse`], [`tls`], [`tcp`]: one standard's arithmetic each
//! - [`case`], [`prediction`], `predict`: the front door

pub mod case;
pub mod hpack;
pub mod http1;
pub mod http2;
mod predict;
pub mod prediction;
pub mod sse;
pub mod tcp;
pub mod tls;
pub mod websocket;

pub use case::Case;
pub use predict::predict;
pub use prediction::Prediction;

/// Decimal digits of a number; 0 has one.
pub fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |power| u64::from(power) + 1)
}

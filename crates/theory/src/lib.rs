//! What the standards fix of bytes, as arithmetic. Pure functions, each with its source.
//!
//! The front door is [`predict`]: a technique's slug and a [`Case`] give the bytes of its set-up and of its exchanges, by
//! the layers of `model::byte_account`, each marked exact or not. What opens a session of Socket.IO, whose set-up is several
//! exchanges, [`predict_opening`] tells.
//!
//! # Layout
//!
//! - [`http1`], [`http2`], [`hpack`], [`websocket`], [`sse`], [`engine_io`], [`socket_io`], [`tls`], [`tcp`]: one standard's
//!   arithmetic each
//! - [`case`], [`opening`], [`prediction`], `predict`: the front door

pub mod case;
pub mod engine_io;
pub mod hpack;
pub mod http1;
pub mod http2;
pub mod opening;
mod predict;
pub mod prediction;
pub mod socket_io;
pub mod sse;
pub mod tcp;
pub mod tls;
pub mod websocket;

pub use case::Case;
pub use predict::{predict, predict_opening};
pub use prediction::Prediction;

/// Decimal digits of a number; 0 has one.
pub fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |power| u64::from(power) + 1)
}

//! The bytes that the standards fix, as arithmetic. Pure functions, each with its source.
//!
//! Start with [`predict`]: a technique's slug and a [`Case`] give the bytes of its set-up and of its exchanges, by the layers
//! of `model::byte_account`, each marked exact or not. A session of Socket.IO needs several exchanges to open;
//! [`predict_opening`] returns their bytes.
//!
//! # Layout
//!
//! - [`http1`], [`http2`], [`hpack`], [`websocket`], [`sse`], [`engine_io`], [`socket_io`], [`tls`], [`tcp`]: one standard's
//!   arithmetic each
//! - [`case`], [`prediction`], `predict`: the entry point

pub mod case;
pub mod engine_io;
pub mod hpack;
pub mod http1;
pub mod http2;
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
fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |power| u64::from(power) + 1)
}

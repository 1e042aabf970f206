//! The bytes that the standards fix, as arithmetic. Pure functions, each with its source.
//!
//! Start with [`predict`]: a technique's slug and a [`Case`] give the bytes of its set-up and of its exchanges, by the layers
//! of `model::byte_account`, each marked exact or not. A session of Socket.IO needs several exchanges to open;
//! [`predict_opening`] returns their bytes.
//!
//! # Layout
//!
//! - [`http1`], [`hpack`], `framing` ([`sse`], [`websocket`], [`engine_io`], [`socket_io`]), `transport` ([`http2`], [`tls`],
//!   [`tcp`]): one standard's arithmetic each
//! - [`case`], [`prediction`], `predict`: the entry point

pub mod case;
mod framing;
pub mod hpack;
pub mod http1;
mod predict;
pub mod prediction;
mod transport;

pub use case::Case;
pub use framing::{engine_io, socket_io, sse, websocket};
pub use predict::{predict, predict_opening};
pub use prediction::Prediction;
pub use transport::{http2, tcp, tls};

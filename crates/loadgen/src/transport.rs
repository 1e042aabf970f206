//! What lies between a technique and the kernel: TCP, TLS, HTTP/2 connections, and how they end.
//!
//! - [`Stream`]: a connection whose bytes are counted, plain or under TLS; [`close`] ends it gracefully
//! - [`Socket`]: the TCP connection below byte accounting; the kernel's segments of all of a thread's sockets
//! - [`Trust`]: the one certificate that is trusted; sessions that are resumed
//! - `Http2`: a connection that several subscribers may share

mod http2;
mod reclaim_on_drop;
mod segments;
mod session_tickets;
mod sockets;
mod stream;
mod tls;
mod trust;

pub(crate) use http2::{Http2, Http2Pool};
pub(crate) use reclaim_on_drop::ReclaimOnDrop;
pub use sockets::Socket;
pub(crate) use sockets::Sockets;
pub use stream::{Stream, close};
pub(crate) use tls::{Tls, alpn};
pub use trust::{Trust, TrustError};

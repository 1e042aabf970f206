//! Byte accounting's classifier against literal exchanges, and against anything at all.
//!
//! - `rig`: what crosses a socket, step by step, how it is cut, and tables of exchanges with their exact accounts
//! - `http1`, `websocket`, `http2`, `engine_io`, `targets`: these tables
//! - `h2`: frames and header blocks of HTTP/2
//! - `counting_stream`: what the stream counts, passes on, and holds back
//! - `recorded`: what hyper's own HTTP/2 client and server say to each other
//! - `properties`: any cut, any garbage

#[macro_use]
mod rig;
mod counting_stream;
mod engine_io;
mod h2;
mod http1;
mod http2;
mod properties;
mod recorded;
mod targets;
mod websocket;

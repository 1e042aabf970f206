//! Byte accounting's classifier against literal exchanges, and against anything at all.
//!
//! - `exchange`: what crosses a socket, step by step, and how it is cut
//! - `http`, `streams`, `frames`, `compression`: literal bytes and the exact account
//! - `socketio`: Engine.IO's polls and frames
//! - `h2`, `http2`, `http2_streams`, `http2_socketio`: the same for HTTP/2
//! - `hyper_pair`, `recorded`: what hyper's own client and server say to each other
//! - `properties`: any cut, any garbage

mod compression;
mod exchange;
mod frames;
mod h2;
mod http;
mod http2;
mod http2_socketio;
mod http2_streams;
mod hyper_pair;
mod properties;
mod recorded;
mod socketio;
mod streams;

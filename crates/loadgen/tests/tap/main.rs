//! The tap's classifier against literal exchanges, and against anything at all.
//!
//! - `exchange`: what crosses a socket, step by step, and how it is cut
//! - `http`, `streams`, `frames`: literal bytes and the exact account
//! - `properties`: any cut, any garbage

mod exchange;
mod frames;
mod http;
mod properties;
mod streams;

//! Subscribers and their connections against small servers that send literal bytes.
//!
//! - `rig`: sessions, a server that follows a script, its identity, and a socket that counts on the server's side
//! - `sessions`: what a subscriber asks for, what it reports of a server that rejects it, how it stops
//! - `answers`: how it reads responses
//! - `websocket`, `socketio`: the same of these techniques
//! - `transport`, `tls_records`: TLS, HTTP/2, how connections end, and which bytes under TLS belong to which layer

mod answers;
mod rig;
mod sessions;
mod socketio;
mod tls_records;
mod transport;
mod websocket;

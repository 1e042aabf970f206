//! Subscribers and their connections against small servers that send literal bytes.
//!
//! - `answers`: responses to polls, on the fast path and by hyper
//! - `deflate`: WebSocket with permessage-deflate
//! - `extended_connect`: WebSocket on HTTP/2
//! - `rig`: sessions, a server that follows a script, its identity, and a socket that counts on the server's side
//! - `refusals`: what a subscriber says of a server that lets it go
//! - `requests`: what a subscriber asks for, and on how many connections
//! - `socketio`: Socket.IO by each of its ways
//! - `stops`: how a subscriber stops
//! - `streams`: how a subscriber reads a response that never ends
//! - `transport`: what lies below a technique: TLS, HTTP/2, and how connections end

mod answers;
mod deflate;
mod extended_connect;
mod refusals;
mod requests;
mod rig;
mod socketio;
mod stops;
mod streams;
mod transport;

//! Subscribers against servers of the test's own, which say literal bytes.
//!
//! - `answers`: responses to polls, on the fast path and by hyper
//! - `deflate`: WebSocket with permessage-deflate
//! - `extended_connect`: WebSocket on HTTP/2
//! - `rig`: a subscriber's session, and a server that follows a script
//! - `refusals`: what a subscriber says of a server that lets it go
//! - `requests`: what a subscriber asks for, and on how many connections
//! - `socketio`: Socket.IO by each of its ways
//! - `stops`: how a subscriber stops
//! - `streams`: what a subscriber makes of a response that never ends

mod answers;
mod deflate;
mod extended_connect;
mod refusals;
mod requests;
mod rig;
mod socketio;
mod stops;
mod streams;

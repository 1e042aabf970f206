//! The paths of the HTTP interface. Each but Socket.IO's takes the query of [`Resume`](crate::Resume).

/// Polls, short and long: a response with the messages that are available.
pub const EVENTS: &str = "/events";
/// A response that never ends, NDJSON or Server-Sent Events.
pub const STREAM: &str = "/stream";
/// The WebSocket handshake.
pub const WEBSOCKET: &str = "/ws";
/// Engine.IO under Socket.IO: polls, posts and the WebSocket handshake. Its query is the protocol's own; where a
/// subscriber begins is in its CONNECT ([`socket_io::Auth`](crate::socket_io::Auth)).
pub const SOCKETIO: &str = "/socket.io/";
/// Where a client posts a message of its own.
pub const MESSAGES: &str = "/messages";

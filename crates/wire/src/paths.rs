//! The paths of the HTTP interface. Each takes the query of [`Resume`](crate::Resume).

/// Polls, short and long: an answer with the messages that are there.
pub const EVENTS: &str = "/events";
/// A response that never ends, NDJSON or Server-Sent Events.
pub const STREAM: &str = "/stream";
/// The WebSocket handshake.
pub const WEBSOCKET: &str = "/ws";
/// Where a client posts a message of its own.
pub const MESSAGES: &str = "/messages";
/// Engine.IO, and Socket.IO on it: its default path. Takes the query of Engine.IO.
pub const SOCKETIO: &str = "/socket.io/";

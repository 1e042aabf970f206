//! What opens a session of Socket.IO: exchanges that carry nothing but handshake, and the first frames of a WebSocket.

use crate::case::Head;

/// What a session says before its first event.
///
/// - polling: a GET for the open packet; a POST of the CONNECT; a GET for its answer
/// - websocket: a GET for the upgrade; open packet and CONNECT's answer in frames, and the CONNECT
/// - upgrade: all that polling has; a GET for the upgrade; the probe both ways, and the upgrade packet; and a GET for the
///   noop, if the client had asked again by then
///
/// Chance decides whether an upgrade's CONNECT is answered before its poll is freed.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Requests and their answers, the upgrade too.
    pub exchanges: &'a [Exchange<'a>],
    /// Bytes of each packet that goes up in a frame.
    pub frames_up: &'a [u64],
    /// Bytes of each packet that comes down in a frame.
    pub frames_down: &'a [u64],
    /// Connections that are opened for it.
    pub connections: u64,
}

/// A request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// What they say; `content-length` is set by theory.
    pub head: Head<'a>,
    /// Bytes of the request's content; none for a GET.
    pub asks: Option<u64>,
    /// Bytes of the answer's content; none for an upgrade.
    pub answers: Option<u64>,
}

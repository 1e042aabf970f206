//! A session's socket: events and pings out, messages in.
//!
//! Two libraries stand behind it. tungstenite does everything but compress; where compression was agreed on, the codec
//! of [`protocol::deflate`] does. Neither touches the socket: they read and write memory.

mod deflated;
mod plain;

use std::future::Future;

use bytes::Bytes;
use server_kit::stream::Stream;

use crate::close_reason::End;

pub(crate) use deflated::Deflated;
pub(crate) use plain::Plain;

/// A WebSocket behind its handshake, on the server's side.
pub(crate) trait Socket: Send {
    /// Sends events, given as [`encode`](crate::encode) has them: whole frames, one behind the other. In one write, where
    /// the stream takes it.
    fn send(&mut self, frames: Bytes) -> impl Future<Output = Result<(), End>> + Send;

    /// Sends a ping.
    fn ping(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// The client's next message; pings are answered on the way. A close frame is answered by the next
    /// [`flush`](Self::flush). Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Bytes, End>> + Send;

    /// Sends a close frame, behind what waits.
    fn close(&mut self, code: u16, reason: String) -> impl Future<Output = Result<(), End>> + Send;

    /// Writes what waits.
    fn flush(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// The stream below.
    fn into_stream(self) -> Stream;
}

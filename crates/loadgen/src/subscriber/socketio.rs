//! Socket.IO 5 on Engine.IO 4, by each of its ways: polling, polling upgraded to WebSocket, WebSocket.
//!
//! What is sent, in which order and on how many connections is what the official client does in a browser
//! (`engine.io-client` 6.6.8); the bytes are made and read by [`protocol::engine_io`] and [`protocol::socket_io`].
//!
//! - `polling`: polls, and posts on a connection of their own
//! - `websocket`: a packet a frame, in a session that begins so or by polling
//! - `inbox`, `outbox`: what is common to all: packets taken in, and packets that wait to be sent
//! - `requests`: what is asked for

mod inbox;
mod outbox;
mod polling;
mod requests;
mod websocket;

use std::rc::Rc;

use bytes::Bytes;
use model::settings::SocketIoTransports;
use protocol::socket_io::{self, Argument, Kind, MESSAGE, Packet};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::SubscribeError;
use crate::session::Session;
use inbox::{Application, Heartbeat, Inbox, SessionEnd};
use outbox::Outbox;

pub use inbox::SocketIoError;

/// Joins the main namespace and takes its events [`MESSAGE`] until the server ends the session, or
/// the trial does, which leaves the namespace and closes the session.
/// Fails when the server cannot be reached, refuses, does not let itself be upgraded, closes the session, falls silent,
/// or sends what is no Engine.IO or Socket.IO.
pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
    let outbox = Rc::new(Outbox::new(session.clone()));
    let subscriber = EventReceiver { session: session.clone(), outbox: Rc::clone(&outbox) };
    talk(&session, &outbox, subscriber).await
}

/// Runs a session by the way of the settings.
async fn talk(
    session: &Session,
    outbox: &Outbox,
    application: impl Application,
) -> Result<(), SubscribeError> {
    let heartbeat = Heartbeat::default();
    let mut inbox = Inbox::new(session, outbox, &heartbeat, application);
    let ended = match session.settings().socketio.transports {
        SocketIoTransports::Polling => polling::run(session, &mut inbox).await,
        SocketIoTransports::Upgrade => websocket::run_upgraded(session, &mut inbox).await,
        SocketIoTransports::Websocket => websocket::run(session, &mut inbox).await,
    };
    match ended {
        Ok(()) | Err(SessionEnd::Ended) => Ok(()),
        Err(SessionEnd::Failed(error)) => Err(error),
    }
}

/// Hands messages to the session, and answers those that want to be.
struct EventReceiver {
    session: Session,
    outbox: Rc<Outbox>,
}

impl Application for EventReceiver {
    fn message(&mut self, message: &[u8]) -> usize {
        self.session.received(message)
    }

    fn packet(&mut self, packet: Packet) -> Result<usize, SubscribeError> {
        // Nothing of a subscriber's asks for an answer.
        if matches!(packet.kind, Kind::Ack | Kind::BinaryAck) {
            return Ok(0);
        }
        let event = packet.to_event().map_err(SocketIoError::from)?;
        if self.session.subscription().is_some() {
            if let Some(id) = packet.id {
                self.outbox.push_packet(&Packet::ack(id, &[]));
            }
            // Servers of others have names and arguments of their own.
            let mut text = format!("{} ", event.name).into_bytes();
            for argument in &event.arguments {
                let (Argument::Json(bytes) | Argument::Binary(bytes)) = argument;
                text.extend_from_slice(bytes);
            }
            return Ok(self.session.received(&text));
        }
        match (event.name.as_str(), event.arguments.first()) {
            (MESSAGE, Some(Argument::Json(message) | Argument::Binary(message))) => {
                self.session.received(message);
                if let Some(id) = packet.id {
                    self.outbox.push_packet(&Packet::ack(id, &[]));
                }
                Ok(1)
            }
            (socket_io::DISMISSED, said) => {
                let said = said.and_then(Argument::to_text).unwrap_or_default();
                Err(SubscribeError::session_closed(said.as_bytes()))
            }
            // The official client ignores other events, too.
            _ => Ok(0),
        }
    }
}

/// A client that has joined the main namespace. Its session is driven by a task of its own on this thread, which must be
/// one of a [`LocalSet`](tokio::task::LocalSet); pings are answered there. Dropping it breaks the connection off.
#[derive(Debug)]
pub struct Socket {
    outbox: Rc<Outbox>,
    packets: mpsc::UnboundedReceiver<Packet>,
    task: JoinHandle<Result<(), SubscribeError>>,
}

impl Socket {
    /// Joins.
    /// Fails as [`subscribe`] does.
    pub async fn open(session: Session) -> Result<Self, SubscribeError> {
        let outbox = Rc::new(Outbox::new(session.clone()));
        let (sender, packets) = mpsc::unbounded_channel();
        let (joined, mut has_joined) = mpsc::unbounded_channel();
        let task = tokio::task::spawn_local({
            let outbox = Rc::clone(&outbox);
            async move { talk(&session, &outbox, ByHand { sender, joined }).await }
        });
        let mut socket = Self { outbox, packets, task };
        match has_joined.recv().await {
            Some(()) => Ok(socket),
            None => {
                Err(socket.ended().await.err().unwrap_or_else(|| SubscribeError::session_closed(b"closed")))
            }
        }
    }

    /// Sends a packet; for instance [`Packet::event`] or [`Packet::ack`].
    pub fn send(&self, packet: &Packet) {
        self.outbox.push_packet(packet);
    }

    /// The next event or acknowledgement, whole with its attachments; none when the session has ended.
    pub async fn next(&mut self) -> Option<Packet> {
        self.packets.recv().await
    }

    /// Waits until the session has ended, and returns why.
    /// Fails as [`subscribe`] does.
    pub async fn ended(&mut self) -> Result<(), SubscribeError> {
        // A task that was aborted or has panicked reports nothing about the server.
        (&mut self.task).await.unwrap_or(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct ByHand {
    sender: mpsc::UnboundedSender<Packet>,
    joined: mpsc::UnboundedSender<()>,
}

/// A receiver that has gone loses nothing.
impl Application for ByHand {
    fn message(&mut self, message: &[u8]) -> usize {
        let argument = Argument::Json(Bytes::copy_from_slice(message));
        let _ = self.sender.send(Packet::event(MESSAGE, &[argument], None));
        1
    }

    fn packet(&mut self, packet: Packet) -> Result<usize, SubscribeError> {
        let _ = self.sender.send(packet);
        Ok(0)
    }

    fn joined(&mut self) {
        let _ = self.joined.send(());
    }
}

//! A client by hand: joins by the way of the settings, and hands on what comes as it is.

use std::rc::Rc;

use bytes::Bytes;
use protocol::socket_io::{Argument, MESSAGE, Packet};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::inbox::Application;
use super::outbox::Outbox;
use super::talk;
use crate::session::Session;
use crate::subscriber::SubscribeError;

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
    ///
    /// # Errors
    ///
    /// As of [`subscribe`](super::subscribe).
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

    /// Waits until the session has ended, and says why.
    ///
    /// # Errors
    ///
    /// As of [`subscribe`](super::subscribe).
    pub async fn ended(&mut self) -> Result<(), SubscribeError> {
        // A task that was aborted or has panicked has said nothing of the server.
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
    fn message(&mut self, message: &[u8]) {
        let argument = Argument::Json(Bytes::copy_from_slice(message));
        let _ = self.sender.send(Packet::event(MESSAGE, &[argument], None));
    }

    fn packet(&mut self, packet: Packet) -> Result<usize, SubscribeError> {
        let _ = self.sender.send(packet);
        Ok(0)
    }

    fn joined(&mut self) {
        let _ = self.joined.send(());
    }
}

//! Socket.IO 5 on Engine.IO 4, by each of its ways: polling, polling upgraded to WebSocket, WebSocket.
//!
//! What is sent, in which order and on how many connections is what the official client does in a browser
//! (`engine.io-client` 6.6.8); the bytes are made and read by [`protocol::engine_io`] and [`protocol::socket_io`].
//!
//! - `polling`: polls, and posts on a connection of their own
//! - `websocket`: a packet a frame
//! - `upgrade`: from the one to the other
//! - `inbox`, `outbox`: what is common to all: packets taken in, and packets that wait to be sent
//! - `requests`: what is asked for
//! - `socket`: a client by hand, for code that is not a subscriber
//! - `error`: what can go wrong

mod error;
mod inbox;
mod outbox;
mod polling;
mod requests;
mod socket;
mod upgrade;
mod websocket;

use std::rc::Rc;

use model::settings::SocketIoTransports;
use protocol::socket_io::{self, Argument, Kind, Packet};

use super::SubscribeError;
use crate::session::Session;

use error::SessionEnd;
use inbox::{Application, Heartbeat, Inbox};
use outbox::Outbox;

pub use error::SocketIoError;
pub use socket::Socket;

/// Joins the main namespace and takes its events [`MESSAGE`](socket_io::MESSAGE) until the server ends the session, or
/// the trial does, which leaves the namespace and closes the session.
///
/// # Errors
///
/// When the server cannot be reached, refuses, does not let itself be upgraded, dismisses the subscriber, falls silent,
/// or says what is no Engine.IO or Socket.IO.
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
        SocketIoTransports::Upgrade => upgrade::run(session, &mut inbox).await,
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
    fn message(&mut self, message: &[u8]) {
        self.session.received(message);
    }

    fn packet(&mut self, packet: Packet) -> Result<usize, SubscribeError> {
        // Nothing of a subscriber's asks for an answer.
        if matches!(packet.kind, Kind::Ack | Kind::BinaryAck) {
            return Ok(0);
        }
        let event = packet.to_event().map_err(SocketIoError::from)?;
        match (event.name.as_str(), event.arguments.first()) {
            (socket_io::MESSAGE, Some(Argument::Json(message) | Argument::Binary(message))) => {
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

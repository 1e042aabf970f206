//! What comes: packets of Engine.IO, and the packets of Socket.IO in them; what can go wrong, and what ends a session.

use std::time::Duration;

use bytes::Bytes;
use protocol::engine_io::{self, Handshake, HandshakeError, PacketError};
use protocol::socket_io::{self, DecodeError, Decoder, Packet, PayloadError};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::outbox::Outbox;
use crate::session::Session;
use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

/// The receiver of messages of the main namespace.
pub(super) trait Application {
    /// Receives an event of the usual name, and returns how many messages it was.
    fn message(&mut self, message: &[u8]) -> usize;

    /// Receives any other event, or an acknowledgement, and returns how many messages it was.
    fn packet(&mut self, packet: Packet) -> Result<usize, SubscribeError>;

    /// The server has let the client join.
    fn joined(&mut self) {}
}

/// Takes packets in.
pub(super) struct Inbox<'a, A> {
    session: &'a Session,
    pub(super) outbox: &'a Outbox,
    pub(super) heartbeat: &'a Heartbeat,
    decoder: Decoder,
    application: A,
    has_joined: bool,
    stays: bool,
}

/// Whether the server pings as often as it announced ("Heartbeat" of Engine.IO's document).
#[derive(Default)]
pub(super) struct Heartbeat(Notify);

impl<'a, A: Application> Inbox<'a, A> {
    pub(super) fn new(
        session: &'a Session,
        outbox: &'a Outbox,
        heartbeat: &'a Heartbeat,
        application: A,
    ) -> Self {
        let decoder = Decoder::new(MESSAGE_LIMIT);
        Self { session, outbox, heartbeat, decoder, application, has_joined: false, stays: false }
    }

    /// Handles a packet, and returns how many messages it was.
    pub(super) fn take(&mut self, packet: engine_io::Packet) -> Result<usize, SessionEnd> {
        use engine_io::{Kind, Packet::Binary, Packet::Text};
        match packet {
            Text(Kind::Message, text) => self.take_text(&text),
            Binary(attachment) => {
                let packet = self.decoder.attachment(attachment).map_err(SocketIoError::from)?;
                packet.map_or(Ok(0), |packet| self.take_packet(packet))
            }
            Text(Kind::Ping, _) => {
                self.heartbeat.0.notify_one();
                self.outbox.push(engine_io::Packet::bare(Kind::Pong));
                Ok(0)
            }
            Text(Kind::Close, _) => Err(SessionEnd::Ended),
            Text(Kind::Noop | Kind::Pong, _) => Ok(0),
            Text(Kind::Open | Kind::Upgrade, _) => Err(unexpected("a message", &packet).into()),
        }
    }

    /// Notes that the transport is the one that stays.
    pub(super) fn transport_stays(&mut self) {
        self.stays = true;
        self.settle();
    }

    fn take_text(&mut self, text: &Bytes) -> Result<usize, SessionEnd> {
        if let Some(message) = socket_io::message(text)
            && !self.decoder.is_waiting()
        {
            return Ok(self.application.message(message));
        }
        let packet = self.decoder.text(text).map_err(SocketIoError::from)?;
        packet.map_or(Ok(0), |packet| self.take_packet(packet))
    }

    fn take_packet(&mut self, packet: Packet) -> Result<usize, SessionEnd> {
        use socket_io::Kind;
        match packet.kind {
            // This client joins no other namespace.
            _ if packet.namespace != self.outbox.namespace() => Ok(0),
            Kind::Connect => {
                self.has_joined = true;
                self.outbox.joined();
                self.application.joined();
                self.settle();
                Ok(0)
            }
            Kind::Disconnect => Err(SessionEnd::Ended),
            Kind::ConnectError => Err(SocketIoError::Refused(packet.refusal()).into()),
            Kind::Event | Kind::BinaryEvent | Kind::Ack | Kind::BinaryAck => {
                Ok(self.application.packet(packet)?)
            }
        }
    }

    fn settle(&self) {
        if self.has_joined && self.stays {
            self.session.connected();
        }
    }
}

impl Heartbeat {
    /// Runs as long as the server pings, and returns the error when it does not.
    pub(super) async fn watch(&self, handshake: &Handshake) -> SocketIoError {
        let idle_timeout: Duration = handshake.patience();
        while timeout(idle_timeout, self.0.notified()).await.is_ok() {}
        SocketIoError::Silent(idle_timeout)
    }
}

/// The content of the open packet, with which the server must begin.
pub(super) fn handshake(packet: &engine_io::Packet) -> Result<Handshake, SocketIoError> {
    match packet {
        engine_io::Packet::Text(engine_io::Kind::Open, data) => Ok(Handshake::decode(data)?),
        other => Err(unexpected("an open packet", other)),
    }
}

/// Another packet came than was due.
pub(super) fn unexpected(wanted: &'static str, got: &engine_io::Packet) -> SocketIoError {
    let got = match got {
        engine_io::Packet::Text(kind, _) => format!("a packet of kind {kind:?}"),
        engine_io::Packet::Binary(_) => "an attachment".to_owned(),
    };
    SocketIoError::Unexpected(wanted, got)
}

/// What a server of Socket.IO does wrong, or does not do.
#[derive(Debug, thiserror::Error)]
pub enum SocketIoError {
    /// What it sends is no Engine.IO.
    #[error("read Engine.IO")]
    Engine(#[from] PacketError),
    /// Its first packet is incomplete.
    #[error("read the server's open packet")]
    Handshake(#[from] HandshakeError),
    /// What it sends is Engine.IO and no Socket.IO.
    #[error("read Socket.IO")]
    Packet(#[from] DecodeError),
    /// An event has no sound arguments.
    #[error("read an event")]
    Payload(#[from] PayloadError),
    /// The first was due, and it sends the second.
    #[error("{0} was due, and the server sent {1}")]
    Unexpected(&'static str, String),
    /// It does not let the client join, for this reason.
    #[error("the server refused to connect: {0}")]
    Refused(String),
    /// It offers no upgrade.
    #[error("the server offers no upgrade to WebSocket")]
    NoUpgrade,
    /// It does not answer on the WebSocket that is to be upgraded to.
    #[error("the server did not answer the probe within {0:?}")]
    Unanswered(Duration),
    /// It does not ping as often as it announced, so the connection is taken for closed.
    #[error("the server did not ping within {0:?}")]
    Silent(Duration),
}

/// Why a session goes on no more.
#[derive(Debug)]
pub(super) enum SessionEnd {
    /// The server ended it, or closed the connection.
    Ended,
    Failed(SubscribeError),
}

impl<E: Into<SubscribeError>> From<E> for SessionEnd {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An error of Engine.IO's, as of whatever else a subscriber fails by.
impl From<PacketError> for SubscribeError {
    fn from(error: PacketError) -> Self {
        SocketIoError::from(error).into()
    }
}

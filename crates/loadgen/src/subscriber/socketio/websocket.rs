//! WebSocket: a packet a frame ("WebSocket" of Engine.IO's document).

use std::time::Duration;

use bytes::Bytes;
use protocol::deflate::Kind as FrameKind;
use protocol::engine_io::{Handshake, Kind, PROBE, Packet};
use tokio::time::timeout;

use super::error::{SessionEnd, SocketIoError};
use super::inbox::{Application, Inbox, handshake, unexpected};
use super::requests::websocket_target;
use crate::session::Session;
use crate::subscriber::SubscribeError;
use crate::subscriber::websocket::Socket;
use crate::subscriber::websocket::frame_socket::{CLOSE_LIMIT, end};
use crate::subscriber::websocket::handshake::upgrade;
use crate::transport::Stream;

/// Opens a session by WebSocket, and talks until the server ends it or the trial does.
pub(super) async fn run(
    session: &Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<(), SessionEnd> {
    let opening = async {
        let mut frames = Frames::open(session, None).await?;
        let first = frames.next().await?.ok_or(SessionEnd::Ended)?;
        let handshake = handshake(&first)?;
        Ok::<_, SessionEnd>((frames, handshake))
    };
    let (frames, handshake) = tokio::select! {
        opened = opening => opened?,
        () = session.stopped() => return Ok(()),
    };
    inbox.outbox.ask_to_join();
    inbox.transport_stays();
    frames.run(session, inbox, &handshake).await
}

/// A WebSocket that carries packets.
pub(super) struct Frames(Socket<Stream>);

impl Frames {
    /// Opens one, for a session that is there already or for a new one.
    pub(super) async fn open(session: &Session, sid: Option<&str>) -> Result<Self, SubscribeError> {
        let opened = upgrade(session, &websocket_target(sid)).await?;
        match opened.agreement {
            None => Ok(Self(Socket::new(opened.stream, opened.read))),
            Some(_) => Err(SubscribeError::Extensions("permessage-deflate".into())),
        }
    }

    /// Asks whether the server is there, and waits so long for its answer.
    pub(super) async fn probe(&mut self, patience: Duration) -> Result<(), SessionEnd> {
        self.send(&Packet::Text(Kind::Ping, Bytes::from_static(PROBE))).await?;
        let answered = timeout(patience, self.next()).await;
        match answered.map_err(|_| SocketIoError::Unanswered(patience))?? {
            Some(Packet::Text(Kind::Pong, data)) if data == PROBE => Ok(()),
            Some(other) => Err(unexpected("the probe's answer", &other).into()),
            None => Err(SocketIoError::Unanswered(patience).into()),
        }
    }

    /// Talks until the server ends the session or the trial does; the connection is closed then.
    pub(super) async fn run(
        mut self,
        session: &Session,
        inbox: &mut Inbox<'_, impl Application>,
        handshake: &Handshake,
    ) -> Result<(), SessionEnd> {
        let ended = self.talk(session, inbox, handshake).await;
        let closing = async {
            if ended.is_ok() {
                inbox.outbox.leave();
                self.close_gracefully(inbox).await?;
            }
            Ok::<_, SubscribeError>(end(self.0.into_inner()).await?)
        };
        // A server that does not answer a close in time is left.
        let _ = timeout(CLOSE_LIMIT, closing).await;
        ended
    }

    /// Ends well when the trial is over.
    async fn talk(
        &mut self,
        session: &Session,
        inbox: &mut Inbox<'_, impl Application>,
        handshake: &Handshake,
    ) -> Result<(), SessionEnd> {
        let (outbox, heartbeat) = (inbox.outbox, inbox.heartbeat);
        let (stopped, silent) = (session.stopped(), heartbeat.watch(handshake));
        tokio::pin!(stopped, silent);
        loop {
            tokio::select! {
                packet = self.next() => {
                    let events = inbox.take(packet?.ok_or(SessionEnd::Ended)?)?;
                    if events > 0 {
                        session.response(events);
                    }
                }
                packet = outbox.next() => self.send(&packet).await?,
                silent = &mut silent => return Err(silent.into()),
                () = &mut stopped => return Ok(()),
            }
        }
    }

    /// Sends what waits to be sent, closes as a browser does, without a code, and waits for the server's answer.
    async fn close_gracefully(&mut self, inbox: &Inbox<'_, impl Application>) -> Result<(), SubscribeError> {
        while let Some(packet) = inbox.outbox.take_queued() {
            self.send(&packet).await?;
        }
        self.0.close(None).await?;
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// The next packet; none when the server has closed.
    async fn next(&mut self) -> Result<Option<Packet>, SubscribeError> {
        match self.0.next().await? {
            None => Ok(None),
            Some((FrameKind::Text, text)) => Ok(Some(Packet::from_frame(&text)?)),
            Some((FrameKind::Binary, bytes)) => Ok(Some(Packet::Binary(bytes))),
        }
    }

    pub(super) async fn send(&mut self, packet: &Packet) -> Result<(), SubscribeError> {
        let kind = match packet {
            Packet::Text(..) => FrameKind::Text,
            Packet::Binary(_) => FrameKind::Binary,
        };
        self.0.send(kind, &packet.to_frame()).await
    }
}

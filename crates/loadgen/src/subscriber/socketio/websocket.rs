//! WebSocket: a packet a frame ("WebSocket" of Engine.IO's document); and from polling to WebSocket, as the official client does it
//! ("Upgrade"): the session begins by polling, a WebSocket is probed beside it, the polls and posts under way are let end, and
//! the session goes on there.

use std::time::Duration;

use bytes::Bytes;
use protocol::deflate::Kind as FrameKind;
use protocol::engine_io::{Handshake, Kind, PROBE, Packet};
use tokio::sync::watch;
use tokio::time::timeout;

use super::inbox::{Application, Inbox, handshake, unexpected};
use super::inbox::{SessionEnd, SocketIoError};
use super::polling::{OpenSession, open_session};
use super::requests::websocket_target;
use crate::session::Session;
use crate::subscriber::SubscribeError;
use crate::subscriber::websocket::Socket;
use crate::subscriber::websocket::frame::{CLOSE_LIMIT, end};
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
    pub(super) async fn probe(&mut self, idle_timeout: Duration) -> Result<(), SessionEnd> {
        self.send(&Packet::Text(Kind::Ping, Bytes::from_static(PROBE))).await?;
        let answered = timeout(idle_timeout, self.next()).await;
        match answered.map_err(|_| SocketIoError::Unanswered(idle_timeout))?? {
            Some(Packet::Text(Kind::Pong, data)) if data == PROBE => Ok(()),
            Some(other) => Err(unexpected("the probe's answer", &other).into()),
            None => Err(SocketIoError::Unanswered(idle_timeout).into()),
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

/// What the session can be upgraded to, as the open packet calls it.
const WEBSOCKET: &str = "websocket";
/// No probe is waited for longer, whatever limit the server names.
const LONGEST_PROBE: Duration = Duration::from_secs(20);

/// Begins by polling, goes on by WebSocket, and talks until the server ends the session or the trial does.
pub(super) async fn run_upgraded(
    session: &Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<(), SessionEnd> {
    let (frames, handshake) = tokio::select! {
        upgraded = upgrade_session(session, inbox) => upgraded?,
        () = session.stopped() => return Ok(()),
    };
    inbox.transport_stays();
    frames.run(session, inbox, &handshake).await
}

async fn upgrade_session(
    session: &Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<(Frames, Handshake), SessionEnd> {
    let (outbox, heartbeat) = (inbox.outbox, inbox.heartbeat);
    let OpenSession { mut poller, mut poster, handshake } = open_session(session, inbox).await?;
    if !handshake.upgrades.iter().any(|way| way == WEBSOCKET) {
        return Err(SocketIoError::NoUpgrade.into());
    }
    let (pause, paused) = watch::channel(false);
    let changing = async {
        tokio::try_join!(
            poller.run(inbox, paused.clone()),
            poster.run(outbox, paused.clone()),
            probe(session, &handshake, &pause)
        )
    };
    let ((), (), mut frames) = tokio::select! {
        changed = changing => changed?,
        silent = heartbeat.watch(&handshake) => return Err(silent.into()),
    };
    frames.send(&Packet::bare(Kind::Upgrade)).await?;
    Ok((frames, handshake))
}

/// Opens a WebSocket, tries it out, and asks for a pause of everything else.
async fn probe(
    session: &Session,
    handshake: &Handshake,
    pause: &watch::Sender<bool>,
) -> Result<Frames, SessionEnd> {
    let mut frames = Frames::open(session, Some(&handshake.sid)).await.map_err(failed)?;
    frames.probe(handshake.ping_timeout.min(LONGEST_PROBE)).await?;
    pause.send_replace(true);
    Ok(frames)
}

fn failed(error: SubscribeError) -> SessionEnd {
    SessionEnd::Failed(SubscribeError::Upgrade(Box::new(error)))
}

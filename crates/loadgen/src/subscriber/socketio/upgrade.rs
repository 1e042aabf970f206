//! From polling to WebSocket, as the official client does it ("Upgrade" of Engine.IO's document): the session begins by
//! polling, a WebSocket is probed beside it, the polls and posts under way are let end, and the session goes on there.

use std::time::Duration;

use protocol::engine_io::{Handshake, Kind, Packet};
use tokio::sync::watch;

use super::error::{SessionEnd, SocketIoError};
use super::inbox::{Application, Inbox};
use super::polling::{OpenSession, open_session};
use super::websocket::Frames;
use crate::session::Session;
use crate::subscriber::SubscribeError;

/// What the session can be upgraded to, as the open packet calls it.
const WEBSOCKET: &str = "websocket";
/// No probe is waited for longer, whatever the server says of itself.
const LONGEST_PROBE: Duration = Duration::from_secs(20);

/// Begins by polling, goes on by WebSocket, and talks until the server ends the session or the trial does.
pub(super) async fn run(
    session: &Session,
    inbox: &mut Inbox<'_, impl Application>,
) -> Result<(), SessionEnd> {
    let (frames, handshake) = tokio::select! {
        upgraded = upgrade(session, inbox) => upgraded?,
        () = session.stopped() => return Ok(()),
    };
    inbox.transport_stays();
    frames.run(session, inbox, &handshake).await
}

async fn upgrade(
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

//! The server of a situation, for one client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use model::close_case::CloseFrame;
use server_kit::hub::Dismissal;
use server_kit::settings::{Limits, Transport};
use server_kit::tls::{Certificate, Resumption, TlsServer};
use server_kit::{Hub, Settings, Stopper, lifetime};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::breaker::{self, CLOSE};
use super::situation::{Act, Ending, MESSAGE_LIMIT, Situation};
use crate::browser_probe::task::{Task, listener};

/// How long a client may take for its part of the end.
const LONGEST: Duration = Duration::from_secs(5);
/// What our server says when it stops.
const STOPPING: (u16, &str) = (1001, "going away");
/// The reason that our server is told to give.
const REASON: &str = "as told";

/// A server that waits for its client.
pub(super) struct Stage {
    /// Where it listens.
    pub(super) address: SocketAddr,
    server: Server,
}

enum Server {
    Ours { hub: Hub, stopper: Stopper, _task: Task<io::Result<()>> },
    Breaker { cue: Option<oneshot::Sender<()>>, task: Task<io::Result<Option<CloseFrame>>> },
}

impl Stage {
    /// Starts what the situation needs.
    pub(super) async fn set(situation: &Situation) -> anyhow::Result<Self> {
        let (listener, address) = listener().await.context("listen for a client")?;
        let (cue, heard) = oneshot::channel();
        let cue = Some(cue);
        let server = match situation.ending {
            Ending::Sends(bytes) => {
                Server::Breaker { cue, task: Task::spawn(breaker::sends(listener, heard, bytes)) }
            }
            Ending::Gone(going) => {
                Server::Breaker { cue, task: Task::spawn(breaker::goes(listener, heard, going)) }
            }
            _ => {
                let settings = settings(situation.is_secure())?;
                let hub = Hub::new(server_websocket::encode(settings.frames), &settings);
                let (stopper, stop) = lifetime::channel();
                let serving = server_websocket::serve(listener, hub.clone(), settings, stop);
                Server::Ours { hub, stopper, _task: Task::spawn(serving) }
            }
        };
        Ok(Self { address, server })
    }

    /// Brings the end about where it is the server's to do so.
    pub(super) fn play(&mut self, situation: &Situation) -> anyhow::Result<()> {
        match (&mut self.server, &situation.ending) {
            (Server::Ours { stopper, .. }, Ending::Stopped) => stopper.stop(),
            (Server::Ours { hub, .. }, Ending::Told) => {
                hub.dismiss(Dismissal { code: situation.code, reason: REASON.to_owned() })?;
            }
            (Server::Ours { .. }, _) => {}
            // A server that has gone already is found out by what the client sees.
            (Server::Breaker { cue, .. }, _) => _ = cue.take().map(|cue| cue.send(())),
        }
        Ok(())
    }

    /// The close frame of whoever closed, once the client has seen the end.
    pub(super) async fn sent(self, situation: &Situation) -> anyhow::Result<Option<CloseFrame>> {
        Ok(match &situation.ending {
            Ending::ByClient { act: Act::Close(close), .. } => Some(frame(*close)),
            Ending::ByClient { answer, .. } => Some(frame(*answer)),
            Ending::Stopped => Some(frame(Some(STOPPING))),
            Ending::Told => Some(frame(Some((situation.code, REASON)))),
            Ending::Sends([CLOSE, _, body @ ..]) => Some(breaker::close_frame(body)),
            Ending::Sends(_) | Ending::Gone(_) => self.heard().await?,
            Ending::Untrusted => None,
        })
    }

    /// What the client said to a server that broke the rules.
    async fn heard(self) -> anyhow::Result<Option<CloseFrame>> {
        let Server::Breaker { task, .. } = self.server else { return Ok(None) };
        let heard = timeout(LONGEST, task.outcome()).await.context("the client neither closed nor went")?;
        heard.context("the server broke down")?.context("serve a client")
    }
}

fn frame(said: Option<(u16, &str)>) -> CloseFrame {
    CloseFrame {
        code: said.map(|(code, _)| code),
        reason: said.map(|(_, reason)| reason.to_owned()).unwrap_or_default(),
    }
}

fn settings(secure: bool) -> anyhow::Result<Settings> {
    let tls =
        secure.then(|| TlsServer::new(Certificate::made()?, Resumption::Off).map_err(anyhow::Error::from));
    let tls = tls.transpose().context("make a certificate")?.map(Arc::new);
    Ok(Settings {
        transport: Transport { tls, ..Transport::default() },
        limits: Limits { message_bytes: MESSAGE_LIMIT, ..Limits::default() },
        ..Settings::default()
    })
}

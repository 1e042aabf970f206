//! The server of a case: ours, or one that misbehaves.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use model::close_case::CloseFrame;
use server_kit::hub::SessionClose;
use server_kit::settings::{Limits, Transport};
use server_kit::tls::{Certificate, Resumption, TlsServer};
use server_kit::{Hub, Settings, Stopper, lifetime};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::cases::{Case, ClientAction, Ending, MESSAGE_LIMIT};
use super::misbehaving_server::{self, CLOSE};

/// How long a client may take to end its connection.
const LONGEST: Duration = Duration::from_secs(5);
/// The close frame of our server when it stops.
const STOPPING: (u16, &str) = (1001, "going away");
/// The reason that our server gives on request.
const REASON: &str = "on request";

/// A server that waits for one client.
pub(super) struct CaseServer {
    pub(super) address: SocketAddr,
    server: Server,
}

enum Server {
    Ours { hub: Hub, stopper: Stopper, _task: JoinSet<io::Result<()>> },
    Misbehaving { cue: Option<oneshot::Sender<()>>, task: JoinSet<io::Result<Option<CloseFrame>>> },
}

impl CaseServer {
    /// Starts the server that the case needs.
    pub(super) async fn start(case: &Case) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for a client")?;
        let address = listener.local_addr()?;
        let (cue, cued) = oneshot::channel();
        let cue = Some(cue);
        let server = match case.ending {
            Ending::Sends(bytes) => {
                Server::Misbehaving { cue, task: spawn(misbehaving_server::send(listener, cued, bytes)) }
            }
            Ending::Disconnects(how) => {
                Server::Misbehaving { cue, task: spawn(misbehaving_server::disconnect(listener, cued, how)) }
            }
            _ => {
                let settings = settings(case.is_secure())?;
                let hub = Hub::new(server_websocket::encode(settings.frames), &settings);
                let (stopper, stop) = lifetime::channel();
                let serving = server_websocket::serve(listener, hub.clone(), settings, stop);
                Server::Ours { hub, stopper, _task: spawn(serving) }
            }
        };
        Ok(Self { address, server })
    }

    /// Ends the connection if that is the server's part.
    pub(super) fn end(&mut self, case: &Case) -> anyhow::Result<()> {
        match (&mut self.server, &case.ending) {
            (Server::Ours { stopper, .. }, Ending::Stopped) => stopper.stop(),
            (Server::Ours { hub, .. }, Ending::OnRequest) => {
                hub.close_sessions(SessionClose { code: case.code, reason: REASON.to_owned() })?;
            }
            (Server::Ours { .. }, _) => {}
            // Where the server has ended already, the client's events show it.
            (Server::Misbehaving { cue, .. }, _) => _ = cue.take().map(|cue| cue.send(())),
        }
        Ok(())
    }

    /// The close frame of the peer that closed, once the client has reported the end.
    pub(super) async fn sent(self, case: &Case) -> anyhow::Result<Option<CloseFrame>> {
        Ok(match &case.ending {
            Ending::ByClient { action: ClientAction::Close(close), .. } => Some(frame(*close)),
            Ending::ByClient { answer, .. } => Some(frame(*answer)),
            Ending::Stopped => Some(frame(Some(STOPPING))),
            Ending::OnRequest => Some(frame(Some((case.code, REASON)))),
            Ending::Sends([CLOSE, _, body @ ..]) => Some(misbehaving_server::close_frame(body)),
            Ending::Sends(_) | Ending::Disconnects(_) => self.received().await?,
            Ending::Untrusted => None,
        })
    }

    /// The client's close frame to a misbehaving server.
    async fn received(self) -> anyhow::Result<Option<CloseFrame>> {
        let Server::Misbehaving { mut task, .. } = self.server else { return Ok(None) };
        let ended = timeout(LONGEST, task.join_next()).await;
        let ended = ended.context("the client did not end its connection")?;
        ended.context("the server has ended")?.context("the server panicked")?.context("serve a client")
    }
}

/// Runs a server until it is dropped.
fn spawn<T: Send + 'static>(server: impl Future<Output = T> + Send + 'static) -> JoinSet<T> {
    let mut task = JoinSet::new();
    task.spawn(server);
    task
}

fn frame(close: Option<(u16, &str)>) -> CloseFrame {
    CloseFrame {
        code: close.map(|(code, _)| code),
        reason: close.map(|(_, reason)| reason.to_owned()).unwrap_or_default(),
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

//! The server of a case: ours, or one that shakes hands, waits for a cue, and then sends the bytes of the case or goes away.

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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::cases::{Case, Disconnect, Ending, MESSAGE_LIMIT};
use super::recording_server;

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
        let server = match case.ending {
            Ending::EmptyClose | Ending::ForbiddenCode | Ending::Breaks(_) | Ending::Disconnects(_) => {
                let misbehaving = misbehave(listener, cued, case.code, case.ending);
                Server::Misbehaving { cue: Some(cue), task: spawn(misbehaving) }
            }
            _ => {
                let settings = settings(case.is_secure())?;
                let hub = Hub::new(server_websocket::encode(&settings), &settings);
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
        Ok(match case.ending {
            Ending::ClientCloses(close) => Some(frame(close)),
            Ending::ClientSends(_, reason) | Ending::ClientBreaks(_, reason) => {
                Some(frame(Some((case.code, reason))))
            }
            Ending::Stopped => Some(frame(Some(STOPPING))),
            Ending::OnRequest => Some(frame(Some((case.code, REASON)))),
            Ending::EmptyClose => Some(frame(None)),
            Ending::ForbiddenCode => Some(frame(Some((case.code, "")))),
            Ending::Breaks(_) | Ending::Disconnects(_) => self.received().await?,
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

/// A close frame's first byte: FIN and opcode 8.
const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;
/// How long the client may take to respond.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// Resolves once the client has seen its socket open.
type Cue = oneshot::Receiver<()>;

/// Sends what the case asks for, and returns the close frame that the client sends in response, if any; or only disconnects.
async fn misbehave(
    listener: TcpListener,
    cue: Cue,
    code: u16,
    ending: Ending,
) -> io::Result<Option<CloseFrame>> {
    let mut stream = accept(&listener, cue).await?;
    match ending {
        Ending::Breaks(bytes) => stream.write_all(bytes).await?,
        Ending::ForbiddenCode => {
            let [high, low] = code.to_be_bytes();
            stream.write_all(&[CLOSE, 2, high, low]).await?;
        }
        Ending::Disconnects(how) => {
            if how == Disconnect::Reset {
                stream.set_zero_linger()?;
            }
            return Ok(None);
        }
        _ => stream.write_all(&[CLOSE, 0]).await?,
    }
    // A client that only disconnects or resets the connection sends none.
    let received = timeout(ANSWER_LIMIT, read_close(&mut stream)).await.ok().and_then(Result::ok).flatten();
    // Fails if the client has disconnected first.
    let _ = stream.shutdown().await;
    Ok(received)
}

/// A close frame's body, unmasked: nothing, or a code and a reason (RFC 6455 §5.5.1).
fn close_frame(body: &[u8]) -> CloseFrame {
    let parts = body.split_first_chunk();
    CloseFrame {
        code: parts.map(|(code, _)| u16::from_be_bytes(*code)),
        reason: parts.map(|(_, reason)| String::from_utf8_lossy(reason).into_owned()).unwrap_or_default(),
    }
}

/// Waits for the cue after the handshake: Firefox reports no `open` of a socket that ends at the moment it opens.
async fn accept(listener: &TcpListener, cue: Cue) -> io::Result<TcpStream> {
    let (mut stream, _) = listener.accept().await?;
    let head = recording_server::read_head(&mut stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let response = recording_server::switching(&head).ok_or(io::ErrorKind::InvalidData)?;
    stream.write_all(response.as_bytes()).await?;
    // An error means that the client is gone.
    let _ = cue.await;
    Ok(stream)
}

/// The client's close frame; it sends nothing else that is longer than 125 bytes.
async fn read_close(stream: &mut TcpStream) -> io::Result<Option<CloseFrame>> {
    loop {
        let mut head = [0; 6];
        stream.read_exact(&mut head).await?;
        let [first, len, mask @ ..] = head;
        if len & MASKED == 0 || len & !MASKED > 125 {
            return Ok(None);
        }
        let mut body = vec![0; usize::from(len & !MASKED)];
        stream.read_exact(&mut body).await?;
        if first == CLOSE {
            body.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            return Ok(Some(close_frame(&body)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_close_frame_has_no_code() {
        assert_eq!(close_frame(b""), CloseFrame { code: None, reason: String::new() });
        assert_eq!(close_frame(b"\x03\xe8bye"), CloseFrame { code: Some(1000), reason: "bye".to_owned() });
    }
}

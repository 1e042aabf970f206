//! What clients observe when a WebSocket ends: every [`Case`] in every client, one after another. The clients are tokio-tungstenite, and a
//! page's `WebSocket`.
//!
//! The native client reports like a browser. What its library leaves to the caller is not added: it does not send why it
//! fails a connection (RFC 6455 §7.1.7).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use browser::{Browser, Certificates};
use futures_util::{SinkExt as _, StreamExt as _};
use model::close_case::{CloseCase, SeenEvent};
use model::settings::Client;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::case_server::CaseServer;
use super::cases::{CASES, Case, Ending, unclean};
use super::recording_server::RecordingServer;

/// An observed case, and its index in [`CASES`].
pub(super) type OrderedCase = (usize, CloseCase);

/// What the native client observes. Fails if a server cannot be started.
pub(super) async fn native() -> anyhow::Result<Vec<OrderedCase>> {
    observe_all(Client::Native, &mut NativeObserver::default(), |_| true).await
}

/// What a page observes in a browser that accepts these certificates: one that checks them observes how they are rejected, and
/// one that accepts all of them observes everything else. Fails if a server cannot be started or a command of the browser fails.
pub(super) async fn in_pages(
    client: Client,
    browser: &mut Browser,
    accepted: Certificates,
) -> anyhow::Result<Vec<OrderedCase>> {
    let mut observer = PageObserver::open(browser).await?;
    observe_all(client, &mut observer, |case| case.is_secure() == (accepted == Certificates::Trusted)).await
}

/// By code, then by case, then by client.
pub(super) fn in_order(mut observed: Vec<OrderedCase>) -> Vec<CloseCase> {
    observed.sort_by_key(|(index, case)| (case.code, *index, case.client));
    observed.into_iter().map(|(_, case)| case).collect()
}

async fn observe_all(
    client: Client,
    observer: &mut impl Observer,
    condition: impl Fn(&Case) -> bool,
) -> anyhow::Result<Vec<OrderedCase>> {
    let mut observed = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        if case.is_for(client) && condition(case) {
            observed.push((index, observe(client, case, observer).await?));
        }
    }
    Ok(observed)
}

async fn observe(client: Client, case: &Case, observer: &mut impl Observer) -> anyhow::Result<CloseCase> {
    let mut server = CaseServer::start(case).await?;
    observer.open(case.is_secure(), server.address).await?;
    observer.act(case.ending).await?;
    server.end(case)?;
    let events = observer.events().await?;
    let sent = server.sent(case).await?;
    Ok(CloseCase {
        code: case.code,
        situation: case.text.to_owned(),
        real: case.is_real(),
        by: case.by(),
        client,
        conforms: case.holds(client, sent.as_ref(), &events),
        sent,
        events,
    })
}

/// How long a browser may wait for the server's part of an end.
const PAGE_LIMIT: Duration = Duration::from_secs(10);

const OPEN: &str = "
const [url] = arguments;
const seen = [];
const socket = new WebSocket(url);
const closed = new Promise((resolve) => {
    socket.onopen = () => seen.push({ event: 'open' });
    socket.onmessage = () => seen.push({ event: 'message' });
    socket.onerror = () => seen.push({ event: 'error' });
    socket.onclose = ({ code, reason, wasClean }) => {
        seen.push({ event: 'close', code, reason, clean: wasClean });
        resolve(seen);
    };
});
window.observed = { socket, closed };
await Promise.race([closed, new Promise((resolve) => socket.addEventListener('open', resolve))]);
";
const CLOSE: &str = "window.observed.socket.close(...arguments);";
const SEND: &str = "window.observed.socket.send('x'.repeat(arguments[0]));";
const EVENTS: &str = "return await window.observed.closed;";

/// A client that reports the events of a WebSocket.
trait Observer {
    /// Opens a socket, and returns once it is open or has failed.
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()>;

    /// Does the client's part of an end with the open socket.
    async fn act(&mut self, ending: Ending) -> anyhow::Result<()>;

    /// All events, once the socket is closed.
    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>>;
}

/// The native client, and the events of the connection that it opened last.
#[derive(Default)]
struct NativeObserver {
    socket: Option<WebSocketStream<TcpStream>>,
    seen: Vec<SeenEvent>,
}

impl Observer for NativeObserver {
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()> {
        self.seen.clear();
        let stream = TcpStream::connect(address).await.context("connect")?;
        if secure {
            if let Err(error) = without_authorities()?.connect(ServerName::from(address.ip()), stream).await {
                anyhow::ensure!(is_of_tls(&error), "the connection broke before TLS failed: {error}");
                self.seen.extend([SeenEvent::Error, unclean(1015)]);
            }
            return Ok(());
        }
        let (socket, _) = client_async(format!("ws://{address}/ws"), stream).await.context("shake hands")?;
        self.seen.push(SeenEvent::Open);
        self.socket = Some(socket);
        Ok(())
    }

    async fn act(&mut self, ending: Ending) -> anyhow::Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        match ending {
            Ending::ClientCloses(close) => {
                let frame =
                    close.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
                socket.close(frame).await?;
            }
            Ending::ClientSends(bytes, _) => socket.send(Message::text("x".repeat(bytes))).await?,
            Ending::ClientBreaks(bytes, _) => socket.get_mut().write_all(bytes).await?,
            _ => {}
        }
        Ok(())
    }

    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>> {
        if let Some(mut socket) = self.socket.take() {
            self.read_to_end(&mut socket).await;
        }
        Ok(std::mem::take(&mut self.seen))
    }
}

impl NativeObserver {
    async fn read_to_end(&mut self, socket: &mut WebSocketStream<TcpStream>) {
        let mut close = None;
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => close = Some(frame),
                Some(Ok(Message::Text(_) | Message::Binary(_))) => self.seen.push(SeenEvent::Message),
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed)) => break,
                Some(Err(_)) => {
                    self.seen.push(SeenEvent::Error);
                    break;
                }
            }
        }
        self.seen.push(match close {
            None => unclean(1006),
            Some(frame) => {
                let code = frame.as_ref().map_or(1005, |frame| frame.code.into());
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                SeenEvent::Close { code, reason, clean: !self.seen.contains(&SeenEvent::Error) }
            }
        });
    }
}

fn is_of_tls(error: &std::io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<tokio_rustls::rustls::Error>()).is_some()
}

fn without_authorities() -> anyhow::Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A page that opens sockets to servers on other ports.
struct PageObserver<'a> {
    browser: &'a mut Browser,
    /// Serves the page.
    _server: RecordingServer,
}

impl<'a> PageObserver<'a> {
    pub(super) async fn open(browser: &'a mut Browser) -> anyhow::Result<Self> {
        let server = RecordingServer::start().await?;
        browser.open(&server.url("/")).await?;
        Ok(Self { browser, _server: server })
    }
}

impl Observer for PageObserver<'_> {
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()> {
        let scheme = if secure { "wss" } else { "ws" };
        self.browser.call_within(PAGE_LIMIT, OPEN, vec![json!(format!("{scheme}://{address}/ws"))]).await?;
        Ok(())
    }

    async fn act(&mut self, ending: Ending) -> anyhow::Result<()> {
        let (script, args) = match ending {
            Ending::ClientCloses(None) => (CLOSE, Vec::new()),
            Ending::ClientCloses(Some((code, reason))) => (CLOSE, vec![json!(code), json!(reason)]),
            Ending::ClientSends(bytes, _) => (SEND, vec![json!(bytes)]),
            _ => return Ok(()),
        };
        self.browser.call(script, args).await?;
        Ok(())
    }

    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>> {
        let seen = self.browser.call_within(PAGE_LIMIT, EVENTS, Vec::new()).await?;
        serde_json::from_value(seen).context("read the page's events")
    }
}

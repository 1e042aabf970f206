//! The native client: tokio-tungstenite as it is, told as a browser tells it.
//!
//! What the library leaves to its caller is left: it does not say why it fails a connection (RFC 6455 §7.1.7).

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use model::close_case::SeenEvent;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::Observer;
use super::situation::Act;

/// No close frame had a code (RFC 6455 §7.4.1).
const NO_CODE: u16 = 1005;
/// No close frame came.
const ABNORMAL: u16 = 1006;
/// No connection came about, for TLS.
const TLS: u16 = 1015;

/// A client, and what it has seen of the connection that it opened last.
#[derive(Default)]
pub(super) struct Native {
    socket: Option<WebSocketStream<TcpStream>>,
    seen: Vec<SeenEvent>,
}

impl Observer for Native {
    async fn open(&mut self, secure: bool, address: SocketAddr) -> anyhow::Result<()> {
        self.seen.clear();
        let stream = TcpStream::connect(address).await.context("connect")?;
        if secure {
            if let Err(error) = trusting_nobody()?.connect(ServerName::from(address.ip()), stream).await {
                anyhow::ensure!(is_of_tls(&error), "the connection broke before TLS could: {error}");
                self.seen.extend([SeenEvent::Error, unclean(TLS)]);
            }
            return Ok(());
        }
        let (socket, _) = client_async(format!("ws://{address}/ws"), stream).await.context("shake hands")?;
        self.seen.push(SeenEvent::Open);
        self.socket = Some(socket);
        Ok(())
    }

    async fn act(&mut self, act: &Act) -> anyhow::Result<()> {
        let socket = self.socket.as_mut().context("the socket is not open")?;
        match *act {
            Act::Close(close) => {
                let frame =
                    close.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
                socket.close(frame).await?;
            }
            Act::Send(bytes) => socket.send(Message::text("x".repeat(bytes))).await?,
            Act::Break(bytes) => socket.get_mut().write_all(bytes).await?,
        }
        Ok(())
    }

    async fn events(&mut self) -> anyhow::Result<Vec<SeenEvent>> {
        if let Some(mut socket) = self.socket.take() {
            self.watch(&mut socket).await;
        }
        Ok(std::mem::take(&mut self.seen))
    }
}

impl Native {
    /// To the connection's end.
    async fn watch(&mut self, socket: &mut WebSocketStream<TcpStream>) {
        let mut farewell = None;
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => farewell = Some(frame),
                Some(Ok(Message::Text(_) | Message::Binary(_))) => self.seen.push(SeenEvent::Message),
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed)) => break,
                Some(Err(_)) => {
                    self.seen.push(SeenEvent::Error);
                    break;
                }
            }
        }
        self.seen.push(match farewell {
            None => unclean(ABNORMAL),
            Some(frame) => {
                let code = frame.as_ref().map_or(NO_CODE, |frame| frame.code.into());
                let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                SeenEvent::Close { code, reason, clean: !self.seen.contains(&SeenEvent::Error) }
            }
        });
    }
}

fn unclean(code: u16) -> SeenEvent {
    SeenEvent::Close { code, reason: String::new(), clean: false }
}

fn is_of_tls(error: &std::io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<tokio_rustls::rustls::Error>()).is_some()
}

fn trusting_nobody() -> anyhow::Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

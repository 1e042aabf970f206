//! How the connections of one load thread get their TLS: whom to trust, what to offer, which session to resume.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, version};

use super::session_tickets::SessionTickets;
use super::trust::{Trust, Verifier};
use crate::byte_accounting::Protocol;
use crate::subscriber::SubscribeError;

/// A server that gives tickets does so at once.
const TICKET_LIMIT: Duration = Duration::from_millis(500);

/// What the connections to one server have in common.
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    address: SocketAddr,
    /// None when every handshake is a full one.
    tickets: Option<Arc<SessionTickets>>,
}

impl Tls {
    /// TLS 1.3 with the server at `address`, with sessions resumed or not.
    pub(crate) fn new(trust: Trust, address: SocketAddr, resumes: bool) -> Self {
        let tickets = resumes.then(Arc::<SessionTickets>::default);
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier { trust, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .expect("ring has cipher suites of TLS 1.3");
        let mut config =
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        config.resumption = match &tickets {
            Some(tickets) => Resumption::store(tickets.clone()),
            None => Resumption::disabled(),
        };
        Self { connector: TlsConnector::from(Arc::new(config)), address, tickets }
    }

    /// The server's name in the handshake: its address, as in the `host` field.
    pub(crate) fn server(&self) -> ServerName<'static> {
        ServerName::IpAddress(self.address.ip().into())
    }

    /// Sees to it that the next connection can resume a session, if sessions are resumed: where no ticket is left, a
    /// connection that is not counted fetches some. At its return, one is there.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or gives none.
    pub(crate) async fn prime(&self, protocol: Protocol) -> Result<(), SubscribeError> {
        let Some(tickets) = &self.tickets else { return Ok(()) };
        // Another connection may take what was fetched.
        while tickets.is_empty() {
            self.fetch(tickets, protocol).await?;
        }
        Ok(())
    }

    async fn fetch(&self, tickets: &SessionTickets, protocol: Protocol) -> Result<(), SubscribeError> {
        let address = self.address;
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| SubscribeError::Connect { address, source })?;
        let alpn = alpn(protocol).map(|name| name.as_bytes().to_vec()).into_iter().collect();
        let shaking = self.connector.with_alpn(alpn).connect(self.server(), stream);
        let mut stream = shaking.await.map_err(SubscribeError::Tls)?;
        let came = tokio::time::timeout(TICKET_LIMIT, read_ticket(&mut stream, tickets)).await;
        let _ = tokio::time::timeout(TICKET_LIMIT, leave(stream)).await;
        match came {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(SubscribeError::NoTicket),
        }
    }
}

/// Whether a ticket comes before the connection's end. It is no data, so it is seen beside what a read returns.
async fn read_ticket(stream: &mut TlsStream<TcpStream>, tickets: &SessionTickets) -> bool {
    poll_fn(|cx| {
        let mut room = [0; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut room);
            let polled = Pin::new(&mut *stream).poll_read(cx, &mut buf);
            match polled {
                _ if !tickets.is_empty() => return Poll::Ready(true),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(false),
            }
        }
    })
    .await
}

/// Ends a connection without a reset. What is said on it does not matter.
async fn leave(mut stream: TlsStream<TcpStream>) {
    let mut room = [0; 1024];
    let _ = stream.shutdown().await;
    while matches!(stream.read(&mut room).await, Ok(1..)) {}
}

/// What is offered for a protocol (RFC 7301 §6).
pub(crate) fn alpn(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Http => Some("http/1.1"),
        Protocol::Http2 => Some("h2"),
        Protocol::RawTcp => None,
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("address", &self.address).field("tickets", &self.tickets).finish()
    }
}

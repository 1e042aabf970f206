//! How the connections of one load thread get their TLS: what to offer, which session to resume (RFC 8446 §4.6.1), and the one
//! certificate to trust, which the server named when it was started.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, NamedGroup, OtherError, SignatureScheme,
    version,
};

use crate::byte_accounting::Protocol;
use crate::subscriber::SubscribeError;

/// A server that gives tickets does so at once.
const TICKET_LIMIT: Duration = Duration::from_millis(500);

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
    /// Fails when the server cannot be reached, or gives none.
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
        let stream = stream.map_err(|source| SubscribeError::Connect(address, source))?;
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

/// Ends a connection without a reset. What still comes on it does not matter.
async fn leave(mut stream: TlsStream<TcpStream>) {
    let mut room = [0; 1024];
    let _ = stream.shutdown().await;
    while matches!(stream.read(&mut room).await, Ok(1..)) {}
}

/// What is offered for a protocol (RFC 7301 §6).
pub(crate) fn alpn(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Http | Protocol::TargetHttp => Some("http/1.1"),
        Protocol::Http2 => Some("h2"),
        Protocol::RawTcp => None,
    }
}

/// More are not kept. A server gives two or so with each connection.
const MOST: usize = 64;

/// What one load thread may resume of the one server. Each ticket serves once, the oldest first.
#[derive(Debug, Default)]
struct SessionTickets(Mutex<TicketStore>);

#[derive(Debug, Default)]
struct TicketStore {
    tickets: VecDeque<Tls13ClientSessionValue>,
    group: Option<NamedGroup>,
}

impl SessionTickets {
    fn is_empty(&self) -> bool {
        self.store().tickets.is_empty()
    }

    fn store(&self) -> MutexGuard<'_, TicketStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for SessionTickets {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.store().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.store().group
    }

    // TLS 1.2 is not spoken.
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let tickets = &mut self.store().tickets;
        if tickets.len() < MOST {
            tickets.push_back(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.store().tickets.pop_front()
    }
}

/// The certificate of the server that a trial is about. Exactly it is trusted, whatever names and times it bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust(CertificateDer<'static>);

/// Why there is nothing to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The settings ask for TLS and the server named no certificate.
    #[error("the settings ask for TLS, and the server named no certificate")]
    Missing,
    /// What it named is not base64.
    #[error("the server's certificate is not base64")]
    Base64(#[from] base64::DecodeError),
}

impl Trust {
    /// Trusts this certificate (DER).
    pub fn exactly(der: Vec<u8>) -> Self {
        Self(CertificateDer::from(der))
    }

    /// Trusts the certificate that a ready line names: DER in base64.
    /// Fails when it is not base64. What is inside is seen when a server shows it.
    pub fn from_base64(text: &str) -> Result<Self, TrustError> {
        Ok(Self::exactly(STANDARD.decode(text)?))
    }
}

/// Compares certificates, and has the signature checked by which a server proves that it holds the key.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

#[derive(thiserror::Error)]
#[error("another than the server named when it was started")]
struct AnotherCertificate;

/// rustls's own text quotes this.
impl fmt::Debug for AnotherCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.trust.0 {
            return Ok(ServerCertVerified::assertion());
        }
        let other = CertificateError::Other(OtherError(Arc::new(AnotherCertificate)));
        Err(Error::InvalidCertificate(other))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_base64_is_reported() {
        assert_eq!(Trust::from_base64("AQID").unwrap(), Trust::exactly(vec![1, 2, 3]));
        assert!(matches!(Trust::from_base64("no!"), Err(TrustError::Base64(_))));
    }
}

//! How the connections of one load thread get their TLS: what to offer, which session to resume (RFC 8446 §4.6.1), and what to
//! trust: the one certificate that the server named when it was started, or what a target's file says.

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
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue, WebPkiServerVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, NamedGroup, OtherError, RootCertStore,
    SignatureScheme, version,
};

use crate::byte_accounting::Protocol;
use crate::subscriber::SubscribeError;

/// A server that gives tickets does so at once.
const TICKET_LIMIT: Duration = Duration::from_millis(500);

pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    address: SocketAddr,
    server: ServerName<'static>,
    /// None when every handshake is a full one.
    tickets: Option<Arc<SessionTickets>>,
}

impl Tls {
    /// TLS 1.3 with the server at `address`, with sessions resumed or not.
    pub(crate) fn new(trust: &Trust, address: SocketAddr, resumes: bool) -> Self {
        let tickets = resumes.then(Arc::<SessionTickets>::default);
        let mut config = trust.client_config();
        config.resumption = match &tickets {
            Some(tickets) => Resumption::store(tickets.clone()),
            None => Resumption::disabled(),
        };
        let server = trust.server_name(address);
        Self { connector: TlsConnector::from(Arc::new(config)), address, server, tickets }
    }

    /// The server's name in the handshake.
    pub(crate) fn server(&self) -> ServerName<'static> {
        self.server.clone()
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

/// What the server of a trial must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Exactly this certificate, whatever names and times it bears: that of a server of our own.
    Exactly(CertificateDer<'static>),
    /// One for this name that one of these authorities has signed; any one where there are none.
    Named(ServerName<'static>, Option<Vec<CertificateDer<'static>>>),
}

/// Why there is nothing to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The settings ask for TLS and the server named no certificate.
    #[error("the settings ask for TLS, and the server named no certificate")]
    Missing,
    /// What it named is not base64.
    #[error("the server's certificate is not base64")]
    Base64(#[from] base64::DecodeError),
    /// No handshake can name that.
    #[error("`{0}`, the `name` of [tls], is neither a host name nor an IP address")]
    Name(String),
    /// The authorities' certificates cannot be read.
    #[error("`ca` of [tls] names no certificates in PEM: {0}")]
    Authorities(String),
}

impl Trust {
    /// Trusts this certificate (DER).
    pub fn exactly(der: Vec<u8>) -> Self {
        Self::Exactly(CertificateDer::from(der))
    }

    /// Trusts what a target's file says, with the text of its `ca` in place of the path.
    /// Fails when that, or the name, cannot be read.
    pub fn of_target(tls: &model::target::Tls) -> Result<Self, TrustError> {
        let name = ServerName::try_from(tls.name.clone()).map_err(|_| TrustError::Name(tls.name.clone()))?;
        let Some(pem) = &tls.ca else { return Ok(Self::Named(name, None)) };
        let unread = |error: String| TrustError::Authorities(error);
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let all = all.map_err(|error| unread(error.to_string()))?;
        verifier_by(&all).map_err(unread)?;
        Ok(Self::Named(name, Some(all)))
    }

    /// TLS 1.3 with a server that shows what is trusted; sessions are resumed unless that is changed.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let authorities = match self {
            Self::Named(_, Some(all)) => verifier_by(all).ok(),
            _ => None,
        };
        let verifier = Verifier { trust: self.clone(), authorities, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .expect("ring has cipher suites of TLS 1.3");
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
    }

    /// The server's name in the handshake; its address, as in the `host` field, where it has no other.
    pub(crate) fn server_name(&self, address: SocketAddr) -> ServerName<'static> {
        match self {
            Self::Exactly(_) => ServerName::IpAddress(address.ip().into()),
            Self::Named(name, _) => name.clone(),
        }
    }

    /// Trusts the certificate that a ready line names: DER in base64.
    /// Fails when it is not base64. What is inside is seen when a server shows it.
    pub fn from_base64(text: &str) -> Result<Self, TrustError> {
        Ok(Self::exactly(STANDARD.decode(text)?))
    }
}

/// What checks a chain up to one of these authorities.
fn verifier_by(authorities: &[CertificateDer<'static>]) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    verifier.map_err(|error| error.to_string())
}

/// Compares certificates, and has the signature checked by which a server proves that it holds the key.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    authorities: Option<Arc<WebPkiServerVerifier>>,
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
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match (&self.trust, &self.authorities) {
            (Trust::Exactly(expected), _) if end_entity == expected => {
                return Ok(ServerCertVerified::assertion());
            }
            (Trust::Named(_, None), _) => return Ok(ServerCertVerified::assertion()),
            (Trust::Named(..), Some(authorities)) => {
                return authorities.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
            }
            _ => {}
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

//! TLS 1.3 (RFC 8446): the server's certificate, and what it agrees to.
//!
//! Cryptography is `ring`'s. Older versions of TLS are not spoken, so that a handshake is always the same exchange.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ServerConfig};

/// The protocol's name in ALPN (RFC 7301 §6).
pub const HTTP_1: &[u8] = b"http/1.1";
/// The protocol's name in ALPN (RFC 9113 §3.1).
pub const HTTP_2: &[u8] = b"h2";

/// Whether a client may go on with the session of an earlier connection (RFC 8446 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// Every handshake is a full one; no ticket is sent.
    Off,
    /// Two tickets are sent after a full handshake; the server keeps nothing.
    Tickets,
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate and the key do not belong together, or cannot be used.
    #[error("the key does not fit the certificate, or one of them cannot be used for TLS 1.3")]
    Unfit(#[source] rustls::Error),
    /// The random numbers for the tickets' key could not be had.
    #[error("the key of the session tickets cannot be made")]
    Tickets(#[source] rustls::Error),
}

/// What a server needs in order to speak TLS.
pub struct TlsServer {
    config: ServerConfig,
    certificate: Vec<u8>,
}

impl TlsServer {
    /// A server with this certificate.
    /// Fails when the key does not fit, or the tickets' key cannot be made.
    pub fn new(certificate: Certificate, resumption: Resumption) -> Result<Self, TlsError> {
        let Certificate { chain, key } = certificate;
        let der = chain.first().map(|first| first.to_vec()).unwrap_or_default();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unfit)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match resumption {
            Resumption::Off => config.send_tls13_tickets = 0,
            Resumption::Tickets => config.ticketer = ring::Ticketer::new().map_err(TlsError::Tickets)?,
        }
        Ok(Self { config, certificate: der })
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Accepts connections on which this protocol is spoken, by its name in ALPN; without one, ALPN is not looked at.
    /// A client that offers only others is rejected by the handshake; whether one that offers none is, the caller decides.
    pub fn acceptor(&self, protocol: Option<&[u8]>) -> TlsAcceptor {
        let mut config = self.config.clone();
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer")
            .field("certificate_bytes", &self.certificate.len())
            .finish_non_exhaustive()
    }
}

/// What TLS found wrong.
pub(crate) fn broken<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error does not name what it holds as its source.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = held.map_or_else(|| error.downcast_ref(), |held| held.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = held.map_or_else(|| error.source(), |held| Some(held as &(dyn Error + 'static)));
    }
    None
}

/// A certificate with its chain, the server's own first, and its private key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("a certificate cannot be made")]
    Make(#[source] rcgen::Error),
    /// A file could not be read, or is not what was expected.
    #[error("no {what} can be read from {}: {}", .path.display(), remedy(.cause, .what))]
    Read {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it was not found.
        #[source]
        cause: PemError,
    },
}

impl Certificate {
    /// A new one for `localhost` and 127.0.0.1, signed by itself: ECDSA on P-256.
    /// Fails when no key can be made.
    pub fn made() -> Result<Self, CertificateError> {
        let make = || {
            let key = KeyPair::generate()?;
            let mut parameters = CertificateParams::new(["localhost".to_owned()])?;
            parameters.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
            parameters.distinguished_name.push(DnType::CommonName, "localhost");
            let certificate = parameters.self_signed(&key)?;
            Ok((certificate.der().clone(), key.serialize_der()))
        };
        let (certificate, key) = make().map_err(CertificateError::Make)?;
        Ok(Self { chain: vec![certificate], key: PrivatePkcs8KeyDer::from(key).into() })
    }

    /// The certificate, with its chain if the file holds one, and the key of these PEM files.
    /// Fails when a file cannot be read, or does not hold what it should.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |cause| CertificateError::Read { what, path, cause }
        };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(|items| {
            let chain = items.collect::<Result<Vec<_>, _>>()?;
            if chain.is_empty() { Err(PemError::NoItemsFound) } else { Ok(chain) }
        });
        let chain = chain.map_err(failed("certificate", certificate))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed("private key", key))?;
        Ok(Self { chain, key })
    }
}

fn remedy(cause: &PemError, what: &str) -> String {
    match cause {
        PemError::Io(_) => "name a file that exists and may be read".to_owned(),
        _ => format!("name a PEM file that holds a {what}"),
    }
}

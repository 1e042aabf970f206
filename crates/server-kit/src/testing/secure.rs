//! A TLS client that trusts the server's certificate and no other.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{LONGEST, Peer, Running};
use crate::settings::Transport;
use crate::tls::{Certificate, Resumption, TlsServer};

/// TLS with a new certificate, and the rest as it is by default.
pub fn transport(resumption: Resumption) -> Transport {
    let certificate = Certificate::made().expect("a certificate");
    let tls = TlsServer::new(certificate, resumption).expect("they fit");
    Transport { tls: Some(Arc::new(tls)), ..Transport::default() }
}

/// A client: what it trusts, what it offers by ALPN, and the tickets that it was given.
pub struct Client(TlsConnector);

impl Running {
    /// A client that offers these protocols.
    pub fn client(&self, protocols: &[&str]) -> Client {
        let certificate = self.certificate.clone().expect("the server speaks TLS");
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from(certificate)).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Client(TlsConnector::from(Arc::new(config)))
    }

    /// A new connection of this client.
    ///
    /// # Errors
    ///
    /// When the handshake fails.
    pub async fn handshake(&self, client: &Client) -> io::Result<Peer<TlsStream<TcpStream>>> {
        let socket = TcpStream::connect(self.address).await.expect("the server listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let shaken = timeout(LONGEST, client.0.connect(name, socket)).await;
        shaken.expect("an answer").map(|stream| Peer { stream })
    }

    /// A new connection of a new client, which offers these protocols.
    pub async fn connect_tls(&self, protocols: &[&str]) -> Peer<TlsStream<TcpStream>> {
        self.handshake(&self.client(protocols)).await.expect("a handshake")
    }
}

//! The one certificate that is trusted: the one that the server named when it was started.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

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
    ///
    /// # Errors
    ///
    /// When it is not base64. What is inside is seen when a server shows it.
    pub fn from_base64(text: &str) -> Result<Self, TrustError> {
        Ok(Self::exactly(STANDARD.decode(text)?))
    }
}

/// Compares certificates, and has the signature checked by which a server proves that it holds the key.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Trust,
    pub(super) provider: Arc<CryptoProvider>,
}

#[derive(thiserror::Error)]
#[error("another than the server named when it was started")]
struct AnotherCertificate;

/// In rustls's own text stands what this says.
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

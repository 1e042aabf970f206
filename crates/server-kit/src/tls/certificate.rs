//! A certificate and its key: made at start, or read from files.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate with its chain, the server's own first, and its private key.
#[derive(Debug)]
pub struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
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
    ///
    /// # Errors
    ///
    /// When no key can be made.
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
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or does not hold what it should.
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

//! Certificates from files: good ones, and what is said of the others.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use server_kit::tls::{Certificate, Resumption, TlsServer};

struct Files {
    folder: tempfile::TempDir,
    der: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["example.org".to_owned()]).unwrap();
        fs::write(folder.path().join("certificate.pem"), cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        fs::write(folder.path().join("other.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        fs::write(folder.path().join("prose.pem"), "this is no PEM").unwrap();
        Self { folder, der: cert.der().to_vec() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is said of these two files, the folder left out.
    fn failure(&self, certificate: &str, key: &str) -> String {
        let read = Certificate::read(&self.path(certificate), &self.path(key));
        let message = match read.map(|certificate| TlsServer::new(certificate, Resumption::Off)) {
            Ok(server) => chain(&server.expect_err("these do not fit")),
            Err(error) => chain(&error),
        };
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error} <- {}", chain(cause)),
        None => error.to_string(),
    }
}

#[test]
fn a_certificate_and_its_key_are_read() {
    let files = Files::new();
    let read = Certificate::read(&files.path("certificate.pem"), &files.path("key.pem")).unwrap();
    let server = TlsServer::new(read, Resumption::Tickets).unwrap();
    assert_eq!(server.certificate(), files.der);
}

#[test]
fn what_cannot_be_read_is_named_with_its_reason_and_a_remedy() {
    let files = Files::new();
    let (missing, no_certificate) =
        ("a file that exists and may be read", "a PEM file that holds a certificate");
    let of =
        |what: &str, name: &str, remedy: &str| format!("no {what} can be read from {name}: name {remedy}");
    let misfit = "the key does not fit the certificate, or one of them cannot be used for TLS 1.3";
    for (certificate, key, reason) in [
        ("none.pem", "key.pem", of("certificate", "none.pem", missing)),
        ("certificate.pem", "none.pem", of("private key", "none.pem", missing)),
        ("prose.pem", "key.pem", of("certificate", "prose.pem", no_certificate)),
        ("key.pem", "key.pem", of("certificate", "key.pem", no_certificate)),
        (
            "certificate.pem",
            "certificate.pem",
            of("private key", "certificate.pem", "a PEM file that holds a private key"),
        ),
        ("certificate.pem", "other.pem", misfit.to_owned()),
    ] {
        let failure = files.failure(certificate, key);
        assert!(failure.starts_with(&reason), "{certificate}, {key}: {failure}");
    }
    assert!(files.failure("none.pem", "key.pem").contains("No such file"));
}

#[test]
fn a_certificate_that_is_made_has_a_key_of_its_own_each_time() {
    let certificates = [(); 2].map(|()| {
        let made = TlsServer::new(Certificate::made().unwrap(), Resumption::Off).unwrap();
        made.certificate().to_vec()
    });
    assert_ne!(certificates[0], certificates[1]);
}

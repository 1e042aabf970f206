//! A target that speaks TLS, and is named instead of addressed by a number.

use std::fs;

use super::served::write;
use crate::sandbox::Sandbox;
use crate::server_process::ServerProcess;

#[test]
fn a_certificate_is_checked_as_the_file_says() {
    let flags = ["--set", "transport.tls=true"];
    let server = ServerProcess::start_directly("websocket", &flags);
    let certificate = server.ready().certificate.clone().expect("it speaks TLS");
    let port = server.ready().address.port();
    for (tls, code, words) in [
        ("ca = \"ca.pem\"", 0, "works: 3 of 3 events"),
        ("insecure = true", 0, "works: 3 of 3 events"),
        ("ca = \"ca.pem\"\nname = \"other.test\"", 1, "certificate not valid for name"),
        ("ca = \"mine.toml\"", 1, "`ca` of [tls] names no certificates in PEM"),
    ] {
        let sandbox = Sandbox::new();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
        fs::write(sandbox.path("ca.pem"), pem).expect("a certificate");
        let target = write(
            &sandbox,
            &format!(
                "label = \"A\"\nabout = \"b\"\naddress = \"https://localhost:{port}/\"\n[tls]\n{tls}\n\
                 [publish]\npath = \"/messages?channel=0\"\n[techniques.websocket]\npath = \"/ws?channel=0\"\n"
            ),
        );
        let output = sandbox.output(&format!("target check {target}"));
        output.expect(code, &[]);
        assert!(output.out.contains(words), "{tls}: {output:#?}");
    }
}

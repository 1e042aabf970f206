//! `pushbench serve` with a transport: its ready line, its flags' mistakes, and what it says of those it refused.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use protocol::ready::ReadyLine;

use crate::sandbox::{CommandOutput, Sandbox};

#[test]
fn flags_that_need_another_say_so() {
    let sandbox = Sandbox::new();
    for (flags, missing) in [
        ("--certificate c.pem", "--key <PATH>"),
        ("--key k.pem", "--certificate <PATH>"),
        ("--certificate c.pem --key k.pem", "add --set transport.tls=true"),
        ("--no-resumption", "add --set transport.tls=true"),
        ("--set transport.tls", "write KEY=VALUE"),
        ("--set transport.tlss=true", "did you mean `tls`?"),
        ("--settings {}", "missing field"),
    ] {
        sandbox.output(&format!("serve websocket {flags}")).expect(2, &[missing]);
    }
    let output = sandbox.output("serve websocket --set transport.http=3");
    output.expect(2, &["`3` is not known here", "allowed: 1.1, 2"]);
}

#[test]
fn what_the_protocol_suites_expect_is_served_by_socketio_only() {
    let flags = "serve websocket --application protocol-tests";
    Sandbox::new().output(flags).expect(2, &["--application protocol-tests is for socketio only"]);
}

#[test]
fn a_certificate_that_cannot_be_had_is_named_with_reason_and_remedy() {
    let sandbox = Sandbox::new();
    let serve = |certificate: &str| {
        sandbox.output(&format!(
            "serve raw-tcp --set transport.tls=true --certificate {certificate} --key key.pem"
        ))
    };
    serve("none.pem").expect(
        2,
        &[
            "error: set up TLS",
            "no certificate can be read from none.pem: name a file that exists and may be read",
            "No such file",
        ],
    );
    fs::write(sandbox.path("prose.pem"), "this is no PEM").unwrap();
    serve("prose.pem").expect(2, &["from prose.pem: name a PEM file that holds a certificate"]);
}

#[test]
fn the_ready_line_has_the_certificate_and_the_end_reports_rejected_connections() {
    let sandbox = Sandbox::new();
    let mut server = sandbox
        .pushbench("serve short-polling --set transport.tls=true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = ReadyLine::parse(&line).unwrap();
    // DER begins with a sequence whose length takes two bytes: 0x30 0x82.
    assert!(ready.certificate.unwrap().starts_with("MII"));
    let mut client = TcpStream::connect(ready.address).unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // Returns once the server has given it up.
    client.read_to_end(&mut Vec::new()).unwrap();
    drop(server.stdin.take());
    let output = CommandOutput::of(server.wait_with_output().unwrap());
    output.expect(0, &["connections rejected: 1; the last: TLS handshake: received corrupt message"]);
}

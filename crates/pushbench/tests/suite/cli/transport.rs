//! Servers that do not speak the transport that was asked for: each trial is recorded as failed with its reason, and the
//! run goes on.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use model::trial::{TrialRecord, TrialResult};
use protocol::ready::ReadyLine;

use crate::sandbox::Sandbox;

/// Two trials over TLS.
const TLS: &str = r#"
question = "What if the server speaks something else?"
reading = "Look at the reason."
repetitions = 2
techniques = ["long-polling"]
events.rate = "50/s"
transport.tls = true
[phases]
warm_up = "50ms"
window = "200ms"
"#;

/// The own `serve`, with more arguments, and each argument changed by a command of `sed`.
fn serve_with(change: &str, more: &str) -> String {
    format!(
        r#"count=$#
while [ "$count" -gt 0 ]; do
  argument=$(printf %s "$1" | sed '{change}'); shift; count=$((count - 1))
  set -- "$@" "$argument"
done
exec {} "$@" {more}"#,
        env!("CARGO_BIN_EXE_pushbench")
    )
}

const WITHOUT_TLS: &str = r#"s/"tls":true/"tls":false/"#;

fn reason(record: &TrialRecord) -> &str {
    let TrialResult::Failed(failure) = &record.result else { panic!("{record:?}") };
    &failure.reason
}

/// Runs `text` against a server program with this script; both trials must fail for a reason with all of `words`.
#[track_caller]
fn both_trials_fail_with(text: &str, script: &str, words: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.scenario("one", text);
    let program = sandbox.script("server", script);
    let output = sandbox.output(&format!("run --scenario one --no-report --server-program {program}"));
    output.expect(1, &["FAILED: ", "2 trials failed or lost events"]);
    let records = sandbox.records();
    assert_eq!(records.len(), 2, "a failed trial does not end the run");
    for record in &records {
        for words in words {
            assert!(reason(record).contains(words), "`{words}` is not in: {}", reason(record));
        }
    }
    sandbox.until_no_process_is_left();
}

/// A certificate as a server of the test's own shows it, base64.
fn certificate(sandbox: &Sandbox) -> String {
    let mut server = sandbox
        .pushbench("serve long-polling --set transport.tls=true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pushbench starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("readable");
    drop(server.stdin.take());
    assert!(server.wait().expect("it ends").success());
    ReadyLine::parse(line.trim_end()).expect("a ready line").certificate.expect("a certificate")
}

#[test]
fn a_certificate_that_cannot_be_read_fails_the_trials_and_is_named() {
    let missing = serve_with("", "--certificate no-such.pem --key no-such.key");
    both_trials_fail_with(
        TLS,
        &missing,
        &["the server ended with exit status: 2", "no-such.pem", "No such file"],
    );
}

#[test]
fn a_server_without_tls_fails_the_trials_that_ask_for_it() {
    let plain = serve_with(WITHOUT_TLS, "");
    both_trials_fail_with(TLS, &plain, &["the server shows no certificate, and TLS was asked for"]);
}

#[test]
fn a_peer_that_speaks_no_tls_behind_its_certificate_fails_the_trials() {
    let shown = certificate(&Sandbox::new());
    let plain = serve_with(WITHOUT_TLS, "").replace("exec ", "");
    let claimed = format!("{{ {plain}\n}} | sed -u 's|^{{|{{\"certificate\":\"{shown}\",|'");
    both_trials_fail_with(TLS, &claimed, &["speak TLS"]);
}

#[test]
fn a_server_whose_certificate_is_another_fails_the_trials() {
    let shown = certificate(&Sandbox::new());
    let own = serve_with("", "").replace("exec ", "");
    let claimed =
        format!("{{ {own}\n}} | sed -u 's|\"certificate\":\"[^\"]*\"|\"certificate\":\"{shown}\"|'");
    both_trials_fail_with(TLS, &claimed, &["speak TLS", "certificate"]);
}

#[test]
fn a_server_of_another_http_version_fails_the_trials() {
    let old = serve_with(r#"s/"http":"2"/"http":"1.1"/"#, "");
    let plain = TLS.replace("transport.tls = true", "transport.http = \"2\"");
    both_trials_fail_with(&plain, &old, &["this server speaks HTTP/1.1"]);
    let over_tls = TLS.replace("transport.tls = true", "transport = { tls = true, http = \"2\" }");
    both_trials_fail_with(&over_tls, &old, &["speak TLS"]);
}

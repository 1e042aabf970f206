//! Servers and load generators that die, hang, print rubbish, or do not speak the transport that was asked for: a failed trial is a result with
//! its reason, and the rest is run. Ctrl-C, a killed supervisor, and going on afterwards. Nothing is left behind.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use model::trial::{Side, Verdict};
use protocol::ready::ReadyLine;
use rustix::process::Signal;

use crate::sandbox::{Sandbox, failure, files, until};

/// One trial, long enough to do something to it.
const ONE: &str = r#"
question = "What if it breaks?"
reading = "Look at the reason."
repetitions = 1
techniques = ["raw-tcp"]
events.rate = "50/s"
phases.window = "40s"
"#;

#[test]
fn a_server_that_prints_rubbish_dies_at_once_or_never_listens_fails_its_trials() {
    for (script, words) in [
        (
            "echo listening on port 4000; cat",
            "the server's first line is not its ready line: \"listening on port 4000\"",
        ),
        ("echo out of memory >&2; exit 3", "the server ended with exit status: 3; it said: out of memory"),
        ("exec sleep 600", "the server said nothing for 10 s"),
    ] {
        let sandbox = Sandbox::new();
        let program = sandbox.script("server", script);
        let arguments = format!("run --scenario short --repetitions 1 --server-program {program}");
        sandbox.output(&arguments).expect(1, &["FAILED: ", words, "2 trials failed or lost events"]);
        let records = sandbox.records();
        assert_eq!(records.len(), 2, "a failed trial does not end the run");
        for record in &records {
            let (side, reason) = failure(record);
            assert!(side == Side::Server && reason.contains(words), "{record:?}");
        }
        assert!(!sandbox.path("REPORT.md").exists(), "nothing was measured");
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn a_server_program_that_is_not_there_fails_its_trials() {
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --scenario short --repetitions 1 --server-program no-such-program");
    output.expect(1, &["no-such-program cannot be started: No such file or directory"]);
}

#[test]
fn a_server_or_a_load_generator_that_is_killed_in_the_window_fails_its_trial() {
    for (victim, name, fails) in
        [("pushbench serve", "server", Side::Server), ("pushbench load", "load generator", Side::Load)]
    {
        let (sandbox, running) = Sandbox::running(ONE);
        sandbox.descendant("pushbench load");
        sandbox.descendant(victim).kill();
        running.finish().expect(1, &[&format!("FAILED: the {name} ended with signal: 9 (SIGKILL)")]);
        assert_eq!(sandbox.failure().0, fails);
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn what_the_server_prints_at_its_end_is_reported_for_a_failed_trial() {
    let sandbox = Sandbox::new();
    sandbox.scenario("one", ONE);
    let script = format!("\"{}\" \"$@\"; echo connections rejected: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = sandbox.script("server", &script);
    let running = sandbox.start(&format!("run --scenario one --no-report --server-program {program}"));
    sandbox.descendant("pushbench load").kill();
    let words = "the load generator ended with signal: 9 (SIGKILL); the server said: connections rejected: 3";
    running.finish().expect(1, &["FAILED: ", words]);
    assert_eq!(sandbox.failure().1, words);
    sandbox.until_no_process_is_left();
}

#[test]
fn what_the_server_prints_at_its_end_is_noted_for_a_complete_trial() {
    let sandbox = Sandbox::new();
    let script = format!("\"{}\" \"$@\"; echo connections rejected: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = sandbox.script("server", &script);
    let arguments = "run --scenario short --repetitions 1 --no-report";
    let output = sandbox.output(&format!("{arguments} --server-program {program}"));
    assert!(output.err.contains(": the server said: connections rejected: 3"), "{}", output.err);
    assert!(sandbox.records().iter().all(|record| record.result.outcome().is_some()));
}

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
            let (_, reason) = failure(record);
            assert!(reason.contains(words), "`{words}` is not in: {reason}");
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
fn a_server_that_does_not_speak_what_was_asked_for_fails_the_trials() {
    let shown = certificate(&Sandbox::new());
    let own = |change| serve_with(change, "").replace("exec ", "");
    let missing = serve_with("", "--certificate no-such.pem --key no-such.key");
    let no_tls_behind_its_certificate =
        format!("{{ {}\n}} | sed -u 's|^{{|{{\"certificate\":\"{shown}\",|'", own(WITHOUT_TLS));
    let another_certificate =
        format!("{{ {}\n}} | sed -u 's|\"certificate\":\"[^\"]*\"|\"certificate\":\"{shown}\"|'", own(""));
    let old = serve_with(r#"s/"http":"2"/"http":"1.1"/"#, "");
    let http_2 = TLS.replace("transport.tls = true", "transport.http = \"2\"");
    let both = TLS.replace("transport.tls = true", "transport = { tls = true, http = \"2\" }");
    for (text, script, words) in [
        (TLS, missing, &["the server ended with exit status: 2", "no-such.pem", "No such file"][..]),
        (TLS, serve_with(WITHOUT_TLS, ""), &["the server shows no certificate, and TLS was asked for"]),
        (TLS, no_tls_behind_its_certificate, &["speak TLS"]),
        (TLS, another_certificate, &["speak TLS", "certificate"]),
        (&http_2, old.clone(), &["this server speaks HTTP/1.1"]),
        (&both, old, &["speak TLS"]),
    ] {
        both_trials_fail_with(text, &script, words);
    }
}

/// Trials that nobody waits for.
const ENDLESS: &str = r#"
question = "What if nobody waits?"
reading = "Nothing is left behind."
repetitions = 2
techniques = ["raw-tcp"]
events.rate = "50/s"
phases.window = "10min"
"#;

#[test]
fn an_interrupted_run_keeps_its_records_and_goes_on_from_there() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start("run --scenario short --no-report");
    running.until_progress("[2/6]");
    running.signal(Signal::INT);
    let output = running.finish();
    output.expect(130, &["of 6 trials; go on with: pushbench run --resume results/"]);
    sandbox.until_no_process_is_left();

    let first = files(&sandbox.only_run().join("trials"), "json");
    assert!((2..6).contains(&first.len()), "{first:?}");
    let before: Vec<_> = first.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    sandbox
        .output("run --resume --no-report --keep-trials")
        .expect(0, &[&format!("short: {} trials", 6 - first.len())]);
    let records = sandbox.records();
    assert_eq!(records.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    for (path, bytes) in before {
        assert_eq!(fs::read(path).unwrap(), bytes, "{} was not run again", path.display());
    }
    sandbox.output("run --resume").expect(2, &["there is no interrupted run in results"]);
}

#[test]
fn a_run_ends_at_once_in_the_middle_of_a_trial() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = Sandbox::new();
        sandbox.scenario("endless", ENDLESS);
        let running = sandbox.start("run --scenario endless");
        sandbox.descendant("pushbench load");
        running.signal(signal);
        running.finish().expect(130, &["interrupted after 0 of 2 trials"]);
        sandbox.until_no_process_is_left();
        assert_eq!(files(&sandbox.only_run().join("trials"), "json").len(), 0);
        assert!(!sandbox.path("REPORT.md").exists());
    }
}

#[test]
fn a_run_ends_at_once_during_the_socket_ping() {
    let sandbox = Sandbox::new();
    let running = sandbox.start("run --scenario short");
    sandbox.descendant("pushbench socket-ping");
    running.signal(Signal::INT);
    running.finish().expect(130, &["interrupted after 0 of 6 trials"]);
    sandbox.until_no_process_is_left();
}

#[test]
fn no_process_outlives_a_supervisor_that_is_killed() {
    let (sandbox, running) = Sandbox::running(ENDLESS);
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench serve");
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, Some(128 + 9));
    sandbox.until_no_process_is_left();
}

#[test]
fn a_stopped_server_does_not_outlive_a_supervisor_that_is_killed() {
    let (sandbox, running) = Sandbox::running(&format!("{ENDLESS}\n[stall]\nat = \"0s\"\nfor = \"10min\"\n"));
    let server = sandbox.descendant("pushbench serve");
    until("the stall", || server.is_stopped());
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, Some(128 + 9));
    sandbox.until_no_process_is_left();
}

#[test]
fn a_run_of_another_version_is_not_gone_on_with() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start("run --scenario short --no-report");
    running.until_progress("[1/6]");
    running.signal(Signal::INT);
    running.finish().expect(130, &[]);
    let manifest = sandbox.only_run().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let other = text.replace("\"pushbench\": \"", "\"pushbench\": \"9");
    assert_ne!(text, other);
    fs::write(&manifest, other).unwrap();
    sandbox.output("run --resume").expect(
        2,
        &["error: go on with results/", "caused by: the version of pushbench is", "start a new run"],
    );
}

/// Searches of three rates, the second repetition's other ones than the first's, and a load each.
const SEARCH: &str = r#"
question = "How many?"
reading = "As many as are allowed."
repetitions = 2
techniques = ["raw-tcp", "long-polling"]
phases = { warm_up = "50ms", window = "200ms" }
bound.p99 = "4s"
search = { from = "20/s", most = "80/s", then = ["50%"] }
"#;

#[test]
fn an_interrupted_search_goes_on_with_the_step_that_it_was_at() {
    let sandbox = Sandbox::new();
    sandbox.scenario("search", SEARCH);
    let mut running = sandbox.start("run --scenario search --seed 5 --no-report");
    running.until_progress("[2/4] search 40/s");
    running.signal(Signal::INT);
    running.finish().expect(130, &["interrupted after 1 of 4 trials and searches; go on with"]);
    sandbox.until_no_process_is_left();

    let first = files(&sandbox.only_run().join("trials"), "json");
    assert!((6..8).contains(&first.len()), "{first:?}");
    let before: Vec<_> = first.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    sandbox.output("run --resume --no-report --keep-trials").expect(0, &["search: 3 searches, seed 5"]);
    for (path, bytes) in before {
        assert_eq!(fs::read(path).unwrap(), bytes, "{} was not run again", path.display());
    }
    let records = sandbox.records();
    // The second search of a technique begins near what the first has found.
    assert_eq!(records.len(), 2 * (3 + 1) + 2 * (2 + 1), "{records:#?}");
    let steps: Vec<_> = records.iter().filter_map(|record| record.search.as_ref()).collect();
    assert!(steps.iter().all(|step| step.attempt == 0 && step.verdict == Verdict::Passed), "{steps:?}");
    sandbox.output("run --resume").expect(2, &["there is no interrupted run in results"]);
}

//! Servers and load generators that die, hang, print rubbish, or do not speak the transport that was asked for: a failed trial is a result with
//! its reason, and the rest is run. Ctrl-C, a killed supervisor, and going on afterwards. Nothing is left behind.

use std::fs;
use std::ops::Range;

use model::trial::{Side, Verdict};
use rustix::process::Signal;

use crate::sandbox::{SHORT, Sandbox, failure, files, until};
use crate::server_process::{PUSHBENCH, ServerProcess};

/// One trial, long enough to do something to it.
const ONE: &str = r#"
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
        let once = SHORT.replace("repetitions = 3", "repetitions = 1");
        for side in both_trials_fail_with(&once, script, &[words]) {
            assert_eq!(side, Side::Server, "{words}");
        }
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
        sandbox.ends(running, 1, &[&format!("FAILED: the {name} ended with signal: 9 (SIGKILL)")]);
        assert_eq!(sandbox.failure().0, fails);
    }
}

#[test]
fn what_the_server_prints_at_its_end_is_reported_for_a_failed_trial() {
    let (sandbox, program) = rejecting();
    sandbox.scenario("one", ONE);
    let running = sandbox.start(&format!("run --scenario one --no-report --server-program {program}"));
    sandbox.descendant("pushbench load").kill();
    let words = "the load generator ended with signal: 9 (SIGKILL); the server said: connections rejected: 3";
    sandbox.ends(running, 1, &["FAILED: ", words]);
    assert_eq!(sandbox.failure().1, words);
}

/// A sandbox, and a server program of its own that prints at its end that connections were rejected.
fn rejecting() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let script = format!("\"{PUSHBENCH}\" \"$@\"; echo connections rejected: 3 >&2");
    let program = sandbox.script("server", &script);
    (sandbox, program)
}

#[test]
fn what_the_server_prints_at_its_end_is_noted_for_a_complete_trial() {
    let (sandbox, program) = rejecting();
    let arguments = "run --scenario short --repetitions 1 --no-report";
    let output = sandbox.output(&format!("{arguments} --server-program {program}"));
    assert!(output.err.contains(": the server said: connections rejected: 3"), "{}", output.err);
    assert!(sandbox.records().iter().all(|record| record.result.outcome().is_some()));
}

/// Two trials over TLS.
const TLS: &str = r#"
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
exec {PUSHBENCH} "$@" {more}"#
    )
}

const WITHOUT_TLS: &str = r#"s/"tls":true/"tls":false/"#;

/// Runs `text` against a server program with this script; both trials must fail for a reason with all of `words`, on these sides.
#[track_caller]
fn both_trials_fail_with(text: &str, script: &str, words: &[&str]) -> Vec<Side> {
    let sandbox = Sandbox::new();
    sandbox.scenario("one", text);
    let program = sandbox.script("server", script);
    let output = sandbox.output(&format!("run --scenario one --server-program {program}"));
    output.expect(1, &["FAILED: ", "2 trials failed or lost events"]);
    output.expect(1, words);
    let failures: Vec<_> = sandbox.records().iter().map(failure).collect();
    assert_eq!(failures.len(), 2, "a failed trial does not end the run");
    for ((_, reason), words) in failures.iter().flat_map(|failure| words.iter().map(move |it| (failure, it)))
    {
        assert!(reason.contains(words), "`{words}` is not in: {reason}");
    }
    assert!(!sandbox.path("REPORT.md").exists(), "nothing was measured");
    sandbox.until_no_process_is_left();
    failures.into_iter().map(|(side, _)| side).collect()
}

#[test]
fn a_server_that_does_not_speak_what_was_asked_for_fails_the_trials() {
    let server = ServerProcess::start_directly("long-polling", &["--set", "transport.tls=true"]);
    let shown = server.ready().certificate.as_deref().expect("a certificate");
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
    let words = ["of 6 trials; go on with: pushbench run --resume results/"];
    sandbox.ends_by(Signal::INT, running, 130, &words);
    goes_on(&sandbox, 2..6, |done| format!("short: {} trials", 6 - done));
    let records = sandbox.records();
    assert_eq!(records.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

/// Resumes a run that left so many records, which prints these words; none of them is made again, and nothing is left to resume.
#[track_caller]
fn goes_on(sandbox: &Sandbox, left: Range<usize>, words: impl Fn(usize) -> String) {
    let first = files(&sandbox.only_run().join("trials"), "json");
    assert!(left.contains(&first.len()), "{first:?}");
    let before: Vec<_> = first.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    sandbox.output("run --resume --no-report --keep-trials").expect(0, &[&words(first.len())]);
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
        sandbox.ends_by(signal, running, 130, &["interrupted after 0 of 2 trials"]);
        assert_eq!(files(&sandbox.only_run().join("trials"), "json").len(), 0);
        assert!(!sandbox.path("REPORT.md").exists());
    }
}

#[test]
fn a_run_ends_at_once_during_the_socket_ping() {
    let sandbox = Sandbox::new();
    let running = sandbox.start("run --scenario short");
    sandbox.descendant("pushbench socket-ping");
    sandbox.ends_by(Signal::INT, running, 130, &["interrupted after 0 of 6 trials"]);
}

#[test]
fn no_process_outlives_a_supervisor_that_is_killed() {
    let (sandbox, running) = Sandbox::running(ENDLESS);
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench serve");
    sandbox.ends_by(Signal::KILL, running, 128 + 9, &[]);
}

#[test]
fn a_stopped_server_does_not_outlive_a_supervisor_that_is_killed() {
    let (sandbox, running) = Sandbox::running(&format!("{ENDLESS}\n[stall]\nat = \"0s\"\nfor = \"10min\"\n"));
    let server = sandbox.descendant("pushbench serve");
    until("the stall", || server.is_stopped());
    sandbox.ends_by(Signal::KILL, running, 128 + 9, &[]);
}

#[test]
fn a_run_of_another_version_is_not_gone_on_with() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start("run --scenario short --no-report");
    running.until_progress("[1/6]");
    sandbox.ends_by(Signal::INT, running, 130, &[]);
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
    let words = ["interrupted after 1 of 4 trials and searches; go on with"];
    sandbox.ends_by(Signal::INT, running, 130, &words);
    goes_on(&sandbox, 6..8, |_| "search: 3 searches, seed 5".to_owned());
    let records = sandbox.records();
    // The second search of a technique begins near what the first has found.
    assert_eq!(records.len(), 2 * (3 + 1) + 2 * (2 + 1), "{records:#?}");
    let steps: Vec<_> = records.iter().filter_map(|record| record.search.as_ref()).collect();
    assert!(steps.iter().all(|step| step.attempt == 0 && step.verdict == Verdict::Passed), "{steps:?}");
}

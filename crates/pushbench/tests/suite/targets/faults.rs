//! Targets that don't start, die, hang, or answer with something else: a failed trial with its reason, and nobody left.

use model::trial::{Side, TrialRecord, TrialResult};
use model::warning::Warning;

use crate::sandbox::{CommandOutput, Sandbox};
use crate::targets::served::{Behaviour, POLLS, serve, target_at};

/// Runs the polls against our own server and this target.
fn run(sandbox: &Sandbox, target: &str) -> CommandOutput {
    sandbox.scenario("polls", POLLS);
    sandbox.output(&format!("run --scenario polls --target {target} --no-report --seed 7"))
}

/// The record of the target's trial; our own server's is complete whatever the target does.
fn of_target(sandbox: &Sandbox) -> TrialRecord {
    let records = sandbox.records();
    assert_eq!(records.len(), 2);
    let (foreign, own): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.key.target.is_some());
    assert!(matches!(own[0].result, TrialResult::Complete(_)), "{own:?}");
    foreign.into_iter().next().expect("a trial of the target")
}

#[track_caller]
fn fails_with(target: &dyn Fn(&Sandbox) -> String, words: &[&str]) {
    let sandbox = Sandbox::new();
    let output = run(&sandbox, &target(&sandbox));
    output.expect(1, &["1 trial failed or lost events"]);
    let record = of_target(&sandbox);
    let TrialResult::Failed(failure) = &record.result else { panic!("{record:?}") };
    for words in words {
        assert!(failure.reason.contains(words), "`{words}` is not in {}", failure.reason);
    }
    sandbox.until_no_process_is_left();
}

/// A target that is started as a shell script.
fn script(sandbox: &Sandbox, text: &str, more: &str) -> String {
    let program = sandbox.script("server", text);
    let file = sandbox.path("mine.toml");
    let text = format!(
        "label = \"A test\"\nabout = \"a test's own\"\n{more}\n[start]\ncommand = [\"{program}\", \"{{port}}\"]\n\
         [publish]\npath = \"/publish\"\n[techniques.short-polling]\npath = \"/events\"\n"
    );
    std::fs::write(&file, text).expect("a target is written");
    file.display().to_string()
}

#[test]
fn a_server_that_does_its_work_delivers_everything_on_kept_and_on_closed_connections() {
    for behaviour in [Behaviour::Good, Behaviour::CloseCase] {
        let sandbox = Sandbox::new();
        let target = target_at(&sandbox, serve(behaviour));
        run(&sandbox, &target).expect(0, &["polls: events are published by POST to every server"]);
        let record = of_target(&sandbox);
        let TrialResult::Complete(outcome) = &record.result else { panic!("{behaviour:?}: {record:?}") };
        assert_eq!((outcome.counts.published, outcome.counts.delivered), (10, 30), "{behaviour:?}");
        assert_eq!((outcome.counts.lost, outcome.counts.duplicate, outcome.counts.reordered), (0, 0, 0));
        assert_eq!(record.settings.publisher, model::settings::Publisher::Post);
        // Nobody can read what it cost: absent, not zero.
        assert_eq!(outcome.cost.known_server_cpu_ns(), None);
        assert!(outcome.warnings.contains(&Warning::ServerCostUnknown), "{:?}", outcome.warnings);
        let misfits = |warning: &Warning| matches!(warning, Warning::BytesDoNotAddUp { .. });
        assert!(!outcome.warnings.iter().any(misfits), "{:?}", outcome.warnings);
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn an_event_that_is_refused_fails_the_trial_and_the_answer_is_quoted() {
    let words = "the server answered 507 to an event that was posted: all is full";
    fails_with(&|sandbox| target_at(sandbox, serve(Behaviour::Refusing)), &[words]);
}

#[test]
fn an_answer_that_is_no_http_is_quoted() {
    let words = "something else than HTTP/1.1: \"220 mail.example ESMTP";
    fails_with(&|sandbox| target_at(sandbox, serve(Behaviour::Rubbish)), &[words]);
}

#[test]
fn a_server_that_hangs_up_on_an_event_fails_the_trial() {
    let words = "the server closed the connection on which events are posted";
    fails_with(&|sandbox| target_at(sandbox, serve(Behaviour::HangingUp)), &[words]);
}

#[test]
fn unreadable_messages_fail_the_trial() {
    fails_with(
        &|sandbox| target_at(sandbox, serve(Behaviour::Garbling)),
        &["received messages cannot be read"],
    );
}

#[test]
fn a_server_that_never_answers_an_event_loses_it_and_ends_the_trial() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Silent));
    run(&sandbox, &target).expect(1, &["MISSING "]);
    let record = of_target(&sandbox);
    assert!(matches!(record.result, TrialResult::Incomplete(_)), "{record:?}");
    sandbox.until_no_process_is_left();
}

#[test]
fn a_server_that_dies_at_once_is_quoted() {
    fails_with(
        &|sandbox| script(sandbox, "echo no such port >&2; exit 3", ""),
        &["mine ended by itself with exit status 3", "no such port"],
    );
}

#[test]
fn a_server_that_never_listens_is_not_waited_for_longer_than_its_file_says() {
    fails_with(
        &|sandbox| script(sandbox, "sleep 600 & exec sleep 600", "ready.within = \"300ms\""),
        &["mine was not ready within 0.3 s: Connection refused"],
    );
}

#[test]
fn a_server_that_speaks_http_2_only_is_reported_as_such() {
    // A SETTINGS frame (RFC 9113 §6.5) is all that it says to a request of HTTP/1.1.
    let address = says(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00");
    fails_with(&|sandbox| target_at(sandbox, address), &["invalid HTTP version"]);
}

#[test]
fn readiness_by_a_path_asks_for_an_answer_of_http_1() {
    let address = says(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00");
    let target = |sandbox: &Sandbox| {
        let file = target_at(sandbox, address);
        let text = std::fs::read_to_string(&file).expect("it was written");
        std::fs::write(&file, format!("{text}[ready]\npath = \"/\"\nwithin = \"200ms\"\n"))
            .expect("and again");
        file
    };
    fails_with(&target, &["mine was not ready within 0.2 s: it answers / with", "a frame of HTTP/2"]);
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let target = |sandbox: &Sandbox| {
        let file = script(sandbox, "true", "");
        let text = std::fs::read_to_string(&file).expect("it was written");
        let program = sandbox.path("server").display().to_string();
        std::fs::write(&file, text.replace(&program, "no-such-program")).expect("and again");
        file
    };
    fails_with(&target, &["start no-such-program", "No such file or directory"]);
}

/// A server that says `words` on each connection as soon as it is asked anything, and closes.
fn says(words: &'static [u8]) -> std::net::SocketAddr {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(1..) = stream.read(&mut part) {
                    if stream.write_all(words).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_targets_failure_is_the_servers() {
    let sandbox = Sandbox::new();
    let target = script(&sandbox, "exit 1", "");
    run(&sandbox, &target).expect(1, &["FAILED: "]);
    let TrialResult::Failed(failure) = of_target(&sandbox).result else { panic!("it failed") };
    assert_eq!(failure.side, Side::Server);
}

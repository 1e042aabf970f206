//! Servers that somebody else wrote, in real processes: what is delivered, what is counted, what goes wrong, and that nobody
//! is left behind.
//!
//! `served` is a target of the tests' own, in a few lines of Rust.

mod accounts;
mod check;
mod examples;
pub(crate) mod served;
mod start;
mod tls;

use std::fs;
use std::path::Path;

use model::trial::{Side, TrialRecord, TrialResult};
use model::warning::Warning;
use rustix::process::Signal;
use test_support::require;

use crate::browsers::processes_that_know;
use crate::sandbox::{CommandOutput, Running, SHORT, Sandbox, failure, until};
use served::{Behaviour, POLLS, serve, target_at, write};

fn delivering(target: &str) -> String {
    format!(
        r#"
targets = ["{target}"]
publisher = "post"
[events]
rate = "40/s"
pace = "burst 4"
payload = "100 B"
[subscribers]
count = 6
channels = 2
[short_polling]
interval = "50ms"
[phases]
warm_up = "200ms"
window = "500ms"
"#
    )
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project")
}

/// The project's targets beside the place's scenarios.
pub(crate) fn with_targets(sandbox: &Sandbox) {
    std::os::unix::fs::symlink(project().join("targets"), sandbox.path("targets")).expect("a link");
}

/// Runs everything that `target` has, unless it is missing here and not required.
fn delivers_everything(target: &str, needs: &str, techniques: &[&str]) {
    let sandbox = Sandbox::new();
    with_targets(&sandbox);
    sandbox.scenario("all", &delivering(target));
    let output = sandbox.output("run --scenario all --no-report");
    if let Some(line) = output.err.lines().find(|line| line.starts_with(&format!("skipped: target {target}")))
    {
        require::<()>(needs, Err(line));
        return;
    }
    output.expect(0, &[]);
    let records = sandbox.records();
    let of_target: Vec<_> = records.iter().filter(|record| record.key.target.is_some()).collect();
    let mut slugs: Vec<&str> = of_target.iter().map(|record| record.key.technique.as_str()).collect();
    slugs.sort_unstable();
    assert_eq!(slugs, techniques);
    for record in records {
        let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
        let counts = &outcome.counts;
        let key = &record.key;
        assert_eq!((counts.published, counts.delivered), (40, 120), "{key:?}");
        let wrong = [counts.lost, counts.duplicate, counts.reordered, counts.reconnects];
        assert_eq!(wrong, [0; 4], "{key:?}");
        assert!(outcome.cost.server_cpu_ns > 0, "{key:?}");
        assert!(!outcome.warnings.iter().any(misfits), "{key:?}: {:?}", outcome.warnings);
        assert!(outcome.bytes.total.down.payload >= 120 * 100, "{key:?}");
    }
    no_process_is_left(&sandbox);
}

fn misfits(warning: &Warning) -> bool {
    matches!(warning, Warning::BytesDoNotAddUp { .. })
}

/// Some servers overwrite their environment, by which others are found: their command lines name their folder.
pub(crate) fn no_process_is_left(sandbox: &Sandbox) {
    sandbox.until_no_process_is_left();
    let folder = sandbox.path("tmp").display().to_string();
    until("every server has ended", || processes_that_know(&folder).is_empty());
}

#[test]
fn nchan_delivers_everything_by_each_of_its_techniques() {
    let techniques =
        ["http-streaming-ndjson", "http-streaming-sse", "long-polling", "short-polling", "websocket"];
    delivers_everything("nchan", "nginx", &techniques);
}

#[test]
fn ws_on_node_delivers_everything() {
    delivers_everything("ws-node", "node", &["websocket"]);
}

#[test]
fn the_official_socket_io_server_delivers_everything() {
    delivers_everything("socketio-node", "node", &["socketio"]);
}

#[test]
fn subscribers_talk_to_each_other_where_a_target_says_how_they_send() {
    for (target, needs, techniques) in [("ws-node", "node", 1), ("nchan", "nginx", 4)] {
        let sandbox = Sandbox::new();
        with_targets(&sandbox);
        let talk = delivering(target).replace(
            "[subscribers]",
            "[uplink]\nrate = \"10/s\"\npace = \"poisson\"\npayload = \"80 B\"\nto = \"channel\"\n[subscribers]",
        );
        sandbox.scenario("all", &talk);
        let output = sandbox.output("run --scenario all --only-targets --no-report");
        if let Some(line) = output.err.lines().find(|line| line.starts_with("skipped: scenario all")) {
            require::<()>(needs, Err(line));
            continue;
        }
        output.expect(0, &[]);
        let records = sandbox.records();
        assert_eq!(records.len(), techniques);
        for record in records {
            let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
            let counts = &outcome.counts;
            // Events for all three members of a channel, and what each of the six says.
            assert!(counts.uplink_sent >= 10 && counts.uplink_sent == counts.uplink_due, "{counts:?}");
            assert_eq!(counts.delivered, 120 + 3 * counts.uplink_sent, "{:?} {counts:?}", record.key);
            let wrong = [counts.lost, counts.duplicate, counts.foreign, counts.reordered];
            assert_eq!(wrong, [0; 4], "{:?}", record.key);
            assert!(!outcome.warnings.iter().any(misfits), "{:?}: {:?}", record.key, outcome.warnings);
        }
        no_process_is_left(&sandbox);
    }
}

#[test]
fn fastify_with_better_sse_delivers_everything() {
    delivers_everything("better-sse-node", "node", &["http-streaming-sse"]);
}

#[test]
fn axum_delivers_everything() {
    delivers_everything("axum", "axum", &["http-streaming-sse", "websocket"]);
}

#[test]
fn the_servers_on_python_deliver_everything() {
    delivers_everything("starlette", "python3", &["http-streaming-sse", "websocket"]);
    delivers_everything("aiohttp", "python3", &["http-streaming-ndjson", "websocket"]);
    delivers_everything("python-socketio", "python3", &["socketio"]);
}

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
    let (_, reason) = failure(&record);
    for words in words {
        assert!(reason.contains(words), "`{words}` is not in {reason}");
    }
    sandbox.until_no_process_is_left();
}

/// A target that is started as a shell script.
fn script(sandbox: &Sandbox, text: &str, more: &str) -> String {
    let program = sandbox.script("server", text);
    let text = format!(
        "label = \"A test\"\nabout = \"a test's own\"\n{more}\n[start]\ncommand = [\"{program}\", \"{{port}}\"]\n\
         [publish]\npath = \"/publish\"\n[techniques.short-polling]\npath = \"/events\"\n"
    );
    write(sandbox, &text)
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
        assert_eq!(outcome.cost.server_cpu_ns, 0);
        assert!(outcome.warnings.contains(&Warning::ServerCostUnknown), "{:?}", outcome.warnings);
        assert!(!outcome.warnings.iter().any(misfits), "{:?}", outcome.warnings);
        sandbox.until_no_process_is_left();
    }
}

/// What is wrong with a target, and what its trial's failure has.
#[test]
fn a_target_that_does_not_work_fails_its_trial_with_the_reason() {
    for (behaviour, words) in [
        (Behaviour::Refusing, "the server answered 507 to an event that was posted: all is full"),
        (Behaviour::Rubbish, "something else than HTTP/1.1: \"220 mail.example ESMTP"),
        (Behaviour::HangingUp, "the server closed the connection on which events are posted"),
        (Behaviour::Garbling, "nothing was delivered; the server sent this instead: {\"0000"),
        (Behaviour::Http2, "invalid HTTP version"),
    ] {
        fails_with(&|sandbox| target_at(sandbox, serve(behaviour)), &[words]);
    }
    for (text, more, words) in [
        (
            "echo no such port >&2; exit 3",
            "",
            &["mine ended by itself with exit status 3", "no such port"][..],
        ),
        (
            "sleep 600 & exec sleep 600",
            "ready.within = \"300ms\"",
            &["mine was not ready within 0.3 s: Connection refused"],
        ),
    ] {
        fails_with(&|sandbox| script(sandbox, text, more), words);
    }
    let asked_for_a_path = |sandbox: &Sandbox| {
        let file = target_at(sandbox, serve(Behaviour::Http2));
        edited(file, |text| format!("{text}[ready]\npath = \"/\"\nwithin = \"200ms\"\n"))
    };
    fails_with(
        &asked_for_a_path,
        &["mine was not ready within 0.2 s: it answers / with", "a frame of HTTP/2"],
    );
    let without_its_program = |sandbox: &Sandbox| {
        let program = sandbox.path("server").display().to_string();
        edited(script(sandbox, "true", ""), |text| text.replace(&program, "no-such-program"))
    };
    fails_with(&without_its_program, &["start no-such-program", "No such file or directory"]);
}

/// A target's file with another text.
fn edited(file: String, edit: impl Fn(String) -> String) -> String {
    let text = fs::read_to_string(&file).expect("it was written");
    fs::write(&file, edit(text)).expect("and again");
    file
}

#[test]
fn a_server_that_never_answers_an_event_loses_it_and_ends_the_trial() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Silent));
    run(&sandbox, &target).expect(1, &["LOST "]);
    let record = of_target(&sandbox);
    assert!(matches!(record.result, TrialResult::Incomplete(_)), "{record:?}");
    sandbox.until_no_process_is_left();
}

#[test]
fn a_targets_failure_is_the_servers() {
    let sandbox = Sandbox::new();
    let target = script(&sandbox, "exit 1", "");
    run(&sandbox, &target).expect(1, &["FAILED: "]);
    assert_eq!(failure(&of_target(&sandbox)).0, Side::Server);
}

const GOOD: &str = "label = \"A\"\nabout = \"b\"\naddress = \"127.0.0.1:9\"\n[publish]\npath = \"/p\"\n[techniques.websocket]\npath = \"/w\"\n";

#[test]
fn a_mistake_in_a_targets_file_is_shown_in_its_place() {
    let sandbox = Sandbox::new();
    let target = write(&sandbox, &GOOD.replace("techniques.websocket", "techniques.websockets"));
    let output = sandbox.output(&format!("run --scenario short --target {target}"));
    output.expect(
        2,
        &["mine.toml:6:13: `websockets` is not a technique", "did you mean `websocket`?", "^^^^^^^^^^"],
    );
    assert!(!sandbox.path("results").exists(), "nothing was begun");
}

#[test]
fn a_target_that_is_not_there_is_answered_with_those_that_are() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("targets")).unwrap();
    fs::write(sandbox.path("targets/one.toml"), GOOD).unwrap();
    sandbox
        .output("run --scenario short --target two")
        .expect(2, &["there is no target two; there are: aiohttp, axum, better-sse-node, nchan, one, python-socketio, socketio-node, starlette, ws-node (or give the path of a file)"]);
}

#[test]
fn what_a_target_needs_and_has_not_is_named_with_what_installs_it_and_the_rest_is_run() {
    let sandbox = Sandbox::new();
    let needs = "[[requires]]\nprogram = \"no-such-program\"\ninstall = \"the Debian package nothing\"\n";
    let target = write(&sandbox, &format!("{GOOD}{needs}"));
    sandbox
        .output(&format!("run --scenario short --target {target} --repetitions 1 --no-report"))
        .expect(0, &["skipped: target mine: no-such-program is missing; install the Debian package nothing"]);
    assert_eq!(sandbox.skipped("target mine").len(), 1);
}

#[test]
fn a_second_file_of_the_same_name_is_an_error_that_names_both() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("targets")).unwrap();
    fs::write(sandbox.path("targets/mine.toml"), GOOD).unwrap();
    let target = write(&sandbox, GOOD);
    let words =
        ["two target files have the name mine: ", "targets/mine.toml and ", &target, "rename one of them"];
    sandbox.output(&format!("run --scenario short --target {target}")).expect(2, &words);
    sandbox
        .output("run --scenario short --target ./mine.toml --target targets/mine.toml")
        .expect(2, &words[..2]);
}

#[test]
fn a_target_from_outside_has_a_report_of_its_own() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("REPORT.md"), "as it was").unwrap();
    let target = target_at(&sandbox, serve(Behaviour::Good));
    sandbox.scenario("polls", POLLS);
    let output = sandbox.output(&format!("run --scenario polls --target {target} --seed 7"));
    output.expect(0, &[]);
    assert!(output.out.contains("mine-report/REPORT.md (1 run"), "{output:#?}");
    assert!(sandbox.path("mine-report/REPORT.md").is_file());
    assert_eq!(fs::read_to_string(sandbox.path("REPORT.md")).unwrap(), "as it was");
    assert!(!sandbox.path("results/model.json").exists());
    sandbox.output("report").expect(2, &["left out: ", "is not one of the project's"]);
    let run = sandbox.only_run();
    sandbox.output(&format!("report {}", run.display())).expect(2, &["name the report's file with --out"]);
    assert_eq!(fs::read_to_string(sandbox.path("REPORT.md")).unwrap(), "as it was");
}

#[test]
fn a_scenario_whose_targets_are_all_missing_is_skipped_by_name() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("targets")).unwrap();
    let needs = "[[requires]]\nfiles = [\"nothing/here\"]\ninstall = \"it\"\n";
    fs::write(sandbox.path("targets/one.toml"), format!("{GOOD}{needs}")).unwrap();
    sandbox.scenario("both", &format!("targets = [\"one\"]\n{POLLS}"));
    let output = sandbox.output("run --scenario both");
    let skipped = "skipped: scenario both: none of its targets can be run here";
    output.expect(2, &[skipped, "nothing/here is missing; install it", "no scenario is left"]);
}

#[test]
fn what_a_target_takes_no_part_in_is_said_once_and_our_own_servers_run() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Good));
    sandbox.scenario("secure", &format!("{POLLS}\n[transport]\ntls = true\n"));
    let output = sandbox.output(&format!("run --scenario secure --target {target} --no-report"));
    output.expect(0, &["skipped: target mine in secure: a target speaks TLS as its file says"]);
    assert!(!output.err.contains("published by POST"), "{output:?}");
    assert_eq!(sandbox.records().len(), 1);
}

#[test]
fn our_own_servers_take_events_by_post_and_raw_tcp_is_skipped_by_name() {
    for in_flight in [1, 4] {
        let sandbox = Sandbox::new();
        let posted = format!("publisher = \"post\"\npublisher_in_flight = {in_flight}\n{SHORT}");
        sandbox.scenario("posted", &posted);
        let output = sandbox.output("run --scenario posted --repetitions 1 --no-report");
        let words = "technique raw-tcp in posted: events are published by POST, and it speaks no HTTP";
        output.expect(0, &[&format!("skipped: {words}")]);
        let records = sandbox.records();
        let [record] = &records[..] else { panic!("{records:?}") };
        let counts = &record.result.outcome().unwrap().counts;
        assert_eq!((counts.published, counts.lost, counts.duplicate), (10, 0, 0));
    }
}

/// A trial that nobody waits for.
const ENDLESS: &str = r#"
techniques = ["long-polling"]
targets = ["mine"]
events.rate = "5/s"
phases.window = "10min"
"#;

/// A target of three processes: a shell, one that only waits, and one of pushbench's own servers, which lives as long as its
/// input is open. Our own server's trial takes as long as the target's; the two are distinguished by their parents.
fn endless_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("targets")).expect("a folder");
    let program = env!("CARGO_BIN_EXE_pushbench");
    let script =
        sandbox.script("server", &format!("sleep 601 | {program} serve long-polling --listen 127.0.0.1:$1"));
    let text = format!(
        "label = \"A\"\nabout = \"b\"\n[start]\ncommand = [\"{script}\", \"{{port}}\"]\n\
         [publish]\npath = \"/messages?channel={{channel}}\"\n\
         [techniques.long-polling]\npath = \"/events?channel={{channel}}&after={{after}}\"\nresume = \"query\"\n"
    );
    fs::write(sandbox.path("targets/mine.toml"), text).expect("a target is written");
    sandbox.scenario("endless", ENDLESS);
    sandbox
}

/// Starts the run, whose first trial by this seed is the target's, and waits until its load generator runs.
fn started() -> (Sandbox, Running) {
    let sandbox = endless_sandbox();
    let running = sandbox.start("run --scenario endless --no-report --seed 2");
    sandbox.descendant("sleep 601");
    sandbox.descendant("pushbench load");
    (sandbox, running)
}

#[test]
fn an_interrupted_or_killed_supervisor_leaves_none_of_a_targets_processes() {
    for signal in [Signal::INT, Signal::KILL] {
        let (sandbox, running) = started();
        running.signal(signal);
        let output = running.finish();
        assert!(matches!(output.code, Some(130 | 137)), "{output:?}");
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn a_target_that_dies_in_a_trial_fails_it_and_leaves_no_process() {
    let (sandbox, mut running) = started();
    sandbox.descendant("/server ").kill();
    running.until_progress("FAILED: ");
    sandbox.ends_by(Signal::INT, running, 130, &[]);
    let (_, reason) = sandbox.failure();
    assert!(reason.contains("mine ended by itself by signal 9"), "{reason}");
}

#[test]
fn a_target_supervisor_that_is_killed_takes_the_target_with_it() {
    let (sandbox, mut running) = started();
    let ours = [sandbox.descendant("/server ").pid, sandbox.descendant("sleep 601").pid];
    sandbox.descendant("pushbench supervise-target").kill();
    running.until_progress("FAILED: ");
    until("the target has ended", || !sandbox.descendants().iter().any(|left| ours.contains(&left.pid)));
    sandbox.ends_by(Signal::INT, running, 130, &[]);
}

//! Several server processes and several load processes for one trial: together they are one, and when one of them dies
//! or hangs, the run reports it and leaves no process.

use model::trial::{Side, TrialRecord};
use model::warning::Warning;
use rustix::process::Signal;
use test_support::require;

use crate::sandbox::{Descendant, Sandbox, busy, until};

const SUBSCRIBERS: u64 = 13;

/// Neither the channels nor the processes divide the subscribers evenly.
const ALL: &str = r#"
events.rate = "50/s"
[subscribers]
count = 13
channels = 3
[short_polling]
interval = "20ms"
[processes]
server = 2
load = 3
[phases]
warm_up = "100ms"
window = "400ms"
"#;

/// One trial, long enough to do something to it.
const ONE: &str = r#"
techniques = ["raw-tcp"]
events.rate = "50/s"
subscribers.count = 6
phases.window = "60s"
[processes]
server = 2
load = 3
"#;

/// One that shares its core, if it has one of its own.
const CONTENDED: &str = r#"
techniques = ["raw-tcp"]
events.rate = "50/s"
phases.window = "60s"
processes.cpu_contention = 2
"#;

#[test]
fn contention_processes_compute_on_the_servers_core_until_the_trial_ends() {
    let Some(()) = core_for_the_server() else { return };
    let (sandbox, running) = Sandbox::running(&CONTENDED.replace("60s", "5s"));
    let server = sandbox.descendant("pushbench serve").pid;
    let (mut cores, mut contenders) = (Vec::new(), Vec::new());
    until("two contention processes compute on each of the server's cores", || {
        contenders = sandbox.descendants_called("pushbench cpu-contention");
        // Each process moves to its cores itself, a moment after it is there.
        cores = cores_of(server);
        let computed = |pid| os::process_cpu_ns(pid).is_ok_and(|ns| ns > 100_000_000);
        contenders.len() == 2 * cores.len() && contenders.iter().all(|contender| computed(contender.pid))
    });
    for contender in &contenders {
        assert!(matches!(cores_of(contender.pid)[..], [core] if cores.contains(&core)), "{cores:?}");
    }
    sandbox.ends(running, 0, &[]);
    let record = &sandbox.records()[0];
    assert_eq!(record.settings.processes.cpu_contention, 2);
    assert_eq!(record.result.outcome().unwrap().instrument.server_core_speed, None, "others compute there");
}

/// Skips the test where the server has no core of its own, since no process contends for it then.
fn core_for_the_server() -> Option<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    require("second-core", (cores > 1).then_some(()).ok_or("there is no core for the server alone"))
}

fn cores_of(pid: u32) -> Vec<usize> {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed());
    let cores = rustix::thread::sched_getaffinity(pid).expect("it runs");
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| cores.is_set(*core)).collect()
}

#[test]
fn a_contention_process_that_is_killed_fails_its_trial() {
    let Some(()) = core_for_the_server() else { return };
    let (sandbox, running) = Sandbox::running(CONTENDED);
    // Once the load generator is there, the contenders compute, and are watched.
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench cpu-contention").kill();
    sandbox.ends(running, 1, &["FAILED: "]);
    let reason = "the cpu-contention process ended with signal: 9 (SIGKILL)";
    assert_eq!(sandbox.failure(), (Side::Supervisor, reason.to_owned()));
}

#[test]
fn every_technique_delivers_everything_once_over_two_servers_and_three_load_processes() {
    let _turn = busy();
    let sandbox = Sandbox::ran(ALL);
    let records = sandbox.records();
    assert!(records.len() > 5, "every technique takes part");
    records.iter().for_each(assert_complete_over_all);
}

#[track_caller]
fn assert_complete_over_all(record: &TrialRecord) {
    let technique = &record.key.technique;
    let outcome = record.result.outcome().unwrap_or_else(|| panic!("{technique}: {:?}", record.result));
    let counts = &outcome.counts;
    // A constant schedule has exactly 20 events in the window of each channel.
    assert_eq!((counts.published, counts.expected), (3 * 20, 20 * SUBSCRIBERS), "{technique}");
    assert_eq!((counts.delivered, counts.lost), (20 * SUBSCRIBERS, 0), "{technique}");
    assert_eq!((counts.duplicate, counts.reordered, counts.reconnects), (0, 0, 0), "{technique}");
    assert_eq!(outcome.delivery.as_ref().unwrap().count, 20 * SUBSCRIBERS, "{technique}");
    assert_eq!(outcome.set_up.subscribers, SUBSCRIBERS, "{technique}");
    let slowest_ns = outcome.set_up.elapsed.as_ref().unwrap().max_ns;
    assert!(outcome.set_up.all_ns >= slowest_ns / 1_001 * 1_000, "{technique}: {:?}", outcome.set_up);
    let bytes = &outcome.bytes;
    assert_eq!((bytes.total.down.wire(), bytes.total.up.wire()), (bytes.socket_read, bytes.socket_written));
    assert!(outcome.segments.total.down.with_data > 0 && outcome.cost.server_cpu_ns > 0, "{technique}");
    assert!(outcome.cost.load_cpu_ns > 0 && outcome.cost.kernel_memory.is_some(), "{technique}");
    let wrong = |warning: &Warning| {
        matches!(
            warning,
            Warning::BytesDoNotAddUp { .. } | Warning::Disordered { .. } | Warning::Reconnects { .. }
        )
    };
    assert!(!outcome.warnings.iter().any(wrong), "{technique}: {:?}", outcome.warnings);
}

#[test]
fn a_load_process_that_is_killed_or_hangs_fails_its_trial() {
    let kill: fn(&Descendant) = Descendant::kill;
    for (harm, words) in [(kill, "it ended with signal: 9"), (Descendant::stop, "it said nothing for 1")] {
        let (sandbox, running) = Sandbox::running(ONE);
        harm(&sandbox.descendant("pushbench load-worker"));
        sandbox.ends(running, 1, &["FAILED: the load generator ended with"]);
        let (side, reason) = sandbox.failure();
        assert_eq!(side, Side::Load);
        assert!(reason.contains(&format!(" of the load generator | caused by: {words}")), "{reason}");
    }
}

#[test]
fn one_of_several_servers_that_dies_fails_its_trial() {
    let (sandbox, running) = Sandbox::running(ONE);
    sandbox.descendant("pushbench load-worker");
    sandbox.descendant("pushbench serve").kill();
    sandbox.ends(running, 1, &["FAILED: the server ended with signal: 9 (SIGKILL)"]);
    assert_eq!(sandbox.failure().0, Side::Server);
}

#[test]
fn a_trial_of_several_processes_ends_at_once_when_it_is_interrupted() {
    let (sandbox, running) = Sandbox::running(ONE);
    sandbox.descendant("pushbench load-worker");
    sandbox.ends_by(Signal::INT, running, 130, &["interrupted after 0 of 1 trial"]);
}

#[test]
fn a_stopped_load_process_does_not_outlive_a_supervisor_that_is_killed() {
    let (sandbox, running) = Sandbox::running(ONE);
    let part = sandbox.descendant("pushbench load-worker");
    // It starts threads once it has asked to go with its supervisor.
    until("it is set up", || part.threads() > 1);
    part.stop();
    until("it stands still", || part.is_stopped());
    sandbox.ends_by(Signal::KILL, running, 128 + 9, &[]);
}

#[test]
fn more_subscribers_than_a_server_holds_are_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.scenario("one", &ONE.replace("count = 6", "count = 90000"));
    sandbox.output("run --scenario one --no-report").expect(1, &["FAILED: it takes ", "raise "]);
    assert_eq!(sandbox.failure().0, Side::Supervisor);
}

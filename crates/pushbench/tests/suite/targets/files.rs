//! Wrong target files, missing requirements and unsupported settings are reported by name before anything starts.

use crate::sandbox::Sandbox;
use crate::targets::served::{Behaviour, POLLS, serve, target_at};

fn write(sandbox: &Sandbox, text: &str) -> String {
    let file = sandbox.path("mine.toml");
    std::fs::write(&file, text).expect("a target is written");
    file.display().to_string()
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
    std::fs::create_dir(sandbox.path("targets")).unwrap();
    std::fs::write(sandbox.path("targets/one.toml"), GOOD).unwrap();
    sandbox
        .output("run --scenario short --target two")
        .expect(2, &["there is no target two; there are: one (or give the path of a file)"]);
}

#[test]
fn what_a_target_needs_and_has_not_is_named_with_what_installs_it_and_the_rest_is_run() {
    let sandbox = Sandbox::new();
    let needs = "[[requires]]\nprogram = \"no-such-program\"\ninstall = \"the Debian package nothing\"\n";
    let target = write(&sandbox, &format!("{GOOD}{needs}"));
    sandbox
        .output(&format!("run --scenario short --target {target} --repetitions 1 --no-report"))
        .expect(0, &["skipped: target mine: no-such-program is missing; install the Debian package nothing"]);
    let manifest = std::fs::read_to_string(sandbox.only_run().join("manifest.json")).unwrap();
    assert!(manifest.contains("target mine"), "{manifest}");
}

#[test]
fn a_scenario_whose_targets_are_all_missing_is_skipped_by_name() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("targets")).unwrap();
    let needs = "[[requires]]\nfiles = [\"nothing/here\"]\ninstall = \"it\"\n";
    std::fs::write(sandbox.path("targets/one.toml"), format!("{GOOD}{needs}")).unwrap();
    sandbox.scenario("both", &format!("targets = [\"one\"]\n{POLLS}"));
    let output = sandbox.output("run --scenario both");
    output.expect(
        2,
        &[
            "skipped: scenario both: none of its targets can be run here",
            "nothing/here is missing; install it",
            "no scenario is left",
        ],
    );
}

#[test]
fn what_a_target_takes_no_part_in_is_said_once_and_our_own_servers_run() {
    let sandbox = Sandbox::new();
    let target = target_at(&sandbox, serve(Behaviour::Good));
    sandbox.scenario("secure", &format!("{POLLS}\n[transport]\ntls = true\n"));
    let output = sandbox.output(&format!("run --scenario secure --target {target} --no-report"));
    output.expect(0, &["skipped: target mine in secure: targets are measured without TLS only"]);
    assert!(!output.err.contains("published by POST"), "{output:?}");
    assert_eq!(sandbox.records().len(), 1);
}

#[test]
fn a_scenario_that_posts_over_tls_is_refused_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.scenario("wrong", &format!("publisher = \"post\"\n{POLLS}\n[transport]\ntls = true\n"));
    sandbox
        .output("run --scenario wrong")
        .expect(2, &["wrong.toml:1:13: the publisher posts over plain HTTP/1.1"]);
}

#[test]
fn our_own_servers_take_events_by_post_and_raw_tcp_is_skipped_by_name() {
    for in_flight in [1, 4] {
        let sandbox = Sandbox::new();
        let posted =
            format!("publisher = \"post\"\npublisher_in_flight = {in_flight}\n{}", crate::sandbox::SHORT);
        sandbox.scenario("posted", &posted);
        let output = sandbox.output("run --scenario posted --repetitions 1 --no-report");
        output.expect(
            0,
            &["skipped: technique raw-tcp in posted: events are published by POST, and it speaks no HTTP"],
        );
        let records = sandbox.records();
        let [record] = &records[..] else { panic!("{records:?}") };
        let counts = &record.result.outcome().unwrap().counts;
        assert_eq!((counts.published, counts.lost, counts.duplicate), (10, 0, 0));
    }
}

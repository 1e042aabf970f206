//! The targets of the project, with every technique that they have: everything is delivered, once and in order, and every
//! byte has its layer.

use std::fs;
use std::path::{Path, PathBuf};

use model::trial::TrialResult;
use model::warning::Warning;
use test_support::require;

use crate::sandbox::Sandbox;

fn scenario(target: &str) -> String {
    format!(
        r#"
question = "Does everything come through?"
reading = "Nothing may be missing."
repetitions = 1
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

/// The project's targets beside the place's scenarios.
fn with_targets(sandbox: &Sandbox) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project").to_owned();
    std::os::unix::fs::symlink(root.join("targets"), sandbox.path("targets")).expect("a link");
}

/// Runs everything that `target` has, unless it is missing here and not required.
fn delivers_everything(target: &str, needs: &str, techniques: &[&str]) {
    let sandbox = Sandbox::new();
    with_targets(&sandbox);
    sandbox.scenario("all", &scenario(target));
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
        assert_eq!((counts.published, counts.delivered), (40, 120), "{:?}", record.key);
        assert_eq!(
            (counts.lost, counts.duplicate, counts.reordered, counts.reconnects),
            (0, 0, 0, 0),
            "{:?}",
            record.key
        );
        assert!(outcome.cost.known_server_cpu_ns().is_some(), "{:?}", record.key);
        let misfits = |warning: &Warning| matches!(warning, Warning::BytesDoNotAddUp { .. });
        assert!(!outcome.warnings.iter().any(misfits), "{:?}: {:?}", record.key, outcome.warnings);
        assert!(outcome.bytes.total.down.payload >= 120 * 100, "{:?}", record.key);
    }
    no_process_is_left(&sandbox);
}

/// nginx overwrites its environment, by which others are found: its command line names its folder.
fn no_process_is_left(sandbox: &Sandbox) {
    sandbox.until_no_process_is_left();
    let folder = sandbox.path("tmp").display().to_string();
    crate::sandbox::until("every server has ended", || !command_lines().any(|line| line.contains(&folder)));
}

fn command_lines() -> impl Iterator<Item = String> {
    let processes = fs::read_dir("/proc").expect("the kernel's list of processes");
    let lines = processes.flatten().map(|entry| -> PathBuf { entry.path().join("cmdline") });
    lines.filter_map(|path| fs::read_to_string(path).ok())
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

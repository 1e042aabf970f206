//! What a run writes, and what happens when it cannot.

use std::fs;
use std::process::Command;

use model::manifest::Manifest;
use model::results;
use model::trial::TrialResult;

use crate::sandbox::{SHORT, Sandbox, files};

fn manifest(sandbox: &Sandbox) -> Manifest {
    let text = fs::read_to_string(sandbox.only_run().join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_run_leaves_a_record_a_log_and_a_row_for_each_trial() {
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --scenario short --seed 7 --no-report");
    output.expect(0, &["short: 6 trials, seed 7", "[6/6] short "]);
    assert!(output.out.starts_with("scenario  technique"), "{}", output.out);
    let run = sandbox.only_run();
    let records = sandbox.records();
    assert_eq!(records.len(), 6);
    for record in &records {
        let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
        assert!(outcome.counts.delivered > 0 && outcome.counts.lost == 0, "{:?}", outcome.counts);
    }
    let trials = results::read(&run).unwrap().trials;
    assert!(trials.iter().all(|trial| trial.histograms.iter().any(|(tag, _)| tag == "delivery")));
    let table = fs::read_to_string(run.join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 6);
    let manifest = manifest(&sandbox);
    assert_eq!((manifest.seed, manifest.planned_trials), (7, 6));
    assert!(
        manifest.socket_ping.is_some_and(|floor| floor.round_trip.count == 200),
        "a hundred pings before and a hundred after"
    );
    assert_eq!(manifest.skipped, []);
    assert!(!sandbox.path("REPORT.md").exists());
    let mut left: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["histograms.hlog", "manifest.json", "trials.csv", "trials.jsonl.gz"]);
    let log = fs::read_to_string(run.join("histograms.hlog")).unwrap();
    assert!(log.contains("Tag=socket-ping/round-trip,"), "{log}");
    let done = format!("run --resume {}", run.display());
    sandbox.output(&done).expect(2, &["has ended and is packed: nothing is left to run"]);
    assert_eq!(files(&sandbox.path("tmp"), "sock").len(), 0);
}

#[test]
fn a_packed_run_holds_what_its_loose_files_held() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --seed 7 --no-report --keep-trials").expect(0, &[]);
    let run = sandbox.only_run();
    let read = || {
        let trials = results::read(&run).unwrap().trials.into_iter();
        trials.map(|trial| (trial.record, trial.histograms)).collect::<Vec<_>>()
    };
    let loose = read();
    sandbox.output(&format!("run --resume {} --no-report", run.display())).expect(0, &["short: 0 trials"]);
    assert!(!run.join("trials").exists() && run.join("trials.jsonl.gz").exists());
    assert_eq!(read(), loose);
}

#[test]
fn each_round_runs_every_technique_once() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --no-report").expect(0, &[]);
    let records = sandbox.records();
    for round in records.chunks(2) {
        assert_eq!(round[0].key.repetition, round[1].key.repetition);
        assert_ne!(round[0].key.technique, round[1].key.technique);
        assert_eq!(round[0].seed, round[1].seed, "both meet the same events");
    }
}

#[test]
fn what_is_left_out_is_named_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.scenario("other", &SHORT.replace("repetitions", "runs = \"when-named\"\nrepetitions"));
    sandbox.output("run --technique raw-tcp --repetitions 1 --no-report").expect(0, &["short: 1 trials"]);
    let skipped = manifest(&sandbox).skipped;
    let found =
        |what: &str| skipped.iter().find(|skipped| skipped.what == what).map(|skipped| skipped.why.as_str());
    assert_eq!(found("scenario other"), Some("it runs only when it is named"));
    assert_eq!(found("technique websocket"), Some("it was not asked for"));
    assert_eq!(found("technique raw-tcp"), None);
}

#[test]
fn a_second_run_of_the_day_gets_a_folder_of_its_own() {
    let sandbox = Sandbox::new();
    let arguments = "run --scenario short --repetitions 1 --technique raw-tcp --no-report";
    sandbox.output(arguments).expect(0, &[]);
    sandbox.output(arguments).expect(0, &[]);
    let runs = fs::read_dir(sandbox.path("results")).unwrap().count();
    assert_eq!(runs, 2);
}

#[test]
fn a_records_json_fits_the_schema() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --repetitions 1 --no-report --keep-trials").expect(0, &[]);
    let run = sandbox.only_run();
    let schema = serde_json::from_str(&sandbox.output("list --schema").out).unwrap();
    let json = |path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for path in files(&run.join("trials"), "json") {
        let record = json(path);
        let faults: Vec<_> = validator.iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[test]
fn a_results_folder_that_cannot_be_written_is_named_before_anything_is_started() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("file"), "").unwrap();
    let output = sandbox.output("run --scenario short --results file/results");
    output.expect(
        2,
        &[
            "error: make a run's folder in file/results; name a folder that can be written",
            "caused by: Not a directory",
        ],
    );
    assert!(!output.err.contains("trials, seed"), "{}", output.err);
}

#[test]
fn a_disk_that_takes_no_more_is_named_before_anything_is_started() {
    let sandbox = Sandbox::new();
    // The limit stands for a full disk, which a test cannot make: files over one block cannot be written.
    let script = r#"trap "" XFSZ; ulimit -f 1; exec "$0" run --scenario short"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_pushbench")]).current_dir(sandbox.path(""));
    let output = shell.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error: write results/") && said.contains("caused by: File too large"), "{said}");
    assert_eq!(fs::read_dir(sandbox.path("results")).unwrap().count(), 0, "no half of a run is left");
    assert!(!said.contains("trials, seed"), "{said}");
}

#[test]
fn results_that_cannot_be_kept_any_more_end_the_run_and_keep_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.scenario("long", &SHORT.replace("repetitions = 3", "repetitions = 100"));
    let mut running = sandbox.start("run --scenario long --no-report");
    running.until_progress("[  1/200]");
    let trials = sandbox.only_run().join("trials");
    fs::rename(&trials, trials.with_extension("away")).unwrap();
    running.finish().expect(
        2,
        &[
            "error: what was measured is kept in results/",
            "go on with: pushbench run --resume results/",
            "caused by: keep a trial's results",
            "trials/",
        ],
    );
    assert!(!files(&trials.with_extension("away"), "json").is_empty());
    sandbox.until_no_process_is_left();
}

#[test]
fn a_broken_record_is_named_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --repetitions 1 --no-report --keep-trials").expect(0, &[]);
    let run = sandbox.only_run();
    let record = files(&run.join("trials"), "json").remove(0);
    fs::write(&record, "{").unwrap();
    let output = sandbox.output(&format!("run --resume {}", run.display()));
    output.expect(
        2,
        &[
            "remove a record that is broken, and its trial is run again",
            &format!("caused by: read {}", record.display()),
        ],
    );
    fs::remove_file(&record).unwrap();
    sandbox.output("run --resume --no-report").expect(0, &["short: 1 trials"]);
    assert_eq!(sandbox.records().len(), 2);
}

#[test]
fn a_run_of_another_schema_version_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    let old = sandbox.path("results/old");
    fs::create_dir_all(old.join("trials")).unwrap();
    // With a field that this version does not have.
    let manifest = "{\"schema_version\": 3, \"started_unix_s\": 1795433691, \"floor\": null}";
    fs::write(old.join("manifest.json"), manifest).unwrap();
    let ours = format!("this pushbench reads version {}", model::SCHEMA_VERSION);
    for command in ["report", "report results/old", "run --resume results/old"] {
        sandbox.output(command).expect(2, &["results/old", "schema version 3", &ours, "measure again"]);
    }
}

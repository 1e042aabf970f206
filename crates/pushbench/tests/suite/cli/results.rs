//! What a run writes, and what happens when it cannot; searches, what they leave, and which scenarios `--capacity` means.

use std::fs;
use std::process::Command;

use model::manifest::Skipped;
use model::results;
use model::trial::{Disturbance, TrialRecord, TrialResult, Verdict};

use crate::sandbox::{CommandOutput, SHORT, Sandbox, files, manifest};

#[test]
fn a_run_leaves_a_record_a_log_and_a_row_for_each_trial() {
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --scenario short --seed 7 --no-report");
    output.expect(0, &["short: 6 trials, seed 7", "[6/6] short "]);
    let run = sandbox.only_run();
    let records = sandbox.records();
    // The table leaves out what other work has disturbed, which on a busy machine is all of it.
    let is_shown = records.iter().any(|record| record.disturbance.is_none());
    assert_eq!(output.out.starts_with("scenario  technique"), is_shown, "{}", output.out);
    assert_eq!(records.len(), 6);
    for record in &records {
        let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
        assert!(outcome.counts.delivered > 0 && outcome.counts.lost == 0, "{:?}", outcome.counts);
    }
    let trials = results::read(&run).unwrap().trials;
    assert!(trials.iter().all(|trial| trial.histograms.iter().any(|(tag, _)| tag == "delivery")));
    let table = fs::read_to_string(run.join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 6);
    let manifest = sandbox.manifest();
    assert_eq!((manifest.seed, manifest.planned_trials), (7, 6));
    assert!(
        manifest.socket_ping.is_some_and(|ping| ping.round_trip.count == 200),
        "a hundred pings before and a hundred after"
    );
    let is_unasked =
        |skipped: &Skipped| skipped.what.starts_with("scenario ") && skipped.why == "it was not asked for";
    assert!(manifest.skipped.iter().all(is_unasked), "{:?}", manifest.skipped);
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
    let sandbox = Sandbox::ran_short("--seed 7 --keep-trials");
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
fn a_budget_adds_blocks_to_the_least_and_a_self_check_runs_everything_twice() {
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --scenario short --budget 30s --self-check --no-report");
    output.expect(0, &["about 30 s", " left"]);
    assert!(output.out.contains("self-check: "), "{}", output.out);
    let records = sandbox.records();
    let (each, rest) = (records.len() / 4, records.len() % 4);
    assert!(each > 3 && rest < 4, "{} trials", records.len());
    for block in records[..12].chunks(4) {
        let mut keys: Vec<_> = block.iter().map(|it| (&it.key.technique, it.key.repetition % 2)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4, "both halves of both techniques: {keys:?}");
    }
    assert_eq!(sandbox.manifest().planned_trials as usize, records.len());
    // The core's speed is measured while it is idle, and other tests may keep it busy in some of the trials.
    let speeds = records.iter().filter_map(|record| record.result.outcome()?.instrument.server_core_speed);
    let exchanges: u64 = speeds.map(|speed| speed.exchanges).sum();
    assert_eq!(exchanges == 0, sandbox.manifest().host.server_cores.is_empty());
    sandbox.output("run --budget 5s").expect(2, &["a budget is at least 30s"]);
    sandbox.output("run --budget 10x").expect(2, &["--budget"]);
}

#[test]
fn each_round_runs_every_technique_once() {
    let records = Sandbox::ran_short("--seed 7").records();
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
    sandbox.override_built_in_scenarios();
    sandbox.output("run --technique raw-tcp --repetitions 1 --no-report").expect(0, &["short: 1 trials"]);
    assert_eq!(sandbox.skipped("scenario other")[..1], ["it runs only when it is named"]);
    assert_eq!(sandbox.skipped("technique websocket")[..1], ["it was not asked for"]);
    assert!(sandbox.skipped("technique raw-tcp").is_empty());
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
    let sandbox = Sandbox::ran_short("--repetitions 1 --keep-trials");
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
    let words = "error: make a run's folder in file/results; name a folder that can be written";
    output.expect(2, &[words, "caused by: Not a directory"]);
    assert!(!output.err.contains("trials, seed"), "{}", output.err);
}

#[test]
fn a_disk_that_takes_no_more_is_named_before_anything_is_started() {
    let sandbox = Sandbox::new();
    // The limit stands for a full disk, which a test cannot make: files over one block cannot be written.
    let script = r#"trap "" XFSZ; ulimit -f 1; exec "$0" run --scenario short"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_pushbench")]).current_dir(sandbox.path(""));
    let output = CommandOutput::run(&mut shell);
    output.expect(2, &["error: write results/", "caused by: File too large"]);
    assert_eq!(fs::read_dir(sandbox.path("results")).unwrap().count(), 0, "no half of a run is left");
    assert!(!output.err.contains("trials, seed"), "{}", output.err);
}

#[test]
fn results_that_cannot_be_kept_any_more_end_the_run_and_keep_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.scenario("long", &SHORT.replace("repetitions = 3", "repetitions = 100"));
    let mut running = sandbox.start("run --scenario long --no-report");
    running.until_progress("[  1/200]");
    let trials = sandbox.only_run().join("trials");
    fs::rename(&trials, trials.with_extension("away")).unwrap();
    let kept = "error: what was measured is kept in results/";
    let remedy = "go on with: pushbench run --resume results/";
    sandbox.ends(running, 2, &[kept, remedy, "caused by: keep a trial's results", "trials/"]);
    assert!(!files(&trials.with_extension("away"), "json").is_empty());
}

#[test]
fn a_broken_record_is_named_with_the_remedy() {
    let sandbox = Sandbox::ran_short("--repetitions 1 --keep-trials");
    let run = sandbox.only_run();
    let record = files(&run.join("trials"), "json").remove(0);
    fs::write(&record, "{").unwrap();
    let output = sandbox.output(&format!("run --resume {}", run.display()));
    let remedy = "remove a record that is broken, and its trial is run again";
    output.expect(2, &[remedy, &format!("caused by: read {}", record.display())]);
    fs::remove_file(&record).unwrap();
    sandbox.output("run --resume --no-report").expect(0, &["short: 1 trials"]);
    assert_eq!(sandbox.records().len(), 2);
}

#[test]
fn a_run_whose_trials_were_all_disturbed_says_so_in_place_of_a_table() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --repetitions 1 --no-report --keep-trials").expect(0, &[]);
    let paths = files(&sandbox.only_run().join("trials"), "json");
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let record: TrialRecord = serde_json::from_str(&text).unwrap();
        let disturbance = Some(Disturbance::OtherWork { share: 0.5 });
        fs::write(path, serde_json::to_string(&TrialRecord { disturbance, ..record }).unwrap()).unwrap();
    }
    let output = sandbox.output(&format!("run --resume {} --no-report", sandbox.only_run().display()));
    output.expect(0, &[]);
    assert!(
        output.out.starts_with("no table: the machine did other work during 2 of 2 trials"),
        "{output:?}"
    );
}

#[test]
fn a_report_without_the_histograms_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.output("run --scenario short --repetitions 1 --no-report").expect(0, &[]);
    let run = sandbox.only_run().display().to_string();
    sandbox.output(&format!("report {run} {run}/.")).expect(2, &["caused by: the run", "is named twice"]);
    fs::remove_file(sandbox.only_run().join("histograms.hlog")).unwrap();
    let lost = "nothing that was measured in results/";
    for command in ["report", "cite short/raw-tcp/cpu", "compare results results"] {
        let output = sandbox.output(command);
        output.expect(
            2,
            &[lost, "its log histograms.hlog: there is no such file; restore its files, or leave"],
        );
        assert_eq!(output.err.matches("histograms.hlog").count(), 1, "{}", output.err);
    }
    assert!(!sandbox.path("REPORT.md").exists());
}

#[test]
fn a_folder_of_results_without_a_run_is_named() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("results")).unwrap();
    let none = "there is no run in results that can be read; `pushbench run` makes one";
    for command in ["report", "cite short/raw-tcp/cpu"] {
        sandbox.output(command).expect(2, &[none]);
    }
    fs::create_dir(sandbox.path("results/half")).unwrap();
    fs::write(sandbox.path("results/half/manifest.json"), "{\"schema_version\": 5").unwrap();
    sandbox
        .output("report")
        .expect(2, &["left out: results/half/manifest.json is not a run's manifest", none]);
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

/// A search that ends at the highest rate allowed, since nothing is hard about it.
const EASY: &str = r#"
runs = "capacity"
repetitions = 2
techniques = ["raw-tcp"]
phases = { warm_up = "50ms", window = "200ms" }
bound.p99 = "4s"
search = { from = "20/s", most = "80/s", then = ["50%", "150%"] }
"#;

/// Rate, rounded, and what was searched or loaded there, in the order of the files.
fn shown(record: &TrialRecord) -> String {
    let rate = record.settings.events.rate_per_s.round();
    match (&record.search, record.load) {
        (Some(step), None) => format!("r{} step {} at {rate}", record.key.repetition, step.step),
        (None, Some(load)) => format!("r{} load {load} at {rate}", record.key.repetition),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_search_leaves_a_record_a_step_and_a_load_and_says_what_it_found() {
    let sandbox = Sandbox::new();
    sandbox.scenario("easy", EASY);
    let output = sandbox.output("run --scenario easy --seed 3 --no-report");
    let says = ["easy: 2 searches, seed 3", "[1/2] easy 20/s raw-tcp r0", "passed", "CAPACITY at least 80/s"];
    output.expect(0, &says);
    assert!(output.out.contains("capacity per channel, by repetition"), "{}", output.out);
    assert!(output.out.contains("at least 80/s, at least 80/s"), "{}", output.out);
    let mut found: Vec<_> = sandbox.records().iter().map(shown).collect();
    found.sort();
    let expected = [
        "r0 load 0.5 at 40",
        "r0 load 1.5 at 120",
        "r0 step 0 at 20",
        "r0 step 1 at 40",
        "r0 step 2 at 80",
        "r1 load 0.5 at 40",
        "r1 load 1.5 at 120",
        "r1 step 0 at 65",
        "r1 step 1 at 80",
    ];
    assert_eq!(found, expected);
    assert_eq!(sandbox.manifest().planned_trials, 9);
    let table = fs::read_to_string(sandbox.only_run().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 9);
    sandbox.until_no_process_is_left();
}

#[test]
fn without_a_capacity_there_are_no_shares_of_it_and_no_fault() {
    let sandbox = Sandbox::new();
    let bounded = EASY.replace("p99 = \"4s\"", "p99 = \"1ns\"").replace("repetitions = 2", "repetitions = 1");
    sandbox.scenario("hard", &bounded);
    let output = sandbox.output("run --scenario hard --no-report");
    // No publisher is within a tenth of a nanosecond of its schedule.
    output.expect(0, &["not judged: the publisher came", "CAPACITY not known"]);
    let records = sandbox.records();
    assert_eq!(records.len(), 22, "eleven rates, each twice");
    let not_judged =
        |record: &TrialRecord| matches!(record.search.as_ref().unwrap().verdict, Verdict::NotJudged { .. });
    assert!(records.iter().all(not_judged));
    assert!(!sandbox.skipped("loads of hard raw-tcp r0").is_empty(), "{:?}", sandbox.manifest().skipped);
}

#[test]
fn capacity_means_the_scenarios_that_look_for_limits_and_nothing_else_does() {
    let sandbox = Sandbox::new();
    sandbox.scenario("easy", EASY);
    sandbox.override_built_in_scenarios();
    let arguments = "run --technique raw-tcp --repetitions 1 --no-report --results";
    sandbox.output(&format!("{arguments} plain")).expect(0, &["short: 1 trials"]);
    sandbox.output(&format!("{arguments} limits --capacity")).expect(0, &["easy: 1 searches"]);
    let why = |results: &str| {
        let run = fs::read_dir(sandbox.path(results)).unwrap().next().unwrap().unwrap().path();
        let is_own = |what: &str| matches!(what, "scenario easy" | "scenario short");
        let scenarios = manifest(&run).skipped.into_iter().filter(|skipped| is_own(&skipped.what));
        scenarios.map(|skipped| format!("{}: {}", skipped.what, skipped.why)).collect::<Vec<_>>()
    };
    assert_eq!(why("plain"), ["scenario easy: it runs with --capacity"]);
    assert_eq!(why("limits"), ["scenario short: it was not asked for"]);
    sandbox
        .output("run --capacity --scenario short")
        .expect(2, &["the argument '--capacity' cannot be used with '--scenario"]);
}

#[test]
fn a_servers_signs_of_life_come_as_often_as_the_scenario_says() {
    let sandbox = Sandbox::new();
    let quiet = |heartbeat: &str| {
        format!(
            "techniques = [\"websocket\"]\nevents.rate = \"0.00001/s\"\nheartbeat = \"{heartbeat}\"\n\
             phases = {{ warm_up = \"50ms\", window = \"500ms\" }}\n"
        )
    };
    sandbox.scenario("often", &quiet("20ms"));
    sandbox.scenario("never", &quiet("0s"));
    sandbox.output("run --scenario often --scenario never --no-report").expect(0, &[]);
    for record in sandbox.records() {
        let pings = record.result.outcome().unwrap().bytes.window.down.control;
        assert_eq!(pings > 0, record.key.scenario == "often", "{}: {pings}", record.key.scenario);
    }
}

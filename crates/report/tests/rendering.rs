//! From a run folder to REPORT.md and charts, on synthetic runs.

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fixture::host::quantiles;
use fixture::records::six;
use fixture::runs::{at, from_zero, full, rates_and_payloads, small};
use fixture::{Contestant, Histograms, Run};
use model::byte_account::Layers;
use model::settings::{Pace, Uplink, UplinkTo};
use model::trial::{TrialOutcome, TrialResult};
use report::{Rendered, ReportError, render};

#[test]
fn same_results_give_the_same_bytes() {
    let (one, other) = (folder(), folder());
    let first = written(one.path(), &small());
    let second = written(other.path(), &small());
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    let charts = ["bytes-plain.svg", "cpu-plain.svg", "latency-plain.svg", "percentiles-plain.svg"];
    assert_eq!(names, [&["REPORT.md"], charts.as_slice()].concat());
    assert!(first == second, "two renderings differ");
    render(&[one.path().join("results/run")], &one.path().join("REPORT.md")).expect("renders again");
    assert!(contents(one.path()) == first, "rendering again differs");
}

#[test]
fn every_chart_is_well_formed_and_named_for_screen_readers() {
    let charts = &full_rendered().rendered.charts;
    assert!(charts.len() >= 20, "{charts:?}");
    for chart in charts {
        let svg = fs::read_to_string(chart).expect("chart is there");
        let name = chart.display();
        assert!(svg.contains("role=\"img\" aria-labelledby=\"title description\""), "{name}");
        for element in ["title", "desc", "style"] {
            let (_, content) = svg.split_once(&format!("<{element}")).expect("element is there");
            assert!(
                content.split_once("</").is_some_and(|(text, _)| text.len() > 20),
                "{name}: empty {element}"
            );
        }
        assert!(svg.contains("prefers-color-scheme:dark"), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        assert_eq!(unclosed(&svg), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn report_links_to_every_chart_and_every_chart_is_linked() {
    let FullRendered { root, rendered, .. } = full_rendered();
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    let linked: Vec<&str> = report.split("](").filter_map(|rest| rest.split(')').next()).collect();
    for chart in &rendered.charts {
        let relative = chart.strip_prefix(root.path()).expect("chart is in the folder").to_string_lossy();
        assert!(linked.contains(&relative.as_ref()), "{relative} is not in {linked:?}");
        let anchor =
            format!("<a id=\"figure-{}\"></a>", chart.file_stem().expect("has a name").to_string_lossy());
        assert!(report.contains(&anchor), "{anchor}");
    }
}

#[test]
fn quantile_that_the_sample_cannot_bound_is_not_printed() {
    let root = folder();
    let mut run = Run::new(&six());
    run.scenario("few", &[], "");
    let mut few = at("few");
    few.settings.phases.window_ns = 500_000_000;
    for (order, contestant) in six().iter().enumerate() {
        run.trial(&few, order, contestant, 0);
    }
    written(root.path(), &run);
    let row = row(root.path(), "| WebSocket |");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    // 500 deliveries bound p90 and neither p99 nor p99.9; one trial gives no interval.
    assert!(cells[2].ends_with("µs") && cells[3].ends_with("µs"), "{row}");
    assert_eq!(cells[4..6], ["–", "–"], "{row}");
}

#[test]
fn instrument_s_own_quantiles_are_gated_like_all_others() {
    let root = folder();
    let mut run = small();
    written(root.path(), &run);
    let report = || fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    // A hundred values bound p50 and not p99; the longest was measured whatever their number.
    assert!(report().contains("p50 **31.0 µs**, p99 –; round trip p50 62.0 µs, p99 –."), "{}", report());
    assert!(report().contains("| 9.00 µs / – | – / 290 µs | – / 300 µs |"), "{}", report());
    run.manifest.socket_ping.as_mut().expect("fixture has a floor").one_way = quantiles(1_000, 31_000);
    for (record, _) in &mut run.trials {
        let TrialResult::Complete(outcome) = &mut record.result else { continue };
        outcome.instrument.schedule_lag = Some(quantiles(1_000, 9_000));
    }
    written(root.path(), &run);
    assert!(report().contains("p50 **31.0 µs**, p99 62.0 µs; round trip"), "{}", report());
    assert!(report().contains("| 9.00 µs / 18.0 µs | – / 290 µs |"), "{}", report());
}

#[test]
fn bytes_and_cpu_are_divided_by_the_events_between_the_edges() {
    let root = folder();
    let mut run = Run::new(&six());
    run.scenario("known", &[], "");
    let (known, contestant) = (at("known"), &six()[4]);
    for (repetition, cpu_ns) in [(0, 4_000_000), (1, 5_000_000), (2, 6_000_000)] {
        run.push(&known, 4, contestant, repetition, measured(contestant, cpu_ns));
    }
    run.trial(&known, 5, &six()[5], 0);
    written(root.path(), &run);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    // 50,000 B up, 147,000 B down (47,000 of them stamps), 1,000 events; mean CPU 5 µs, 4.303 × 1 ÷ √3 to either side.
    // 52,000 B of TCP/IP headers each way; 830 B until a subscriber is connected.
    let row = "| WebSocket | 2.00 | 50.0 | 147 | 0.500 | 830 | 104 | 5.00 µs [2.52–7.48] |";
    assert!(report.contains(row), "{report}");
}

#[test]
fn broken_records_are_named_and_the_rest_is_rendered() {
    let root = folder();
    let dir = small().write(root.path(), "run");
    fs::write(dir.join("trials/0000.json"), "{ rubbish").expect("writable");
    fs::write(dir.join("trials/0001.hlog"), "Tag=delivery,0,1,1,notbase64\n").expect("writable");
    fs::remove_file(dir.join("trials/0002.hlog")).expect("is there");
    let future = fs::read_to_string(dir.join("trials/0003.json")).expect("is there");
    let (now, other) = (format!("\"schema_version\": {}", model::SCHEMA_VERSION), "\"schema_version\": 99");
    // Of another version, so with other fields.
    let future = future.replacen(&now, other, 1).replacen("\"result\"", "\"outcome\"", 1);
    fs::write(dir.join("trials/0003.json"), future).expect("writable");
    let rendered = render(&[dir], &root.path().join("REPORT.md")).expect("the rest is whole");
    let broken: Vec<_> = rendered.broken.iter().filter_map(|broken| broken.path.file_name()).collect();
    assert_eq!(broken, ["0000.json", "0001.json", "0002.json", "0003.json"]);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    assert!(report.contains("| `trials/0000.json` | key must be a string"), "{report}");
    assert!(report.contains("| `trials/0001.json` | its log trials/0001.hlog: "), "{report}");
    assert!(report.contains("| `trials/0002.json` | its log trials/0002.hlog: No such file"), "{report}");
    assert!(report.contains("schema version 99"), "{report}");
}

#[test]
fn failed_and_incomplete_trials_and_skipped_parts_are_shown() {
    let root = folder();
    let mut run = small();
    let contestants = six();
    run.failure(&at("plain"), 4, &contestants[4], 9, "died | by signal 9\nafter 1 s");
    run.skip("browsers", "there is none on this machine");
    run.trials[0].0.result = lossy(&run.trials[0].0.result);
    written(root.path(), &run);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    assert!(
        report.contains("| plain, WebSocket | 9 | server | died \\| by signal 9 after 1 s |"),
        "{report}"
    );
    assert!(report.contains("| browsers | there is none on this machine |"), "{report}");
    assert!(report.contains("| plain, Short polling, repetition 0 | 7 | 2000 | – | – |"), "{report}");
    assert!(report.contains("**1 more did not run to their end.**"), "{report}");
}

#[test]
fn message_up_that_was_due_and_never_sent_is_missing() {
    let root = folder();
    let mut run = Run::new(&six());
    run.scenario("game", &[], "");
    let (mut game, contestant) = (at("game"), &six()[4]);
    game.settings.uplink =
        Some(Uplink { rate_per_s: 10.0, pace: Pace::Constant, payload_bytes: 20, to: UplinkTo::Application });
    let (mut outcome, mut histograms) = contestant.measure(&game, 0);
    (outcome.counts.uplink_due, outcome.counts.uplink_sent) = (2_000, 1_900);
    outcome.counts.uplink_received = 1_900;
    let mut uplink = histograms["delivery"].clone();
    uplink.reset();
    uplink.record_n(50_000, 1_900).expect("within bounds");
    histograms.insert("uplink", uplink);
    run.push(&game, 4, contestant, 0, (outcome, histograms));
    let result = &mut run.trials[0].0.result;
    *result = TrialResult::Incomplete(Box::new(result.outcome().expect("ran to its end").clone()));
    written(root.path(), &run);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    assert!(report.contains("| game, WebSocket, repetition 0 | 0 | 2000 | 100 | 2000 |"), "{report}");
    // A twentieth is missing, so that p50 came and p99 did not.
    assert!(report.contains("| 0 / 0 / 0 | 50.2 µs | missing |\n"), "{report}");
}

#[test]
fn memory_is_what_connections_took_and_not_what_events_did() {
    let FullRendered { root, .. } = full_rendered();
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    let (_, section) = report.split_once("<a id=\"scenario-chat\"></a>").expect("scenario is there");
    let row = section.lines().find(|line| line.starts_with("| WebSocket |") && line.contains("KiB"));
    // 6,500 B a subscriber.
    assert!(row.expect("row is there").ends_with(" 6.35 KiB |"), "{row:?}");
}

#[test]
fn words_outside_the_markers_stay_and_damaged_markers_write_nothing() {
    let root = folder();
    let out = root.path().join("REPORT.md");
    let dir = small().write(root.path(), "run");
    render(std::slice::from_ref(&dir), &out).expect("renders");
    let edited = fs::read_to_string(&out).expect("is there").replace("## At a glance", "## My own words");
    fs::write(&out, &edited).expect("writable");
    render(std::slice::from_ref(&dir), &out).expect("renders");
    assert_eq!(fs::read_to_string(&out).expect("is there"), edited);
    let damaged = edited.replace("<!-- pushbench:end socket-ping -->\n", "");
    fs::write(&out, &damaged).expect("writable");
    let error = render(&[dir], &out).expect_err("the section is not closed");
    assert!(matches!(error, ReportError::Markers { .. }), "{error}");
    assert_eq!(fs::read_to_string(&out).expect("is there"), damaged);
}

#[test]
fn failed_write_leaves_no_partial_file() {
    let root = folder();
    let dir = small().write(root.path(), "run");
    let charts = dir.join("charts");
    fs::create_dir_all(charts.join("latency-plain.svg")).expect("writable");
    let error = render(&[dir], &root.path().join("REPORT.md")).expect_err("a folder is in the chart's place");
    assert!(
        matches!(&error, ReportError::Write { path, .. } if path.ends_with("latency-plain.svg")),
        "{error}"
    );
    let left: Vec<_> =
        fs::read_dir(charts).expect("is there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["latency-plain.svg"]);
    assert!(!root.path().join("REPORT.md").exists());
}

#[test]
fn folder_without_manifest_is_refused_by_name() {
    let root = folder();
    let error = render(&[root.path().to_owned()], &root.path().join("REPORT.md")).expect_err("no manifest");
    assert!(error.to_string().ends_with("manifest.json"), "{error}");
    assert!(matches!(render(&[], &root.path().join("REPORT.md")), Err(ReportError::NoRuns)));
}

#[test]
fn several_runs_stand_side_by_side_with_anchors_of_their_own() {
    let root = folder();
    let dirs = [small().write(root.path(), "first"), small().write(root.path(), "second")];
    render(&dirs, &root.path().join("REPORT.md")).expect("renders");
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    for run in ["first", "second"] {
        assert!(report.contains(&format!("<a id=\"figure-latency-plain-{run}\"></a>")), "{report}");
        assert!(report.contains(&format!("(results/{run}/charts/latency-plain.svg)")), "{report}");
    }
}

#[test]
fn unfinished_run_says_so() {
    let root = folder();
    let mut run = small();
    run.manifest.planned_trials = 99;
    written(root.path(), &run);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    assert!(report.contains("18 of 99 planned: **the run is not complete**"), "{report}");
}

#[test]
fn trials_that_a_climb_skipped_are_not_missing() {
    let root = folder();
    let mut run = small();
    run.manifest.planned_trials = 20;
    run.skip("trial plain at events.rate = 9000/s by websocket, repetition 0", "past the bound since 5000/s");
    run.skip("scenario chat", "it was not asked for");
    written(root.path(), &run);
    let report = || fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    let one_left = "18 of 20 planned, 1 skipped past the bound: **the run is not complete**";
    assert!(report().contains(one_left), "{}", report());
    run.skip("trial plain at events.rate = 9000/s by raw-tcp, repetition 0", "past the bound since 5000/s");
    written(root.path(), &run);
    assert!(report().contains("| trials | 18 of 20 planned, 2 skipped past the bound |"), "{}", report());
}

#[test]
fn swept_zero_is_in_the_table_and_not_in_the_chart() {
    let (with, without) = (folder(), folder());
    let mut run = from_zero();
    let files = written(with.path(), &run);
    run.trials.remove(0);
    let fewer = written(without.path(), &run);
    let chart = |files: &[(String, String)]| {
        files.iter().find(|(name, _)| name == "interval-hold.svg").expect("the chart is there").1.clone()
    };
    assert!(chart(&files) == chart(&fewer), "a value of 0 changes the chart");
    let report = &files[0].1;
    assert!(report.contains("| 0 µs | Long polling |"), "{report}");
    assert!(report.contains("A value of 0 has no place on a logarithmic axis"), "{report}");
}

#[test]
fn every_value_of_two_swept_numbers_has_a_panel_of_its_own() {
    let root = folder();
    let files = written(root.path(), &rates_and_payloads(&[10, 20, 50], &[100, 1_024]));
    let (name, chart) = &files[1];
    assert_eq!(name, "bytes-both.svg");
    let texts = |text: &str| chart.matches(&format!(">{text}</text>")).count();
    for rate in ["10/s", "20/s", "50/s"] {
        assert_eq!(texts(&format!("events.rate = {rate}")), 1, "{chart}");
    }
    // Each of the three rows names both columns, and every bar's total stands once in its panel.
    assert_eq!([texts("100 B"), texts("1 KiB")], [3, 3], "{chart}");
    assert_eq!([texts("151"), texts("1075")], [3 * 2, 3 * 2], "{chart}");
}

#[test]
fn panels_too_narrow_for_their_bars_are_left_to_the_table() {
    let root = folder();
    let many: Vec<u32> = (1..=8).map(|step| step * 10).collect();
    let run = rates_and_payloads(&many, &many).write(root.path(), "run");
    let rendered = render(&[run], &root.path().join("REPORT.md")).expect("renders");
    assert!(rendered.charts.is_empty(), "{:?}", rendered.charts);
    let report = fs::read_to_string(root.path().join("REPORT.md")).expect("report is there");
    assert!(report.contains("| 80/s | 80 B | WebSocket |"), "{report}");
}

#[test]
fn full_run_renders_in_seconds() {
    let FullRendered { rendered, took, .. } = full_rendered();
    // The promise is two seconds in release; an unoptimised build on a busy machine gets more.
    assert!(took.as_secs() < 60, "{took:?} for {} records", rendered.records);
    assert!(rendered.records > 350, "{}", rendered.records);
}

/// A full run takes a while to make up, so that tests share it.
struct FullRendered {
    root: tempfile::TempDir,
    rendered: Rendered,
    took: Duration,
}

fn full_rendered() -> &'static FullRendered {
    static SHARED: OnceLock<FullRendered> = OnceLock::new();
    SHARED.get_or_init(|| {
        let root = folder();
        let dir = full().write(root.path(), "run");
        let begun = Instant::now();
        let rendered = render(&[dir], &root.path().join("REPORT.md")).expect("renders");
        FullRendered { root, rendered, took: begun.elapsed() }
    })
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is a temporary folder")
}

/// A thousand events in five hundred responses, and bytes that are easy to divide.
fn measured(contestant: &Contestant, cpu_ns: u64) -> (TrialOutcome, Histograms) {
    let (mut outcome, histograms) = contestant.measure(&at("known"), 0);
    (outcome.counts.events_in_window, outcome.counts.responses) = (1_000, 500);
    outcome.cost.server_cpu_ns = cpu_ns;
    let window = &mut outcome.bytes.window;
    window.up = Layers { request_head: 50_000, ..Layers::default() };
    window.down = Layers { payload: 100_000, stamp: 47_000, ..Layers::default() };
    let segments = &mut outcome.segments.window;
    (segments.up.header_bytes, segments.down.header_bytes) = (52_000, 52_000);
    (outcome, histograms)
}

/// The same trial with seven events that never came.
fn lossy(result: &TrialResult) -> TrialResult {
    let mut outcome = result.outcome().expect("ran to its end").clone();
    (outcome.counts.lost, outcome.counts.delivered) = (7, outcome.counts.expected - 7);
    TrialResult::Incomplete(Box::new(outcome))
}

/// Renders a run, and gives the names and texts of everything that was written.
fn written(root: &Path, run: &Run) -> Vec<(String, String)> {
    let dir = run.write(root, "run");
    render(&[dir], &root.join("REPORT.md")).expect("renders");
    contents(root)
}

fn contents(root: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root.join("results/run/charts"))
        .expect("there are charts")
        .map(|entry| entry.expect("is readable").path())
        .chain([root.join("REPORT.md")])
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("has a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).expect("is text"))).collect()
}

/// The first line of the report that begins so.
fn row(root: &Path, begin: &str) -> String {
    let report = fs::read_to_string(root.join("REPORT.md")).expect("report is there");
    let is_latency = |line: &&str| line.starts_with(begin) && !line.contains("<br>");
    report.lines().filter(is_latency).nth(1).expect("row is there").to_owned()
}

/// Elements that were opened and not closed, and ends that close nothing.
fn unclosed(svg: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (inside, _) = tag.split_once('>').expect("tag ends");
        let name: String =
            inside.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        if inside.starts_with('/') {
            if open.last() == Some(&name) {
                open.pop()
            } else {
                return vec![format!("</{name}>")];
            };
        } else if !inside.ends_with('/') {
            open.push(name);
        }
    }
    open
}

//! Pictures of recorded exchanges.

use std::fs;

use model::trial::{Flight, TrialResult};

use super::fixture::Run;
use super::fixture::records::six;
use super::fixture::runs::at;
use super::{folder, report, section, traces};

fn run_with(traced: [Vec<Flight>; 6]) -> Run {
    let mut run = Run::new(&six());
    run.scenario("timeline", &[], "");
    let mut at = at("timeline");
    at.settings.traced = true;
    at.settings.subscribers.count = 1;
    at.settings.subscribers.added_delay_ns = 40_000_000;
    for (order, (contestant, trace)) in six().iter().zip(traced).enumerate() {
        run.trial(&at, order, contestant, 0);
        if let TrialResult::Complete(outcome) = &mut run.trials[order].0.result {
            outcome.trace = trace;
        }
    }
    run
}

fn six_traces() -> [Vec<Flight>; 6] {
    let stream = traces::stream;
    [
        traces::grid(),
        traces::held(),
        stream(["GET /stream", "200"], "chunk, 1 event", 154),
        stream(["GET /events", "200"], "chunk, 1 event", 168),
        stream(["GET /ws", "101"], "text frame, 1 event", 151),
        stream(["hello", ""], "frame, 1 event", 151),
    ]
}

#[test]
fn every_traced_technique_has_a_picture_in_the_section_and_nowhere_else() {
    let root = folder();
    let report = report(root.path(), &run_with(six_traces()));
    let timelines = section(&report, "timelines");
    for slug in ["grid", "held", "lines", "fields", "frames", "floor"] {
        let link = format!("](results/run/charts/timeline-{slug}-timeline.svg)");
        assert_eq!((timelines.matches(&link).count(), report.matches(&link).count()), (1, 1), "{slug}");
    }
    assert!(timelines.contains("The added delay of 40 ms sits on the way down only"), "{timelines}");
    assert!(!section(&report, "at-a-glance").contains("timeline"), "a trial to look at is no comparison");
}

#[test]
fn picture_is_as_high_as_time_is_long_and_labels_do_not_overlap() {
    let root = folder();
    report(root.path(), &run_with(six_traces()));
    for slug in ["grid", "held", "lines", "fields", "frames", "floor"] {
        let path = root.path().join(format!("results/run/charts/timeline-{slug}-timeline.svg"));
        let svg = fs::read_to_string(path).expect("picture is there");
        let height: f64 = attribute(&svg, "height");
        assert!((1_200.0..=1_400.0).contains(&height), "{slug}: {height}");
        for anchor in ["text-anchor=\"end\"", "text-anchor=\"start\""] {
            let mut rows: Vec<f64> = svg
                .split("<text ")
                .skip(1)
                .filter(|text| is_label(text, anchor))
                .map(|text| attribute(text, "y"))
                .collect();
            rows.sort_by(f64::total_cmp);
            // A picture is drawn four times as large as it is shown.
            let closest = rows.windows(2).map(|pair| (pair[1] - pair[0]) / 4.0).fold(f64::INFINITY, f64::min);
            assert!(closest >= 13.0, "{slug}: labels {closest} px apart");
        }
    }
}

#[test]
fn empty_polls_are_counted_once_and_not_labelled() {
    let root = folder();
    report(root.path(), &run_with(six_traces()));
    let path = root.path().join("results/run/charts/timeline-grid-timeline.svg");
    let svg = fs::read_to_string(path).expect("picture is there");
    // Eight polls, of which those at 0 and 2000 ms, with no event before them, find nothing.
    assert!(svg.contains(">empty poll and its answer: 2 in all, 1100 B</text>"), "{svg}");
    assert_eq!(svg.matches(">GET /events · 489 B</text>").count(), 6, "{svg}");
    assert!(!svg.contains(">204"), "{svg}");
}

#[test]
fn burst_stands_as_one_label() {
    let root = folder();
    report(root.path(), &run_with(six_traces()));
    let path = root.path().join("results/run/charts/timeline-frames-timeline.svg");
    let svg = fs::read_to_string(path).expect("picture is there");
    assert!(svg.contains(">5 × text frame, 1 event · 755 B in all</text>"), "{svg}");
}

#[test]
fn run_without_traces_says_so() {
    let root = folder();
    let report = report(root.path(), &super::fixture::runs::small());
    assert!(section(&report, "timelines").contains("`traced = true`"), "{report}");
}

/// A text beside one of the two lines, which is no mark of time.
fn is_label(text: &str, anchor: &str) -> bool {
    let inside = text.split("</text>").next().unwrap_or("");
    inside.contains(anchor) && inside.contains(" B") && !inside.contains("empty poll")
}

fn attribute(element: &str, name: &str) -> f64 {
    let (_, rest) = element.split_once(&format!("{name}=\"")).expect("attribute is there");
    rest.split('"').next().and_then(|number| number.parse().ok()).expect("attribute is a number")
}

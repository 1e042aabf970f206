//! What the report says of transports: layers, set-up, crossings over the rate, ratios of CPU, compression.

mod fixture;

use std::fs;
use std::sync::OnceLock;

use fixture::Run;
use fixture::records::six;
use fixture::runs::{bytes_against_rate, handshakes, small, transport_cost, transports};
use model::trial::{TrialOutcome, TrialResult};
use report::render;

#[test]
fn layers_of_all_transports_are_merged_by_family_and_the_kernels_headers_stand_apart() {
    let rendered = all();
    let chart = rendered.chart("bytes-transport-overhead.svg");
    for name in ["HTTP/1.1", "HTTP/1.1 + TLS", "HTTP/2", "HTTP/2 + TLS", "heads", "HTTP framing", "TLS"] {
        assert_eq!(chart.matches(&format!(">{name}</text>")).count(), 1, "{name}: {chart}");
    }
    for layer in ["request head", "DATA framing", "TLS records"] {
        assert!(!chart.contains(&format!(">{layer}</text>")), "{layer} is a layer of its own");
    }
    assert!(chart.contains(">TCP/IP headers (counted by the kernel)</text>"), "{chart}");
    // 147 B of a message, 4 of its frame header, 6 of a chunk: none of the 104 B of its headers is in that.
    assert!(chart.contains(">151</text>") && !chart.contains(">151 +"), "{chart}");
}

#[test]
fn few_layers_keep_their_names() {
    let rendered = all();
    let chart = rendered.chart("bytes-plain.svg");
    assert!(chart.contains(">151 + 52</text>"), "{chart}");
    for layer in ["request head", "response head", "chunk framing"] {
        assert_eq!(chart.matches(&format!(">{layer}</text>")).count(), 1, "{layer}: {chart}");
    }
}

#[test]
fn set_up_is_told_by_transport_with_its_round_trips() {
    let mut run = Run::new(&six());
    handshakes(&mut run);
    let rendered = rendered(&run);
    let row = rendered.row("WebSocket", "round trips");
    let cells: Vec<&str> = row.split(" | ").collect();
    // The greeting takes one round trip, the connection one, TLS 1.3 one more.
    for (place, expected) in [
        (1, "642 + 188 B<br>2 round trips<br>"),
        (2, "994 + 1422 B<br>3 round trips<br>"),
        (3, "1244 + 492 B<br>3 round trips<br>"),
        (4, "509 + 220 B<br>2 round trips<br>"),
    ] {
        assert!(cells[place].starts_with(expected), "{place}: {row}");
    }
    let floor = rendered.row("Raw TCP", "round trips");
    assert_eq!(floor.matches(" B<br>").count(), 3, "{floor}");
}

#[test]
fn set_up_is_spread_over_the_events_that_follow() {
    let mut run = Run::new(&six());
    handshakes(&mut run);
    let rendered = rendered(&run);
    // 642 + 188 B until connected, then 147 B of message and 4 of frame header for each event.
    let row = "| HTTP/1.1 | WebSocket | 981 | 234 | 159 | 152 | 151 |";
    assert!(rendered.report.contains(row), "{}", rendered.report);
}

#[test]
fn crossings_are_marked_named_and_tabled_alike() {
    let mut run = Run::new(&six());
    bytes_against_rate(&mut run);
    let rendered = rendered(&run);
    let chart = rendered.chart("rate-bytes-against-rate.svg");
    let table = rendered.report.split_once("Crossing points:").expect("table is there").1;
    let (plain, secure) = table.split_once("Over HTTP/2 + TLS:").expect("both are there");
    let crossing = |part: &str| -> f64 {
        let row = part.lines().find(|line| line.contains("| Server-Sent Events | Short polling |"));
        let row = row.unwrap_or_else(|| panic!("no crossing in {part}"));
        let rate = row.split(" | ").nth(1).and_then(|rate| rate.split(' ').next()).expect("a rate is there");
        let words =
            format!("{rate} events/s: below it Server-Sent Events takes fewer bytes, above it Short polling");
        assert!(chart.contains(&words), "{words}");
        rate.parse().expect("a number")
    };
    // One poll a second of 776 B, shared by its events, against 26 B of fields and chunk for each of them: 776 ÷ rate = 26.
    assert!((26.0..36.0).contains(&crossing(plain)), "{}", crossing(plain));
    assert!(crossing(secure) < crossing(plain) / 3.0, "{}", crossing(secure));
    assert!(plain.contains("- WebSocket takes fewer bytes than"), "{plain}");
    assert!(chart.contains(">a</text>"), "{chart}");
}

#[test]
fn ratios_of_cpu_are_paired_by_repetition() {
    let mut run = Run::new(&six());
    transport_cost(&mut run);
    for (record, _) in &mut run.trials {
        let slow = 1 + u64::from(record.key.repetition);
        let secure = record.settings.transport.tls;
        // The machine is up to five times slower from repetition to repetition, and TLS is always a quarter more expensive.
        outcome(&mut record.result).cost.server_cpu_ns = slow * if secure { 12_500_000 } else { 10_000_000 };
    }
    let rendered = rendered(&run);
    let row = rendered.row("Long polling", "× 1.");
    let cells: Vec<&str> = row.split(" | ").collect();
    assert!(cells[2].starts_with("**× 1.25**<br>bytes × "), "{row}");
    assert!(cells[3].starts_with("**× 1.00**<br>bytes × 0."), "{row}");
    let chart = rendered.chart("transport-transport-cost.svg");
    assert_eq!(chart.matches(">1.25</text>").count(), 2 * 5, "{chart}");
}

#[test]
fn ratio_without_an_interval_is_not_shown() {
    let mut run = Run::new(&six());
    transport_cost(&mut run);
    run.trials.retain(|(record, _)| record.key.repetition < 1);
    let rendered = rendered(&run);
    assert!(
        rendered.report.contains("Ratios to plain HTTP/1.1 need two trials or more"),
        "{}",
        rendered.report
    );
    assert!(!rendered.report.contains("**× "), "{}", rendered.report);
    let charts = rendered.folder.path().join("results/run/charts");
    assert!(!charts.join("transport-transport-cost.svg").exists());
    assert!(charts.join("bytes-transport-cost.svg").exists());
}

#[test]
fn compression_says_what_it_saves_of_what() {
    let rendered = all();
    // 147 + 100 B of 200 B events and their line end, 40 % of it left; 6 B of chunk stay.
    assert!(rendered.report.contains("- 200 B: 4.90 bits per byte (Shannon entropy of single bytes)"));
    let row = rendered
        .report
        .lines()
        .find(|line| line.starts_with("| 200 B | HTTP streaming (NDJSON) | 254 | 105 |"));
    assert!(row.is_some_and(|row| row.contains("| 58.6 % |")), "{row:?}");
}

#[test]
fn large_sweeps_are_folded_away() {
    let rendered = all();
    let mut depth = 0;
    let mut longest = (0, 0);
    let (_, answers) = rendered.report.split_once("## The answers").expect("section is there");
    let (answers, _) = answers.split_once("## What is not in").expect("section ends");
    for line in answers.lines() {
        depth += line.matches("<details>").count();
        depth -= line.matches("</details>").count();
        longest.0 = if depth == 0 && line.starts_with('|') { longest.0 + 1 } else { 0 };
        longest.1 = longest.1.max(longest.0);
    }
    assert!((5..20).contains(&longest.1), "a table of {} lines stands open", longest.1);
}

/// Every scenario, rendered once for all tests that only read.
fn all() -> &'static Rendered {
    static SHARED: OnceLock<Rendered> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut run = small();
        transports(&mut run);
        rendered(&run)
    })
}

struct Rendered {
    report: String,
    folder: tempfile::TempDir,
}

fn rendered(run: &Run) -> Rendered {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let dir = run.write(folder.path(), "run");
    let out = folder.path().join("REPORT.md");
    render(&[dir], &out).expect("renders");
    Rendered { report: fs::read_to_string(out).expect("report is there"), folder }
}

impl Rendered {
    fn chart(&self, name: &str) -> String {
        let path = self.folder.path().join("results/run/charts").join(name);
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The first row of this technique with such a cell.
    fn row(&self, label: &str, cell: &str) -> &str {
        let begin = format!("| {label} | ");
        let row = self.report.lines().find(|line| line.starts_with(&begin) && line.contains(cell));
        row.unwrap_or_else(|| panic!("no row of {label} with {cell} in {}", self.report))
    }
}

fn outcome(result: &mut TrialResult) -> &mut TrialOutcome {
    match result {
        TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => outcome,
        TrialResult::Failed(failure) => panic!("{}", failure.reason),
    }
}

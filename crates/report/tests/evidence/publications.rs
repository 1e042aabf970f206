//! Published figures and their verdicts.

use model::byte_account::Layers;
use model::manifest::{PublicationInfo, Replay, ReplayedBytes};
use model::trial::TrialResult;

use super::fixture::Run;
use super::fixture::records::six;
use super::fixture::runs::at;
use super::{folder, report, section};

const TEXT: &str = r#"
id = "F0"
title = "Two | polls"
source = "Somebody, 1999"
set_up = "They polled."
scenario = "plain"

[[replay]]
exchange = "poll"
request = ["GET / HTTP/1.1"]
response = ["HTTP/1.1 200 OK"]
body = 5

[[figure]]
what = "characters"
value = 29
unit = "B"
tolerance = 0
measure = { from = "replay", exchange = "poll", count = "characters" }

[[figure]]
what = "on the wire"
value = 29
unit = "B"
tolerance = 0
measure = { from = "replay", exchange = "poll", count = "wire" }
why = "line ends were left out"
expected = [37, 37]

[[figure]]
what = "elsewhere than its cause has it"
value = 29
unit = "B"
tolerance = 0
measure = { from = "replay", exchange = "poll", count = "wire" }
why = "each line has one more byte"
expected = [31, 33]

[[figure]]
what = "of a cause without arithmetic"
value = 29
unit = "B"
tolerance = 0
measure = { from = "replay", exchange = "poll", count = "wire" }
why = "heads were others"

[[figure]]
what = "bandwidth"
value = 2.2
unit = "Mbps"
tolerance = 0.05
measure = { from = "bandwidth", clients = 10000, mega = "binary", of = { from = "replay", exchange = "poll", count = "characters" } }

[[figure]]
what = "framing"
value = 4
unit = "B"
tolerance = 0
measure = { from = "trials", at = { technique = "frames" }, layers = ["message framing"], way = "down", per = "message" }

[[figure]]
what = "framing less a field"
value = 1
unit = "B"
tolerance = 0
measure = { from = "trials", at = { technique = "frames" }, layers = ["message framing"], way = "down", per = "message", less = 3 }

[[figure]]
what = "share of requests"
value = 50
unit = "%"
tolerance = 5
measure = { from = "ratio", times = 100, of = { from = "trials", at = { technique = "held" }, way = "up", per = "event" }, to = { from = "trials", at = { technique = "held" }, per = "event" } }

[[figure]]
what = "session of five"
value = 1000
unit = "B"
tolerance = 0
measure = { from = "trials", at = { technique = "frames" }, layers = ["handshake", "message framing"], way = "down", per = { session = 5 } }

[[figure]]
what = "requests"
value = 1
unit = ""
tolerance = 0.1
measure = { from = "requests", at = { technique = "held" } }

[[figure]]
what = "elsewhere"
value = 1
unit = "B"
tolerance = 0
measure = { from = "trials", at = { scenario = "other", technique = "held" }, per = "event" }

[[figure]]
what = "latency"
value = 3
unit = ": 1"
tolerance = 0
why = "it was drawn, not measured"

[[table]]
title = "Today"
across = []
clients = 1000
"#;

fn run() -> Run {
    let mut run = Run::new(&six());
    run.scenario("plain", &[], "");
    for (order, contestant) in six().iter().enumerate() {
        run.trial(&at("plain"), order, contestant, 0);
        if let TrialResult::Complete(outcome) = &mut run.trials[order].0.result {
            outcome.set_up.subscribers = 10;
            outcome.set_up.account.down = Layers { handshake: 1_660, ..Layers::default() };
        }
    }
    run.manifest.publications.push(PublicationInfo { id: "F0".to_owned(), text: TEXT.to_owned() });
    run.manifest.replays.push(Replay {
        publication: "F0".to_owned(),
        exchange: "poll".to_owned(),
        up: ReplayedBytes { socket: 18, line_ends: 4, body: 0 },
        down: ReplayedBytes { socket: 24, line_ends: 4, body: 5 },
    });
    run
}

/// Measured, and verdict.
fn verdict(section: &str, figure: &str) -> [String; 2] {
    let row = section.lines().find(|line| line.starts_with(&format!("| {figure} |"))).expect("row is there");
    let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
    [cells[2], cells[3]].map(str::to_owned)
}

#[test]
fn verdicts_are_computed_from_what_was_measured() {
    let root = folder();
    let report = report(root.path(), &run());
    let section = section(&report, "publications");
    let expected = [
        ("characters", ["29 B", "**reproduced**"]),
        ("on the wire", ["37 B", "*differs* because line ends were left out"]),
        (
            "elsewhere than its cause has it",
            ["37 B", "**differs; the known cause does not account for it**: each line has one more byte"],
        ),
        ("of a cause without arithmetic", ["37 B", "*differs*; known cause: heads were others"]),
        ("bandwidth", ["2.213 Mbps", "**reproduced**"]),
        ("framing", ["4 B", "**reproduced**"]),
        ("framing less a field", ["1 B", "**reproduced**"]),
        // 166 B of handshake for each subscriber, and 5 × 4 B.
        ("session of five", ["186 B", "*differs*; no cause is known"]),
        ("requests", ["1", "**reproduced**"]),
        ("elsewhere", ["–", "*not measured* in this run"]),
        ("latency", ["–", "*not measured*: it was drawn, not measured"]),
    ];
    for (figure, cells) in expected {
        assert_eq!(verdict(section, figure), cells, "{section}");
    }
    // 642 B up and 235 B down without the stamp.
    assert_eq!(verdict(section, "share of requests")[0], "73.204 %", "{section}");
    assert!(section.contains("Of 12 figures: 5 reproduced, 5 differ, 2 not measured."), "{section}");
    assert!(section.contains("### F0: Two \\| polls"), "{section}");
}

#[test]
fn same_question_today_is_a_table_of_all_techniques() {
    let root = folder();
    let report = report(root.path(), &run());
    let (_, table) =
        section(&report, "publications").split_once("Today; overhead bytes").expect("table is there");
    // 642 + 134 + 1 B of overhead, a thousand times a second.
    assert!(table.contains("| Long polling | 777 B<br>6.22 Mbit/s |"), "{table}");
}

#[test]
fn publication_that_cannot_be_read_is_named_and_the_rest_is_judged() {
    let root = folder();
    let mut run = run();
    run.manifest.publications.insert(0, PublicationInfo { id: "F9".to_owned(), text: "id = 9".to_owned() });
    let report = report(root.path(), &run);
    let section = section(&report, "publications");
    assert!(
        section.contains("### F9\n\n*It cannot be judged: F9 does not describe a published comparison.*"),
        "{section}"
    );
    assert!(section.contains("### F0"), "{section}");
}

//! What an event costs at equal latency.

use model::manifest::PublicationInfo;

use super::fixture::Run;
use super::fixture::limits::{frontier, push_against_pull, shootout};
use super::fixture::records::six;
use super::{cells, chart, folder, report, section};

fn run() -> Run {
    let mut run = Run::new(&six());
    frontier(&mut run);
    run.manifest.planned_trials = run.trials.len() as u32;
    run
}

#[test]
fn headline_chart_has_a_panel_for_each_rate_and_a_label_for_each_line() {
    let root = folder();
    let report = report(root.path(), &run());
    for name in ["frontier-frontier.svg", "frontier-bytes-frontier.svg"] {
        let chart = chart(root.path(), name);
        for rate in ["2/s", "20/s", "200/s"] {
            assert!(chart.contains(&format!(">{rate} to each subscriber</text>")), "{name}: {rate}");
        }
        for contestant in six() {
            let labels = chart.matches(&format!(">{}</text>", contestant.label)).count();
            assert_eq!(labels, 3, "{name}: {}", contestant.label);
        }
        assert!(section(&report, "frontier").contains(&format!("charts/{name}")), "{report}");
    }
}

#[test]
fn cheapest_within_a_bound_is_named_for_each_rate() {
    let root = folder();
    let report = report(root.path(), &run());
    let frontier = section(&report, "frontier");
    let row = cells(frontier, "| 200/s |");
    // Of the model's streams two are within 7 % of each other; a poll each 10 ms is far above them.
    assert!(row[1].contains("**WebSocket**") && !row[1].contains("Raw TCP"), "{row:?}");
    assert_eq!(row.len(), 6, "{row:?}");
    assert!(
        section(&report, "at-a-glance").contains("[Least server CPU at equal latency](#frontier-frontier)")
    );
}

#[test]
fn crossings_need_three_trials_and_say_what_is_too_close() {
    let root = folder();
    let mut few = run();
    few.trials.retain(|(record, _)| record.key.repetition < 2);
    let report_of_few = report(root.path(), &few);
    let section_of_few = section(&report_of_few, "frontier");
    assert!(section_of_few.contains("No two lines cross for sure."), "{section_of_few}");
    assert!(section_of_few.contains("Too close to tell at 2/s"), "{section_of_few}");
    let other = folder();
    let report = report(other.path(), &run());
    let frontier = section(&report, "frontier");
    assert!(
        frontier.contains("Crossings: from which p99 on one technique takes less server CPU"),
        "{frontier}"
    );
    assert!(frontier.contains("takes less wire bytes than another"), "{frontier}");
}

#[test]
fn points_tell_what_a_poll_pays_for_asking() {
    let root = folder();
    let report = report(root.path(), &run());
    let (_, table) =
        section(&report, "frontier").split_once("Every point as a table").expect("table is there");
    let row = cells(table, "| 2/s | Short polling | 10 ms |");
    // A hundred polls a second find two events.
    let empty: f64 = row[8].split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert!((45.0..52.0).contains(&empty), "{row:?}");
    assert_eq!(row[7], "0", "nothing was superseded: {row:?}");
}

#[test]
fn lines_of_one_technique_only_are_below_a_fold_and_in_no_headline() {
    let root = folder();
    let mut run = Run::new(&six());
    push_against_pull(&mut run);
    frontier(&mut run);
    let report = report(root.path(), &run);
    let (headline, other) = section(&report, "frontier")
        .split_once("<a id=\"frontier-push-against-pull\"></a>")
        .expect("what compares lines comes first");
    assert!(headline.contains("Least server CPU per event within a bound"), "{headline}");
    assert!(other.contains("Every point as a table") && !other.contains("within a bound"), "{other}");
    let (_, fold) = other.split_once("<summary>The same as charts</summary>").expect("there is a fold");
    assert!(fold.contains("charts/frontier-push-against-pull.svg"), "{fold}");
    assert!(section(&report, "at-a-glance").contains("(#frontier-frontier)"), "{report}");
}

#[test]
fn ever_more_clients_are_drawn_against_p95_and_the_published_limit() {
    let root = folder();
    let mut run = Run::new(&six());
    shootout(&mut run, &[1_000, 2_000, 2_700]);
    let text = "id = \"F0\"\ntitle = \"t\"\nsource = \"s\"\nset_up = \"u\"\nscenario = \"shootout\"\n\
        [[figure]]\nwhat = \"clients\"\nvalue = 1\nunit = \"\"\n\
        measure = { from = \"steps\", at = { technique = \"frames\" }, p95_ms = 500 }\n";
    run.manifest.publications.push(PublicationInfo { id: "F0".to_owned(), text: text.to_owned() });
    let report = report(root.path(), &run);
    let answers = section(&report, "results");
    assert!(
        answers.contains("charts/clients-shootout.svg") && !answers.contains("bytes-shootout"),
        "{answers}"
    );
    let chart = chart(root.path(), "clients-shootout.svg");
    for words in [">500 ms</text>", ">WebSocket</text>", ">Raw TCP</text>", ">2000</text>"] {
        assert!(chart.contains(words), "{words}: {chart}");
    }
    assert!(chart.contains("WebSocket, 2700 clients: p95 "), "{chart}");
}

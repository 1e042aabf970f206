//! Browsers beside the native client.

use model::settings::Client;
use model::trial::TrialResult;

use super::fixture::contests::clients;
use super::fixture::runs::small;
use super::fixture::surveys::findings;
use super::{folder, line, report, section};

#[test]
fn clients_stand_side_by_side_with_their_clock_s_bound() {
    let root = folder();
    let report = report(root.path(), &clients());
    let browsers = section(&report, "browsers");
    let head = line(browsers, "| technique |");
    assert_eq!(head, "| technique | pushbench's client | Chromium | Firefox |");
    let cells: Vec<&str> = line(browsers, "| WebSocket |").split(" | ").collect();
    assert!(cells[1].starts_with("1600 of 1600<br>p50 ") && !cells[1].contains('±'), "{cells:?}");
    // The wider of the two repetitions' bounds.
    assert!(
        cells[2].starts_with("1600 of 1600<br>p50 ") && cells[2].contains(" ± 41.0 µs<br>0 requests"),
        "{cells:?}"
    );
    assert!(line(browsers, "| Raw TCP |").ends_with(" | – | – |"), "{browsers}");
    assert!(browsers.contains("**Bytes are not counted in a browser**"), "{browsers}");
}

#[test]
fn trials_of_browsers_are_in_no_other_section() {
    let root = folder();
    let mut run = small();
    let browsers = clients();
    run.manifest.scenarios.extend(browsers.manifest.scenarios);
    for (mut record, histograms) in browsers.trials {
        record.index = run.trials.len() as u32;
        record.histograms = Some(format!("trials/{:04}.hlog", record.index));
        run.trials.push((record, histograms));
    }
    let both = report(root.path(), &run);
    let other = folder();
    let alone = report(other.path(), &small());
    for name in ["at-a-glance", "results", "socket-ping", "theory"] {
        assert_eq!(section(&both, name), section(&alone, name), "{name}");
    }
    assert!(section(&both, "browsers").contains("### clients-plain"), "{both}");
}

#[test]
fn scenario_of_one_browser_needs_no_sweep_to_be_shown() {
    let root = folder();
    let mut run = clients();
    run.manifest.scenarios[0].sweeps.clear();
    run.trials.retain(|(record, _)| record.settings.client == Client::Chromium);
    run.trials.iter_mut().for_each(|(record, _)| record.key.point.clear());
    let report = report(root.path(), &run);
    let browsers = section(&report, "browsers");
    assert_eq!(line(browsers, "| technique |"), "| technique | Chromium |");
    assert!(line(browsers, "| WebSocket |").starts_with("| WebSocket | 1600 of 1600<br>p50 "), "{browsers}");
    assert!(!section(&report, "results").contains("clients-plain"), "{report}");
}

#[test]
fn missing_events_and_failed_trials_stand_out() {
    let root = folder();
    let mut run = clients();
    let is_firefox = |client| client == Client::Firefox;
    let frames = run
        .trials
        .iter_mut()
        .filter(|(record, _)| record.key.technique == "frames" && is_firefox(record.settings.client));
    for (place, (record, _)) in frames.enumerate() {
        let TrialResult::Complete(outcome) = &record.result else { panic!("model loses nothing here") };
        let mut outcome = outcome.clone();
        (outcome.counts.lost, outcome.counts.delivered) = (10, outcome.counts.expected - 10);
        record.result = if place == 0 {
            TrialResult::Incomplete(outcome)
        } else {
            let reason = "the page never reported back".to_owned();
            TrialResult::Failed(model::trial::Failure { side: model::trial::Side::Load, reason })
        };
    }
    let report = report(root.path(), &run);
    let row = line(section(&report, "browsers"), "| WebSocket |");
    assert!(row.contains("**790 of 800**"), "{row}");
    assert!(row.contains("**1 of 2 trials failed**"), "{row}");
    assert!(section(&report, "not-measured").contains("the page never reported back"), "{report}");
}

#[test]
fn findings_are_told_in_words_that_can_be_acted_on() {
    let root = folder();
    let mut run = clients();
    run.findings = vec![findings(Client::Chromium, 5_000), findings(Client::Firefox, 100_000)];
    let report = report(root.path(), &run);
    let browsers = section(&report, "browsers");
    assert!(browsers.contains("| version | browser 1.2 | browser 1.2 |"), "{browsers}");
    assert!(browsers.contains("(COOP and COEP) | 5.00 µs | 100 µs |"), "{browsers}");
    assert!(
        browsers.contains("Long polling | 6 of 12 that were asked for | 6 of 12 that were asked for |"),
        "{browsers}"
    );
    assert!(
        browsers.contains("a timer of 100 ms in the background | every 1.00 s (5 intervals)"),
        "{browsers}"
    );
    assert!(browsers.contains("a browser leaves all but 6 waiting** (Long polling):"), "{browsers}");
    assert!(
        browsers.contains("in the background** (Chromium each 1.00 s for 100 ms; Firefox each"),
        "{browsers}"
    );
    assert!(browsers.contains("without them the clock is coarser in Chromium."), "{browsers}");
    // Request line, two fields and empty line, each with its line end: 22 + 17 + 13 + 2.
    assert!(browsers.contains("| `fetch` | 54 B in 2 fields | 54 B in 2 fields |"), "{browsers}");
    assert!(
        browsers.contains("```http\nGET /events HTTP/1.1\nhost: localhost\naccept: */*\n```"),
        "{browsers}"
    );
}

#[test]
fn browsers_that_are_not_installed_are_named() {
    let root = folder();
    let mut run = small();
    run.skip("client firefox", "geckodriver is not on the PATH: cargo install geckodriver");
    let report = report(root.path(), &run);
    let browsers = section(&report, "browsers");
    assert!(browsers.starts_with("*No browser took part in this run.*"), "{browsers}");
    assert!(browsers.contains("- client firefox: geckodriver is not on the PATH"), "{browsers}");
}

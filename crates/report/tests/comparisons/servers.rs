//! Servers of others beside ours.

use std::fs;

use model::settings::Publisher;
use model::trial::{TrialRecord, TrialResult};

use super::fixture::contests::contest;
use super::fixture::runs::small;
use super::{folder, line, report, section};

#[test]
fn theirs_stand_beside_ours_as_ratios_and_apart_from_ours() {
    let root = folder();
    let report = report(root.path(), &contest());
    let servers = section(&report, "other-servers");
    // The model has theirs take 2.5 times as much; 0.95 to 1.05 of drift either way lies in between.
    let row = line(servers, "| WebSocket | On Node |");
    let (_, cpu) = row.split_once("**× ").expect("there is a ratio");
    let (ratio, _) = cpu.split_once(' ').expect("it has an interval");
    let ratio: f64 = ratio.parse().expect("it is a number");
    assert!((0.36..0.45).contains(&ratio), "{row}");
    assert!(row.contains("] **<br>") || row.contains("]**<br>"), "no interval: {row}");
    assert!(line(servers, "| Long polling | A \\| module |").contains(" : "), "{servers}");
    assert!(servers.contains("Ours are published to by an HTTP POST for each event, too"), "{servers}");
    assert!(
        servers.contains("| A \\| module | somebody's server | 1.2.3 | POST /publish, an event each |"),
        "{servers}"
    );
    assert!(servers.contains("| On Node | somebody's server | unknown |"), "{servers}");
    // Ours alone: three trials behind each row, and theirs in no other section.
    assert!(section(&report, "results").contains("Trials behind a row: 3."), "{report}");
    let mut alone = contest();
    alone.trials.retain(|(record, _)| record.key.target.is_none());
    let other = folder();
    let ours = super::report(other.path(), &alone);
    assert_eq!(section(&report, "results"), section(&ours, "results"));
    assert_eq!(section(&report, "at-a-glance"), section(&ours, "at-a-glance"));
}

#[test]
fn chart_has_a_lane_for_each_server_and_technique() {
    let root = folder();
    let report = report(root.path(), &contest());
    let chart = fs::read_to_string(root.path().join("results/run/charts/servers-other-servers.svg"));
    let chart = chart.expect("it was drawn");
    for lane in [
        "Long polling",
        "Long polling of A | module",
        "WebSocket",
        "WebSocket of A | module",
        "WebSocket of On Node",
    ] {
        assert!(chart.contains(&format!(">{lane}</text>")), "{lane}");
    }
    assert!(!chart.contains(">Raw TCP</text>"), "nobody to compare it with");
    assert!(report.contains("(results/run/charts/servers-other-servers.svg)"), "{report}");
}

#[test]
fn server_without_a_process_to_look_at_has_no_cpu_figure() {
    let root = folder();
    let mut run = contest();
    for (record, _) in
        run.trials.iter_mut().filter(|(record, _)| record.key.target.as_deref() == Some("node"))
    {
        let TrialResult::Complete(outcome) = &mut record.result else { panic!("model loses nothing here") };
        outcome.cost.server_cpu_ns = 0;
    }
    let report = report(root.path(), &run);
    let row = line(section(&report, "other-servers"), "| WebSocket | On Node |");
    let cells: Vec<&str> = row.split(" | ").collect();
    assert!(cells[2].starts_with("–<br>") && cells[2].ends_with(" : –"), "{row}");
    assert!(cells[3].starts_with("**× "), "{row}");
}

#[test]
fn feed_that_theirs_do_not_have_is_said() {
    let root = folder();
    let mut run = contest();
    run.trials.iter_mut().for_each(|(record, _)| record.settings.publisher = Publisher::Feed);
    let report = report(root.path(), &run);
    assert!(
        section(&report, "other-servers").contains("theirs bear a publish call that ours do not"),
        "{report}"
    );
}

#[test]
fn servers_that_are_not_installed_are_named() {
    let root = folder();
    let mut run = small();
    run.skip("target module", "nginx is not installed: apt-get install nginx");
    let report = report(root.path(), &run);
    let servers = section(&report, "other-servers");
    assert!(servers.starts_with("*No server that others wrote took part in this run.*"), "{servers}");
    assert!(servers.contains("- target module: nginx is not installed: apt-get install nginx"), "{servers}");
}

#[test]
fn target_that_the_manifest_does_not_know_is_broken() {
    let root = folder();
    let mut run = contest();
    run.manifest.targets.pop();
    let report = report(root.path(), &run);
    assert!(section(&report, "not-measured").contains("target node is not in the manifest"), "{report}");
}

#[test]
fn figures_with_a_publish_call_in_them_are_not_at_a_glance() {
    let alone = folder();
    let plain = report(alone.path(), &small());
    let others = |change: fn(&mut TrialRecord), keeps: fn(&TrialRecord) -> bool| {
        let mut run = small();
        let mut contest = contest();
        contest.trials.retain(|(record, _)| keeps(record));
        run.manifest.scenarios.extend(contest.manifest.scenarios);
        run.manifest.targets = contest.manifest.targets;
        for (mut record, histograms) in contest.trials {
            change(&mut record);
            record.index = run.trials.len() as u32;
            record.histograms = Some(format!("trials/{:04}.hlog", record.index));
            run.trials.push((record, histograms));
        }
        let root = folder();
        report(root.path(), &run)
    };
    let posted_alone = others(|_| (), |record| record.key.target.is_none());
    let fed_beside = others(|record| record.settings.publisher = Publisher::Feed, |_| true);
    for both in [posted_alone, fed_beside] {
        assert!(section(&both, "results").contains("other-servers"), "{both}");
        assert_eq!(section(&both, "at-a-glance"), section(&plain, "at-a-glance"));
    }
}

#[test]
fn memory_of_a_server_that_cannot_be_read_is_no_figure() {
    let root = folder();
    let mut run = small();
    let frames = run.trials.iter_mut().filter(|(record, _)| record.key.technique == "frames");
    for (record, _) in frames {
        let TrialResult::Complete(outcome) = &mut record.result else { panic!("model loses nothing here") };
        let cost = &mut outcome.cost;
        (cost.server_rss_start_bytes, cost.server_rss_connected_bytes, cost.server_rss_end_bytes) = (0, 0, 0);
    }
    let report = report(root.path(), &run);
    let (_, costs) =
        section(&report, "results").split_once("| server memory/subscriber |").expect("a column");
    assert!(line(costs, "| WebSocket |").ends_with(" | – |"), "{costs}");
    assert!(line(costs, "| Long polling |").ends_with(" KiB |"), "{costs}");
}

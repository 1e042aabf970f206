//! The block at the end of a run with targets: what each costs beside pushbench's own server, and what was not measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::manifest::Manifest;
use model::trial::TrialResult;

use crate::catalogue::{Metric, metric};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::numbers::{NOTHING, show, show_ratio};
use crate::summary::aligned;
use crate::table;

/// The columns' metrics and heads.
const COLUMNS: [(&str, &str); 7] = [
    ("p50", "p50"),
    ("p99", "p99"),
    ("service-p50", "service time"),
    ("publish-p50", "publish call"),
    ("cpu", "CPU/event"),
    ("bytes", "bytes/event"),
    ("memory", "memory/subscriber"),
];

/// How the reason of a trial that failed begins; it is shown with who failed.
const FAILED: &str = "the trial failed";

/// The block; empty where no target was measured.
pub fn target_summary(evidence: &Evidence) -> String {
    let points: Vec<&Point> =
        evidence.points.iter().filter(|point| point.target.is_some() && !point.is_search).collect();
    let Some(manifest) = evidence.runs.first().map(|run| &run.manifest).filter(|run| !run.targets.is_empty())
    else {
        return String::new();
    };
    let mut text = versions(manifest);
    if !points.is_empty() {
        let head: Vec<&str> = ["scenario", "technique, server"]
            .into_iter()
            .chain(COLUMNS.map(|(_, head)| head))
            .chain(["lost", "twice"])
            .collect();
        let rows: Vec<Vec<String>> = points.iter().flat_map(|point| rows(evidence, point)).collect();
        text += &aligned(&head, &rows, 2..head.len());
    }
    for point in points {
        text += &processes(evidence, point);
    }
    text + &not_measured(evidence, manifest)
}

fn versions(manifest: &Manifest) -> String {
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "version unknown".to_owned());
    let targets =
        manifest.targets.iter().map(|target| format!("{} ({})", target.label, version(&target.version)));
    format!("{} beside pushbench {}\n", targets.collect::<Vec<_>>().join(", "), manifest.pushbench)
}

/// The target, pushbench's own server, and the first ÷ the second.
fn rows(evidence: &Evidence, point: &Point) -> Vec<Vec<String>> {
    let mut title = point.scenario.clone();
    title.extend(point.at.values().flat_map(|value| [" ", value]));
    let row = |point: &Point| {
        let shown = |metric: &Metric| {
            let estimate = evidence.estimate(point, metric)?;
            Some(show(metric.unit, Estimate { interval: None, ..estimate }))
        };
        let names = [title.clone(), table::name(evidence, point)];
        let outcomes = evidence.trials(point).filter_map(|trial| trial.record.result.outcome());
        let faults = outcomes.fold([0, 0], |[lost, twice], outcome| {
            [lost + outcome.counts.lost, twice + outcome.counts.duplicate]
        });
        names
            .into_iter()
            .chain(figures(shown))
            .chain(faults.map(|count| count.to_string()))
            .collect::<Vec<_>>()
    };
    let Some(own) = evidence.beside(point, "own") else { return vec![row(point)] };
    let ratio = |metric: &Metric| Some(show_ratio(evidence.ratio(point, own, metric)?));
    let names = [title.clone(), "  its ratio to pushbench's".to_owned()];
    let faults = [String::new(), String::new()];
    vec![row(point), row(own), names.into_iter().chain(figures(ratio)).chain(faults).collect()]
}

fn figures(shown: impl Fn(&'static Metric) -> Option<String>) -> impl Iterator<Item = String> {
    COLUMNS
        .into_iter()
        .map(move |(key, _)| metric(key).and_then(&shown).unwrap_or_else(|| NOTHING.to_owned()))
}

/// Which programs the CPU time went to, where a target is several processes.
fn processes(evidence: &Evidence, point: &Point) -> String {
    let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
    let outcomes = evidence.trials(point).filter_map(|trial| trial.record.result.outcome());
    for process in outcomes.flat_map(|outcome| &outcome.cost.server_processes) {
        *by_name.entry(&process.name).or_default() += process.cpu_ns;
    }
    let all: u64 = by_name.values().sum();
    if all == 0 {
        return String::new();
    }
    let mut shares: Vec<(&str, f64)> =
        by_name.into_iter().map(|(name, cpu_ns)| (name, cpu_ns as f64 / all as f64 * 100.0)).collect();
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let shares: Vec<String> =
        shares.into_iter().map(|(name, share)| format!("{name} {share:.0} %")).collect();
    format!("CPU of {}: {}\n", table::name(evidence, point), shares.join(", "))
}

/// What was left out, what failed, and what cannot be known, each once with its reason.
fn not_measured(evidence: &Evidence, manifest: &Manifest) -> String {
    let skipped = manifest.skipped.iter().filter(|skipped| skipped.what.starts_with("target "));
    let mut lines: Vec<String> =
        skipped.map(|skipped| format!("{}: {}", skipped.what, skipped.why)).collect();
    let disturbed = evidence.left_out.iter().filter(|(reason, _)| !reason.starts_with(FAILED));
    lines.extend(disturbed.map(|(reason, trials)| format!("{trials} trials: {reason}")));
    for failed in &evidence.failed {
        if let (Some(name), TrialResult::Failed(why)) = (&failed.record.key.target, &failed.record.result) {
            lines.push(format!("{} of {name}: {}", failed.record.technique_label, why.reason));
        }
    }
    for point in evidence.points.iter().filter(|point| point.target.is_some()) {
        let outcomes = evidence.trials(point).filter_map(|trial| trial.record.result.outcome());
        for warning in outcomes.flat_map(|outcome| &outcome.warnings) {
            lines.push(format!("{}: {}", table::name(evidence, point), warning.advice()));
        }
    }
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate().filter(|(place, line)| !lines[..*place].contains(line)) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}{line}", if place == 0 { "not measured, or to doubt:\n  " } else { "  " });
    }
    text
}

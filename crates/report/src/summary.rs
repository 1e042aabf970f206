//! What a terminal and a spreadsheet get: a row for each point, and a row for each trial.

use std::path::Path;

use model::settings::Client;
use model::trial::{TrialRecord, TrialResult, Verdict};

use crate::catalogue::{CATALOGUE, metric};
use crate::error::ReportError;
use crate::evidence::{Evidence, Point};
use crate::load::{self, Trial};
use crate::numbers::{self, NOTHING};
use crate::table;

const METRICS: [&str; 4] = ["p50", "p99", "bytes", "cpu"];
const HEAD: [&str; 8] =
    ["scenario", "technique", "p50", "p99", "bytes/event", "server CPU/event", "trials", "faults"];

/// A row for each point at a rate that the scenario gives; empty where there is none.
pub fn summary(evidence: &Evidence) -> String {
    let points: Vec<&Point> = evidence.points.iter().filter(|point| !point.is_search).collect();
    let mut rows: Vec<[String; 8]> = points.iter().map(|point| row(evidence, point)).collect();
    for trial in evidence.failed.iter().filter(|failed| points.iter().all(|point| !point.is_of(failed))) {
        let key = &trial.record.key;
        let label = trial.record.technique_label.clone();
        let [none, faults] = [NOTHING, "failed"].map(str::to_owned);
        rows.push([
            title(&key.scenario, key.point.values()),
            label,
            none.clone(),
            none.clone(),
            none.clone(),
            none,
            "1".to_owned(),
            faults,
        ]);
    }
    if rows.is_empty() { String::new() } else { aligned(&HEAD, &rows, 2..7) }
}

fn title<'v>(scenario: &str, values: impl Iterator<Item = &'v String>) -> String {
    values.fold(scenario.to_owned(), |title, value| format!("{title} {value}"))
}

fn row(evidence: &Evidence, point: &Point) -> [String; 8] {
    let figure = |key: &str| {
        let metric = metric(key)?;
        Some(numbers::show(
            metric.unit,
            crate::estimate::Estimate { interval: None, ..evidence.estimate(point, metric)? },
        ))
    };
    let [p50, p99, bytes, cpu] = METRICS.map(|key| figure(key).unwrap_or_else(|| NOTHING.to_owned()));
    let lost: u64 =
        evidence.trials(point).filter_map(|trial| Some(trial.record.result.outcome()?.counts.lost)).sum();
    let failed = evidence.failed.iter().filter(|failed| point.is_of(failed)).count() as u64;
    let faults = [(failed, "failed"), (lost, "missing")].into_iter().filter(|(count, _)| *count > 0);
    let faults: Vec<String> = faults.map(|(count, what)| format!("{count} {what}")).collect();
    let trials = evidence.trials(point).count() + failed as usize;
    let title = title(&point.scenario, point.at.values());
    [title, table::name(evidence, point), p50, p99, bytes, cpu, trials.to_string(), faults.join(", ")]
}

/// A table for a terminal: the columns `figures` to the right, the others to the left.
pub fn aligned(head: &[&str], rows: &[impl AsRef<[String]>], figures: std::ops::Range<usize>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<&[String]> =
        std::iter::once(head.as_slice()).chain(rows.iter().map(AsRef::as_ref)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let text = |line: &[String]| {
        let cells = line.iter().enumerate().map(|(column, cell)| match figures.contains(&column) {
            true => format!("{cell:>0$}", width(column)),
            false => format!("{cell:<0$}", width(column)),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(|line| text(line)).collect()
}

/// `trials.csv` of a run: a row for each trial and a column for each metric, in nanoseconds, bytes, or per second. A cell is empty
/// where the trial does not have the figure.
/// Fails when the run cannot be read.
pub fn trials_csv(run: &Path) -> Result<Vec<u8>, ReportError> {
    const KEY: [&str; 12] = [
        "index",
        "scenario",
        "point",
        "technique",
        "target",
        "client",
        "repetition",
        "rate_per_s",
        "search_step",
        "search_verdict",
        "load",
        "status",
    ];
    let (_, trials) = load::run(run)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = KEY.into_iter().chain(CATALOGUE.iter().map(|metric| metric.key));
    let rows =
        trials.iter().map(|trial| key(&trial.record).into_iter().chain(figures(trial)).collect::<Vec<_>>());
    let problem = |source: std::io::Error| ReportError::Write { path: run.join("trials.csv"), source };
    writer.write_record(header).map_err(|error| problem(error.into()))?;
    for row in rows {
        writer.write_record(row).map_err(|error| problem(error.into()))?;
    }
    writer.into_inner().map_err(|error| problem(error.into_error()))
}

fn key(record: &TrialRecord) -> [String; 12] {
    let point: Vec<_> = record.key.point.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let client = match record.settings.client {
        Client::Native => "native",
        Client::Chromium => "chromium",
        Client::Firefox => "firefox",
    };
    let verdict = record.search.as_ref().map_or("", |step| match step.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed { .. } => "failed",
        Verdict::NotJudged { .. } => "not judged",
    });
    let status = match (&record.result, &record.disturbance) {
        (_, Some(_)) => "disturbed",
        (TrialResult::Complete(_), _) => "complete",
        (TrialResult::Incomplete(_), _) => "incomplete",
        (TrialResult::Failed(_), _) => "failed",
    };
    [
        record.index.to_string(),
        record.key.scenario.clone(),
        point.join(" "),
        record.key.technique.clone(),
        record.key.target.clone().unwrap_or_default(),
        client.to_owned(),
        record.key.repetition.to_string(),
        record.settings.events.rate_per_s.to_string(),
        record.search.as_ref().map_or_else(String::new, |step| step.step.to_string()),
        verdict.to_owned(),
        record.load.map_or_else(String::new, |load| load.to_string()),
        status.to_owned(),
    ]
}

fn figures(trial: &Trial) -> impl Iterator<Item = String> {
    CATALOGUE.iter().map(|metric| (metric.of)(&[trial]).map_or_else(String::new, |value| value.to_string()))
}

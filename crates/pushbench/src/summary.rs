//! The table at a run's end: a row for each scenario, point and technique, from merged histograms and summed counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hdrhistogram::Histogram;
use schema::trial::{TrialOutcome, TrialRecord, TrialResult};

use crate::progress::show_time;
use crate::registry;
use crate::store::Store;

/// What the trials of one row add up to.
#[derive(Debug)]
struct Row {
    title: String,
    technique: String,
    latency: Histogram<u64>,
    trials: u32,
    failed: u32,
    missing: u64,
    wire_bytes: u64,
    server_cpu_ns: u64,
    events: u64,
}

/// The table, in the order of the plan and the registry.
///
/// # Errors
///
/// When a histogram cannot be read.
pub(crate) fn table(store: &Store) -> anyhow::Result<String> {
    let mut rows: BTreeMap<_, Row> = BTreeMap::new();
    let mut scenarios: Vec<&str> = Vec::new();
    for record in store.records() {
        if !scenarios.contains(&record.key.scenario.as_str()) {
            scenarios.push(&record.key.scenario);
        }
        let scenario = scenarios.iter().position(|name| *name == record.key.scenario);
        let place = (scenario, sortable(record), record.technique_order);
        rows.entry(place).or_insert_with(|| Row::new(record)).add(store, record)?;
    }
    Ok(aligned(rows.values()))
}

/// Points in rising order of what was swept, by the settings: as texts, `5s` would stand after `10s`.
fn sortable(record: &TrialRecord) -> Vec<u64> {
    let settings = &record.settings;
    vec![
        record.key.point.len() as u64,
        settings.http.headers as u64,
        u64::from(settings.events.payload_bytes),
        settings.events.rate_per_s.to_bits(),
        settings.short_polling.interval_ns,
    ]
}

impl Row {
    fn new(record: &TrialRecord) -> Self {
        let values: String = record.key.point.values().map(|value| format!(" {value}")).collect();
        let technique = registry::find(&record.key.technique);
        Self {
            title: format!("{}{values}", record.key.scenario),
            technique: technique
                .map_or(record.key.technique.as_str(), |(_, technique)| technique.label)
                .to_owned(),
            latency: loadgen::histogram::empty(),
            trials: 0,
            failed: 0,
            missing: 0,
            wire_bytes: 0,
            server_cpu_ns: 0,
            events: 0,
        }
    }

    fn add(&mut self, store: &Store, record: &TrialRecord) -> anyhow::Result<()> {
        self.trials += 1;
        match &record.result {
            TrialResult::Failed(_) => self.failed += 1,
            TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => self.add_outcome(outcome),
        }
        if let Some(histogram) = store.histograms(record)?.get("delivery") {
            loadgen::histogram::merge(&mut self.latency, histogram);
        }
        Ok(())
    }

    fn add_outcome(&mut self, outcome: &TrialOutcome) {
        self.missing += outcome.counts.missing;
        self.wire_bytes += outcome.bytes.window.wire();
        self.server_cpu_ns += outcome.cost.server_cpu_ns;
        self.events += outcome.counts.events_between_edges;
    }

    fn cells(&self) -> [String; 8] {
        let quantile = |q| match self.latency.is_empty() {
            true => "–".to_owned(),
            false => show_time(self.latency.value_at_quantile(q)),
        };
        let per_event = |sum: u64| (self.events > 0).then(|| sum as f64 / self.events as f64);
        [
            self.title.clone(),
            self.technique.clone(),
            quantile(0.5),
            quantile(0.99),
            per_event(self.wire_bytes).map_or("–".to_owned(), |bytes| format!("{bytes:.1} B")),
            per_event(self.server_cpu_ns).map_or("–".to_owned(), |ns| format!("{:.2} µs", ns / 1e3)),
            self.trials.to_string(),
            self.faults(),
        ]
    }

    fn faults(&self) -> String {
        match (self.failed, self.missing) {
            (0, 0) => String::new(),
            (0, missing) => format!("{missing} missing"),
            (failed, 0) => format!("{failed} failed"),
            (failed, missing) => format!("{failed} failed, {missing} missing"),
        }
    }
}

const HEAD: [&str; 8] =
    ["scenario", "technique", "p50", "p99", "bytes/event", "server CPU/event", "trials", "faults"];

/// Text columns to the left, figures to the right.
fn aligned<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let lines: Vec<[String; 8]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(rows.map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            // Writing to a String does not fail.
            let _ = match column {
                0 | 1 | 7 => write!(row, "{gap}{cell:<width$}"),
                _ => write!(row, "{gap}{cell:>width$}"),
            };
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

//! The table at a run's end: a row for each scenario, point and technique, from merged histograms and summed counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hdrhistogram::Histogram;
use schema::trial::{TrialOutcome, TrialRecord, TrialResult};

use crate::progress::show_quantile;
use crate::registry;
use crate::store::Store;
use crate::tail::{OneIn, P50, P99};

/// What the trials of one row add up to.
#[derive(Debug)]
struct Row {
    title: String,
    technique: String,
    latency: Histogram<u64>,
    trials: u32,
    failed: u32,
    missing: u64,
    /// None where a trial's bytes were not counted.
    wire_bytes: Option<u64>,
    /// None where it is not known of a trial.
    server_cpu_ns: Option<u64>,
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
        rows.entry((scenario, place(record))).or_insert_with(|| Row::new(record)).add(store, record)?;
    }
    Ok(aligned(rows.values()))
}

/// A row's place within its scenario. The point's texts tell apart what [`sortable`] knows nothing of.
fn place(record: &TrialRecord) -> (Vec<u64>, &BTreeMap<String, String>, Option<&str>, u32) {
    (sortable(record), &record.key.point, record.key.target.as_deref(), record.technique_order)
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
        let label = technique.map_or(record.key.technique.as_str(), |(_, technique)| technique.label);
        let target = record.key.target.as_ref().map_or_else(String::new, |target| format!(" of {target}"));
        Self {
            title: format!("{}{values}", record.key.scenario),
            technique: format!("{label}{target}"),
            latency: loadgen::histogram::empty(),
            trials: 0,
            failed: 0,
            missing: 0,
            wire_bytes: Some(0),
            server_cpu_ns: Some(0),
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
        // A client with a clock of its own is a browser, at whose socket nobody stands.
        let counted = outcome.clock.is_none().then(|| outcome.bytes.window.wire());
        self.wire_bytes = self.wire_bytes.zip(counted).map(|(sum, bytes)| sum + bytes);
        self.server_cpu_ns =
            self.server_cpu_ns.zip(outcome.cost.known_server_cpu_ns()).map(|(sum, ns)| sum + ns);
        self.events += outcome.counts.events_between_edges;
    }

    fn cells(&self) -> [String; 8] {
        let quantile = |quantile: OneIn| show_quantile(quantile.of(&self.latency, self.missing));
        let per_event = |sum: u64| (self.events > 0).then(|| sum as f64 / self.events as f64);
        [
            self.title.clone(),
            self.technique.clone(),
            quantile(P50),
            quantile(P99),
            self.wire_bytes.and_then(per_event).map_or("–".to_owned(), |bytes| format!("{bytes:.1} B")),
            self.server_cpu_ns
                .and_then(per_event)
                .map_or("–".to_owned(), |ns| format!("{:.2} µs", ns / 1e3)),
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

#[cfg(test)]
mod tests {
    use schema::scenario::{Extent, Scenario};
    use schema::trial::{Failure, Side, TrialKey};

    use super::*;

    /// A failed trial at each point of a sweep.
    fn records(key: &str, values: &str) -> Vec<TrialRecord> {
        let text = format!(
            "question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\n[[sweep]]\nkey = \"{key}\"\nvalues = {values}"
        );
        let scenario = Scenario::parse(&text, "x.toml", "x", &["raw-tcp"], Extent::Full)
            .unwrap_or_else(|error| panic!("{error}"));
        let record = |point: schema::scenario::Point| TrialRecord {
            schema_version: schema::SCHEMA_VERSION,
            index: 0,
            key: TrialKey {
                scenario: scenario.name.clone(),
                point: point.values,
                technique: "raw-tcp".to_owned(),
                target: None,
                repetition: 0,
            },
            technique_label: "Raw TCP".to_owned(),
            technique_order: 0,
            settings: point.settings,
            seed: 1,
            started_unix_s: 0,
            took_ns: 1,
            observed: None,
            result: TrialResult::Failed(Failure { side: Side::Load, reason: "a test".to_owned() }),
            histograms: None,
        };
        scenario.points.into_iter().map(record).collect()
    }

    #[test]
    fn every_point_of_any_sweep_has_a_row_of_its_own() {
        for (key, values) in [("long_polling.hold", r#"["1s", "2s"]"#), ("subscribers.count", "[1, 2]")] {
            let records = records(key, values);
            assert_eq!(records.len(), 2);
            assert_ne!(place(&records[0]), place(&records[1]), "{key}");
        }
    }

    #[test]
    fn intervals_stand_in_the_order_of_their_length() {
        let records = records("short_polling.interval", r#"["500ms", "1s"]"#);
        assert!(place(&records[0]) < place(&records[1]));
    }
}

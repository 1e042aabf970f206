//! The tables at a run's end: a row for each scenario, point and technique, from merged histograms and summed counts; and what
//! searches found, a row for each search's repetitions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hdrhistogram::Histogram;
use model::trial::{TrialOutcome, TrialRecord, TrialResult};

use crate::plan::{Plan, Trial};
use crate::registry;
use crate::runner::progress::show_quantile;
use crate::runner::quantiles::{OneIn, P50, P99};
use crate::store::Store;

/// What the trials of one row add up to.
#[derive(Debug)]
struct Row {
    title: String,
    technique: String,
    latency: Histogram<u64>,
    trials: u32,
    failed: u32,
    /// They are in none of the figures.
    disturbed: u32,
    lost: u64,
    /// None where a trial's bytes were not counted.
    wire_bytes: Option<u64>,
    /// None where it is not known of a trial.
    server_cpu_ns: Option<u64>,
    events: u64,
}

/// The tables, in the order of the plan and the registry; none where there is nothing to show.
///
/// # Errors
///
/// When a histogram cannot be read.
pub(crate) fn tables(store: &Store, plan: &Plan) -> anyhow::Result<String> {
    let tables = [table(store)?, capacities(store, plan)];
    Ok(tables.into_iter().filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n"))
}

/// Of all trials but the steps of searches, which have a rate of their own each.
fn table(store: &Store) -> anyhow::Result<String> {
    let mut rows: BTreeMap<_, Row> = BTreeMap::new();
    let mut scenarios: Vec<&str> = Vec::new();
    for record in store.records().iter().filter(|record| record.search.is_none()) {
        if !scenarios.contains(&record.key.scenario.as_str()) {
            scenarios.push(&record.key.scenario);
        }
        let scenario = scenarios.iter().position(|name| *name == record.key.scenario);
        rows.entry((scenario, place(record))).or_insert_with(|| Row::new(record)).add(store, record)?;
    }
    let lines: Vec<_> = rows.values().map(Row::cells).collect();
    Ok(if lines.is_empty() && !store.records().is_empty() {
        String::new()
    } else {
        aligned(HEAD, &lines, LEFT)
    })
}

/// What the searches found, each repetition's in its order.
fn capacities(store: &Store, plan: &Plan) -> String {
    let mut rows: Vec<([String; 2], String)> = Vec::new();
    let found = plan.trials().filter_map(|trial| Some((names(&trial), store.found(&trial)?.show())));
    for (names, capacity) in found {
        match rows.iter_mut().find(|(known, _)| *known == names) {
            Some((_, capacities)) => capacities.extend([", ", &capacity]),
            None => rows.push((names, capacity)),
        }
    }
    let lines: Vec<_> =
        rows.into_iter().map(|([title, technique], found)| [title, technique, found]).collect();
    match lines.is_empty() {
        true => String::new(),
        false => {
            aligned(["scenario", "technique", "capacity per channel, by repetition"], &lines, &[0, 1, 2])
        }
    }
}

/// Scenario with its point, and technique with its server.
fn names(trial: &Trial<'_>) -> [String; 2] {
    let key = trial.key();
    [title(&key.scenario, &key.point), contestant(&key.technique, key.target.as_deref())]
}

fn title(scenario: &str, point: &BTreeMap<String, String>) -> String {
    let values: String = point.values().map(|value| format!(" {value}")).collect();
    format!("{scenario}{values}")
}

fn contestant(technique: &str, target: Option<&str>) -> String {
    let label = registry::find(technique).map_or(technique, |(_, technique)| technique.label);
    target.map_or_else(|| label.to_owned(), |target| format!("{label} of {target}"))
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
        // At a share of the capacity, each repetition has a rate of its own.
        record.load.unwrap_or(settings.events.rate_per_s).to_bits(),
        settings.short_polling.interval_ns,
    ]
}

impl Row {
    fn new(record: &TrialRecord) -> Self {
        let key = &record.key;
        Self {
            title: title(&key.scenario, &key.point),
            technique: contestant(&key.technique, key.target.as_deref()),
            latency: loadgen::recorder::histogram::empty(),
            trials: 0,
            failed: 0,
            disturbed: 0,
            lost: 0,
            wire_bytes: Some(0),
            server_cpu_ns: Some(0),
            events: 0,
        }
    }

    fn add(&mut self, store: &Store, record: &TrialRecord) -> anyhow::Result<()> {
        if record.disturbance.is_some() {
            self.disturbed += 1;
            return Ok(());
        }
        self.trials += 1;
        match &record.result {
            TrialResult::Failed(_) => self.failed += 1,
            TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => self.add_outcome(outcome),
        }
        if let Some(histogram) = store.histograms(record)?.get("delivery") {
            loadgen::recorder::histogram::merge(&mut self.latency, histogram);
        }
        Ok(())
    }

    fn add_outcome(&mut self, outcome: &TrialOutcome) {
        self.lost += outcome.counts.lost;
        // A client with a clock of its own is a browser, at whose socket nobody stands.
        let counted = outcome.clock.is_none().then(|| outcome.bytes.window.wire());
        self.wire_bytes = self.wire_bytes.zip(counted).map(|(sum, bytes)| sum + bytes);
        self.server_cpu_ns =
            self.server_cpu_ns.zip(outcome.cost.known_server_cpu_ns()).map(|(sum, ns)| sum + ns);
        self.events += outcome.counts.events_in_window;
    }

    fn cells(&self) -> [String; 8] {
        let quantile = |quantile: OneIn| show_quantile(quantile.of(&self.latency, self.lost));
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
        let all = [
            (u64::from(self.failed), "failed"),
            (self.lost, "missing"),
            (u64::from(self.disturbed), "disturbed and left out"),
        ];
        let found = all.iter().filter(|(count, _)| *count > 0);
        found.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

const HEAD: [&str; 8] =
    ["scenario", "technique", "p50", "p99", "bytes/event", "server CPU/event", "trials", "faults"];

/// The columns that hold text.
const LEFT: &[usize] = &[0, 1, 7];

/// The columns of `left` to the left, the others, figures, to the right.
fn aligned<const N: usize>(head: [&str; N], rows: &[[String; N]], left: &[usize]) -> String {
    let head = head.map(str::to_owned);
    let lines: Vec<&[String; N]> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            // Writing to a String does not fail.
            let _ = match left.contains(&column) {
                true => write!(row, "{gap}{cell:<width$}"),
                false => write!(row, "{gap}{cell:>width$}"),
            };
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use model::scenario::{Extent, Scenario};
    use model::trial::{Failure, Side};

    use super::*;
    use crate::fixture;

    /// A failed trial at each point of a sweep.
    fn records(key: &str, values: &str) -> Vec<TrialRecord> {
        let text = format!(
            "question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\n[[sweep]]\nkey = \"{key}\"\nvalues = {values}"
        );
        let scenario = Scenario::parse(&text, "x.toml", "x", &["raw-tcp"], Extent::Full)
            .unwrap_or_else(|error| panic!("{error}"));
        let failed = || TrialResult::Failed(Failure { side: Side::Load, reason: "a test".to_owned() });
        let record = |point: model::scenario::Point| {
            let mut record = fixture::record(failed());
            record.key.point = point.values;
            TrialRecord { settings: point.settings, ..record }
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

    #[test]
    fn repetitions_at_a_share_of_their_own_capacities_are_one_row() {
        let records = records("events.rate", r#"["100/s", "200/s"]"#);
        let at = |record: &TrialRecord| {
            let mut record = TrialRecord { load: Some(1.5), ..record.clone() };
            record.key.point = BTreeMap::from([("load".to_owned(), "150%".to_owned())]);
            record
        };
        assert_eq!(place(&at(&records[0])), place(&at(&records[1])));
    }
}

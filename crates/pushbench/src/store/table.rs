//! `trials.csv`: a row a trial, for spreadsheets. Units stand in the columns' names; a cell is empty when there is no
//! such figure: bytes of a browser's trial, which nobody counted, are not 0. Quantiles are of the delivered events only, whatever is missing, and of every sample, however small: they
//! stand beside their counts.

use model::settings::Client;
use model::trial::{Quantiles, TrialOutcome, TrialRecord, TrialResult, Verdict};

const COLUMNS: [&str; 34] = [
    "index",
    "scenario",
    "point",
    "technique",
    "target",
    "client",
    "repetition",
    "rate_per_s",
    "search_step",
    "search_attempt",
    "search_verdict",
    "load",
    "status",
    "published",
    "expected",
    "delivered",
    "lost",
    "duplicate",
    "reordered",
    "delivery_p50_ns",
    "delivery_p90_ns",
    "delivery_p99_ns",
    "delivery_p99_9_ns",
    "delivery_max_ns",
    "service_p50_ns",
    "service_p99_ns",
    "events_in_window",
    "responses",
    "empty_responses",
    "requests",
    "wire_up_bytes",
    "wire_down_bytes",
    "overhead_bytes",
    "server_cpu_ns",
];

/// The table of all records, in their order.
///
/// # Errors
///
/// When a row cannot be encoded.
pub(super) fn csv(records: &[TrialRecord]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for record in records {
        writer.write_record(row(record))?;
    }
    Ok(writer.into_inner()?)
}

fn row(record: &TrialRecord) -> Vec<String> {
    let status = match &record.result {
        TrialResult::Complete(_) => "complete",
        TrialResult::Incomplete(_) => "incomplete",
        TrialResult::Failed(_) => "failed",
    };
    let point: Vec<_> = record.key.point.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut row = vec![
        record.index.to_string(),
        record.key.scenario.clone(),
        point.join(" "),
        record.key.technique.clone(),
        record.key.target.clone().unwrap_or_default(),
        client(record.settings.client).to_owned(),
        record.key.repetition.to_string(),
        record.settings.events.rate_per_s.to_string(),
    ];
    row.extend(search(record));
    row.push(status.to_owned());
    match record.result.outcome() {
        Some(outcome) => row.extend(figures(outcome)),
        None => row.resize(COLUMNS.len(), String::new()),
    }
    row
}

/// A trial's place in a search, or behind it.
fn search(record: &TrialRecord) -> [String; 4] {
    let load = record.load.map_or_else(String::new, |load| load.to_string());
    let Some(step) = &record.search else { return [String::new(), String::new(), String::new(), load] };
    let verdict = match step.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed { .. } => "failed",
        Verdict::NotJudged { .. } => "not judged",
    };
    [step.step.to_string(), step.attempt.to_string(), verdict.to_owned(), load]
}

fn client(client: Client) -> &'static str {
    match client {
        Client::Native => "native",
        Client::Chromium => "chromium",
        Client::Firefox => "firefox",
    }
}

fn figures(outcome: &TrialOutcome) -> Vec<String> {
    let counts = &outcome.counts;
    let of = |quantiles: &Option<Quantiles>, pick: fn(&Quantiles) -> u64| {
        quantiles.as_ref().map(|quantiles| pick(quantiles).to_string()).unwrap_or_default()
    };
    let window = &outcome.bytes.window;
    let counted = [
        counts.published,
        counts.expected,
        counts.delivered,
        counts.lost,
        counts.duplicate,
        counts.reordered,
    ];
    let latency = [
        of(&outcome.delivery, |q| q.p50_ns),
        of(&outcome.delivery, |q| q.p90_ns),
        of(&outcome.delivery, |q| q.p99_ns),
        of(&outcome.delivery, |q| q.p99_9_ns),
        of(&outcome.delivery, |q| q.max_ns),
        of(&outcome.service, |q| q.p50_ns),
        of(&outcome.service, |q| q.p99_ns),
    ];
    let work = [counts.events_in_window, counts.responses, counts.empty_responses, counts.requests].map(Some);
    // A client with a clock of its own is a browser, at whose socket nobody stands.
    let is_counted = outcome.clock.is_none();
    let bytes =
        [window.up.wire(), window.down.wire(), window.overhead()].map(|bytes| is_counted.then_some(bytes));
    let cpu = [outcome.cost.known_server_cpu_ns()];
    let text = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let work = work.into_iter().chain(bytes).chain(cpu).map(text);
    counted.iter().map(u64::to_string).chain(latency).chain(work).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::trial::{ClientClock, SearchStep};

    use super::*;
    use crate::fixture;

    fn record(outcome: TrialOutcome) -> TrialRecord {
        fixture::record(TrialResult::Complete(Box::new(outcome)))
    }

    /// The only row's cells, by their columns.
    fn cells(record: TrialRecord) -> BTreeMap<String, String> {
        let table = csv(&[record]).unwrap();
        let mut reader = csv::Reader::from_reader(table.as_slice());
        let row = reader.deserialize().next().expect("a row");
        row.unwrap()
    }

    const BYTES: [&str; 3] = ["wire_up_bytes", "wire_down_bytes", "overhead_bytes"];

    #[test]
    fn bytes_that_nobody_counted_are_empty_and_not_0() {
        let native = cells(record(fixture::outcome()));
        assert_eq!(BYTES.map(|column| native[column].as_str()), ["0", "0", "0"]);
        let clock = ClientClock { resolution_ns: 5_000, offset_bound_ns: 1, exchanges: 9, isolated: true };
        let browser = cells(record(TrialOutcome { clock: Some(clock), ..fixture::outcome() }));
        assert_eq!(BYTES.map(|column| browser[column].as_str()), ["", "", ""]);
        assert_eq!((browser["requests"].as_str(), browser["server_cpu_ns"].as_str()), ("0", ""));
    }

    #[test]
    fn a_step_of_a_search_stands_there_with_what_it_said() {
        let verdict = Verdict::NotJudged { why: "busy".to_owned() };
        let step = SearchStep { step: 4, attempt: 1, rate_per_s: 100.0, verdict };
        let searched = cells(TrialRecord { search: Some(step), ..record(fixture::outcome()) });
        let of = |column: &str| searched[column].clone();
        let found = ["search_step", "search_attempt", "search_verdict", "load", "status"].map(of);
        assert_eq!(found, ["4", "1", "not judged", "", "complete"]);
        let loaded = cells(TrialRecord { load: Some(1.25), ..record(fixture::outcome()) });
        assert_eq!((loaded["search_step"].as_str(), loaded["load"].as_str()), ("", "1.25"));
    }
}

//! `trials.csv`: a row a trial, for spreadsheets. Units stand in the columns' names; a cell is empty when there is no
//! such figure. Quantiles are of the delivered events only, whatever is missing, and of every sample, however small: they
//! stand beside their counts.

use schema::settings::Client;
use schema::trial::{Quantiles, TrialOutcome, TrialRecord, TrialResult};

const COLUMNS: [&str; 29] = [
    "index",
    "scenario",
    "point",
    "technique",
    "target",
    "client",
    "repetition",
    "status",
    "published",
    "expected",
    "delivered",
    "missing",
    "duplicate",
    "reordered",
    "delivery_p50_ns",
    "delivery_p90_ns",
    "delivery_p99_ns",
    "delivery_p99_9_ns",
    "delivery_max_ns",
    "service_p50_ns",
    "service_p99_ns",
    "events_between_edges",
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
        status.to_owned(),
    ];
    match record.result.outcome() {
        Some(outcome) => row.extend(figures(outcome)),
        None => row.resize(COLUMNS.len(), String::new()),
    }
    row
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
        counts.missing,
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
    let work = [
        counts.events_between_edges,
        counts.responses,
        counts.empty_responses,
        counts.requests,
        window.up.wire(),
        window.down.wire(),
        window.overhead(),
    ];
    let cpu = outcome.cost.known_server_cpu_ns().map_or_else(String::new, |ns| ns.to_string());
    let text = |value: &u64| value.to_string();
    counted.iter().map(text).chain(latency).chain(work.iter().map(text)).chain([cpu]).collect()
}
